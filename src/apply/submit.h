#pragma once
/*
 * Objects to the API server: first all of them as a dry run, then stage by
 * stage for real. Server-side apply, force, one field manager. For workers;
 * many requests are in flight at a time.
 */
#include <stdatomic.h>

#include "apply/observed.h"
#include "apply/order.h"
#include "apply/prepare.h"

enum submit_state {
    SUBMIT_KEEP,   /* as wanted, and nobody touched it: no request */
    SUBMIT_CHANGE, /* to be validated and applied */
    SUBMIT_HEAL,   /* to be applied; it was valid before somebody changed it */
    SUBMIT_SKIP,   /* switched off by a label or annotation, here or on the live object */
    SUBMIT_LATER,  /* needs a kind or namespace that this same set brings: validated after it */
    SUBMIT_DONE,   /* applied in this run */
};

enum submit_action { SUBMIT_NOTHING, SUBMIT_CREATED, SUBMIT_CONFIGURED, SUBMIT_UNCHANGED };

/* One object on its way. */
struct piece {
    struct kube_ref ref;
    node *object;     /* prepared; our own copy */
    uint64_t desired; /* digest of object */
    enum order_stage stage;
    enum submit_state state;
    enum submit_action action; /* what came of it */
    bool drifted;              /* it was as wanted, until somebody changed it */
    bool unsure;               /* it may have drifted while we were away: looking at it tells */
    bool recreate;             /* an immutable field changes, and force is on */
    bool exists;               /* the dry run found it */
    str live_version;          /* resourceVersion before the apply */
    str live_uid;
    node *handover;       /* JSON patch that takes other managers' claims over; NULL: none needed */
    node *live, *applied; /* of a drifted one: as it was found, as it is now */
    err *error;           /* why it was refused; owned */
};

struct pieces {
    struct piece *items;
    size_t count;
    str owner;   /* "ns/name" of the unit */
    bool force;  /* spec.force */
    bool yields; /* what changed since it was looked at, or is another unit's, is left alone */
    bool keep_answers; /* submit_validate puts what the dry run answers into piece->applied */
    arena *a;
};

/* Sorts into the order of apply and gives each its stage. */
void submit_sort(struct pieces *pieces);
void submit_done(struct pieces *pieces); /* frees the errors */

/*
 * Dry run of all that is SUBMIT_CHANGE or, with `late`, SUBMIT_LATER. On return each piece is what
 * it has to be: SKIP when the live object says so, LATER when it waits for another piece. The error
 * has every refusal, a line each, in the order of apply; kind TRANSIENT when a repetition may help,
 * and reason "NoMatch" when only unknown kinds stand in the way.
 */
MUST_USE err *submit_validate(struct kube *kube, struct pieces *pieces, bool late,
                              const atomic_bool *cancel);

/* Applies the pieces of one stage that are SUBMIT_CHANGE or SUBMIT_HEAL. What was applied is
 * SUBMIT_DONE and known to `observed`. The error has every failure. *busy_out: an object that is
 * replaced has not gone yet. */
MUST_USE err *submit_apply(struct kube *kube, struct observed *observed, struct pieces *pieces,
                           enum order_stage stage, const atomic_bool *cancel, bool *busy_out);

const char *
submit_action_name(enum submit_action action); /* "created", "configured", "unchanged" */
