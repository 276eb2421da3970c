#pragma once
/*
 * One Provider at work: a bounded queue of notices, and one delivery at a time.
 * Everything runs on the loop, nothing waits for anything else, so a service
 * that hangs delays only its own queue. [loop]
 *
 * The Secrets are read before a delivery, when the last reading is older than a
 * few seconds. A delivery that failed and may work later (no connection,
 * time-out, 429, 5xx) is tried again with back-off and jitter until it is an
 * hour old; one that needs a human (401, 403, 404, a missing Secret) a few
 * times; any other refusal is final. When the queue is full, the oldest notice
 * that is no error goes first.
 */
#include "notify/destination.h"
#include "notify/flood.h"

struct outlet;

/* How deliveries went, of an outlet or of an Alert. */
struct outlet_tally {
    uint64_t sent, failed, lost, skipped, summed;
    int failures; /* in a row */
    size_t waiting;
    int64_t sent_wall_ns, failed_wall_ns; /* of the last; 0: never */
    char last_error[512];
};

enum outlet_outcome {
    OUTLET_SENT,
    OUTLET_SKIPPED, /* the service is not told of such events */
    OUTLET_FAILED,  /* is tried again */
    OUTLET_LOST,    /* is not */
};

/* Counts an end of a delivery in. */
void outlet_count(struct outlet_tally *tally, enum outlet_outcome outcome, const err *error);

struct outlet_options {
    struct loop *loop;
    struct kube *kube; /* reads the Secrets */
    int64_t retry_first_ns, retry_last_ns;
    int rate; /* deliveries per second; 0: no bound */
    struct flood_options flood;
    const struct provider *provider; /* NULL: that of the spec's type */
    bool raw;                        /* notices go out as they are: keys keep their prefixes */
    /* A delivery has ended. `error` is borrowed, without secrets, NULL when all went well. */
    void (*settled)(void *context, struct outlet *outlet, const struct rule *rule,
                    const struct notice *notice, enum outlet_outcome outcome, const err *error);
    void *context;
};

struct outlet *outlet_new(const struct outlet_options *options, const struct target_spec *spec);
void outlet_free(struct outlet *outlet); /* what waits is dropped */
/* The Provider has changed: what waits goes to where it points now, at once. */
void outlet_change(struct outlet *outlet, const struct target_spec *spec);
const struct target_spec *outlet_spec(const struct outlet *outlet);
void outlet_send(struct outlet *outlet, struct rule *rule, struct notice *notice);
/* The end is near: sums are made now, and no rate holds anything up. */
void outlet_hurry(struct outlet *outlet);
/* Something is on its way, or will be in no time: not after a failure. */
bool outlet_is_busy(const struct outlet *outlet);
void outlet_tally(const struct outlet *outlet, struct outlet_tally *out);
