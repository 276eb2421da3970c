#pragma once
/*
 * Where events come together and go out to people: the Alerts and Providers of
 * the cluster, and everything between. An event is compared with the last ones
 * (a repetition is no news), with every Alert, and put into the queue of each
 * Provider whose Alert it matches (outlet.h). An object that failed and is well
 * again says for how long it was not.
 *
 * Handing an event over costs its copy, on any thread; all else happens on the
 * loop. Queues are in memory.
 */
#include "notify/outlet.h"

struct hub;

struct hub_options {
    struct loop *loop;
    struct kube *kube;
    int64_t same_ns; /* an event that repeats another within that time is dropped */
    int64_t retry_first_ns, retry_last_ns;
    int rate; /* of each Provider, per second; 0: no bound */
    struct flood_options flood;
    bool no_cross_namespace_refs;
    str forward; /* URL of another hub that gets all events of our own controllers; empty: none */
    /* [loop] The labels of an object of our own kinds; NULL when it is none that we know. */
    const node *(*labels)(void *context, arena *a, const struct kube_ref *ref);
    /* [loop] What hub_tally says of "Alert/ns/name" or "Provider/ns/name" has changed. */
    void (*changed)(void *context, str key);
    /* [loop] Something to say about an Alert: a Warning event. */
    void (*report)(void *context, const struct rule *rule, const char *reason, str message);
    void *context;
};

struct hub *hub_new(struct hub_options options);
/* [any but the loop] What services take in a few seconds is sent; the rest is lost. */
void hub_free(struct hub *hub);

/* [loop] The Alerts and Providers as they are now. */
void hub_put_alert(struct hub *hub, const struct rule_spec *spec);
void hub_put_provider(struct hub *hub, const struct target_spec *spec);
void hub_remove(struct hub *hub, str key);

/* [loop] The object "Kind/ns/name" is gone: another of its name does not recover from its failure.
 */
void hub_forget(struct hub *hub, str subject);

/* [any] An event of our own controllers. Everything is copied. */
void hub_take(struct hub *hub, const struct notice *notice);
/* [loop] An event that somebody posted. False, with the time to wait, when it repeats another. */
bool hub_post(struct hub *hub, const struct notice *notice, int64_t *wait_ns_out);

/* [any] False when there is no such Alert or Provider. */
bool hub_tally(struct hub *hub, str key, struct outlet_tally *out);
