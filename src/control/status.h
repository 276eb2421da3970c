#pragma once
/*
 * Conditions and the status of our objects: the algebra of Flux conditions
 * (spec/flux-sources.md 2.4) on a node, and one patch at the end that sends
 * only what changed.
 *
 *     struct status status = status_begin(work);
 *     status_set(&status, "Ready", "False", "BuildFailed", message);
 *     status_put(&status, "lastAttemptedRevision", node);
 *     TRY(status_save(&status));
 */
#include "control/manager.h"

struct status {
    struct work *work;
    node *before;        /* status as the server has it; never changed */
    node *now;           /* our copy */
    const char *manager; /* field manager: "gotk-kustomize-controller", "source-controller" */
};

struct status status_begin(struct work *work, const char *field_manager);

/* status: "True", "False" or "Unknown". The message is cut at LIMIT_MESSAGE_BYTES. */
void status_set(struct status *status, const char *type, const char *value, str reason,
                str message);
void status_unset(struct status *status, const char *type);
/* Ready, and true when it says something new, which is worth an event. */
bool status_ready(struct status *status, const char *value, str reason, str message);
/* The same, and the event: an error unless value is "True". */
void status_tell_ready(struct status *status, const char *value, str reason, str message);
bool status_is(const struct status *status, const char *type, const char *value);
str status_reason(const struct status *status, const char *type);
str status_message(const struct status *status, const char *type);
/* Reconciling=True (and no Stalled); Stalled=True (and no Reconciling). */
void status_reconciling(struct status *status, str reason, str message);
void status_stalled(struct status *status, str reason, str message);

/* Other fields of status; a NULL value removes the field. */
void status_put(struct status *status, const char *field, node *value);
void status_put_str(struct status *status, const char *field, str text);
node *status_get(const struct status *status, const char *field);

/* observedGeneration = metadata.generation. */
void status_observed(struct status *status);
/* lastHandledReconcileAt = the object's requestedAt annotation, if it has one. */
void status_handled(struct status *status);
/* Is the requestedAt annotation one that no run has handled yet? */
bool status_is_requested(const struct status *status);

/* Sends what differs as a merge patch of the status subresource; nothing when nothing differs. The
 * order of conditions is Flux's. A missing object is fine (it was deleted meanwhile). */
MUST_USE err *status_save(struct status *status);

/* metadata of any object */
bool status_object_is_ready(
    const node *object); /* Ready=True and observedGeneration == generation */
const node *status_condition_of(const node *object, const char *type);
/* The merge patch of an object that asks for a run, at a time that no one before has named. */
node *status_request(arena *a, str when);

/* Adds or removes the finalizer `finalizers.fluxcd.io`. */
MUST_USE err *status_add_finalizer(struct work *work);
MUST_USE err *status_remove_finalizer(struct work *work);
