#include "control/delivered.h"

#include "base/clock.h"
#include "notify/hub.h"

static const struct field status_fields[] = {
    FIELD_SHOWN("observedGeneration", FIELD_INT,
                .doc = "The generation of the object that was last handled."),
    FIELD_SHOWN("conditions", FIELD_LIST, .schema = &kind_condition,
                .doc = "Ready: the spec can be used; whether deliveries succeed does not count. "
                       "Delivered: the last delivery succeeded."),
    FIELD_SHOWN("lastDeliveryAt", FIELD_TIME, .doc = "When something was last delivered."),
    FIELD_SHOWN("lastFailureAt", FIELD_TIME, .doc = "When a delivery last failed."),
    FIELD_SHOWN("lastError", FIELD_STR, .doc = "Why the last delivery that failed did."),
    FIELD_SHOWN("failuresInARow", FIELD_INT, .doc = "Deliveries that failed since one succeeded."),
    FIELD_SHOWN("sent", FIELD_INT, .doc = "Notices delivered since the operator started."),
    FIELD_SHOWN("summedUp", FIELD_INT,
                .doc = "Events that were told as part of a sum; of a Provider."),
    FIELD_SHOWN("skipped", FIELD_INT,
                .doc = "Events that this kind of service is not told of, since the start."),
    FIELD_SHOWN("lost", FIELD_INT, .doc = "Notices given up since the operator started."),
    FIELD_SHOWN("waiting", FIELD_INT, .doc = "Notices that wait to be delivered; of a Provider."),
    FIELD_SHOWN("lastHandledReconcileAt", FIELD_STR,
                .doc = "The last reconcile.fluxcd.io/requestedAt that was handled."),
};
const struct schema delivered_status = SCHEMA_SHOWN(status_fields);

static void put_count(struct status *status, const char *field, uint64_t count)
{
    arena *a = status->work->a;
    status_put(status, field, count ? node_int(a, (int64_t)count) : NULL);
}

static void put_time(struct status *status, const char *field, int64_t wall_ns)
{
    if (wall_ns) status_put_str(status, field, clock_format(status->work->a, wall_ns));
}

/* Nothing is said of deliveries until there was one. */
static void put_tally(struct status *status, const struct outlet_tally *tally)
{
    str error = str_dup(status->work->a, str_of(tally->last_error));
    if (tally->failures) {
        status_set(status, "Delivered", "False", STR("DeliveryFailed"), error);
    } else if (tally->sent) {
        status_set(status, "Delivered", "True", STR("Succeeded"),
                   STR("The last event was delivered"));
    }
    put_time(status, "lastDeliveryAt", tally->sent_wall_ns);
    put_time(status, "lastFailureAt", tally->failed_wall_ns);
    if (error.len) status_put_str(status, "lastError", error);
    put_count(status, "failuresInARow", (uint64_t)tally->failures);
    put_count(status, "sent", tally->sent);
    put_count(status, "summedUp", tally->summed);
    put_count(status, "skipped", tally->skipped);
    put_count(status, "lost", tally->lost);
    put_count(status, "waiting", tally->waiting);
}

err *delivered_save(struct work *work, str key, const err *error)
{
    struct status status = status_begin(work, "notification-controller");
    struct outlet_tally tally = {0};
    if (error) {
        str text = str_dup(work->a, err_text(error)), reason = str_of(error->reason);
        if (!reason.len) reason = STR("ValidationFailed");
        status_set(&status, "Ready", "False", reason, text);
        status_stalled(&status, reason, text);
    } else {
        status_unset(&status, "Stalled");
        status_set(&status, "Ready", "True", STR("Succeeded"), STR("Initialized"));
    }
    if (hub_tally(manager_hub(work->manager), key, &tally)) put_tally(&status, &tally);
    status_observed(&status);
    status_handled(&status);
    return status_save(&status);
}
