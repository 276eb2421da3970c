/*
 * The Receiver controller: keeps the path of the webhook in the status. Calls
 * are receiver_call.c's. Rules and texts: the notification API of Flux, see
 * docs/compatibility.md for what differs.
 */
#include "base/clock.h"
#include "base/log.h"
#include "control/receiver_call.h"
#include "control/receiver_filter.h"
#include "control/receiver_secret.h"
#include "control/status.h"

#define FIELD_MANAGER "gotk-notification-controller"

struct run {
    struct work *work;
    arena *a;
    struct status status;
    struct receiver_spec spec;
    struct outcome *out;
};

/* Ready, and an event when that is news. */
static void set_ready(struct run *run, const char *value, str reason, str message, str event)
{
    bool good = str_is(str_of(value), "True");
    if (!status_ready(&run->status, value, reason, message)) return;
    manager_event(run->work, good ? MANAGER_INFO : MANAGER_ERROR, good ? "Succeeded" : "Failed",
                  event, NULL, 0);
}

static err *stall(struct run *run, const err *e)
{
    str reason = str_of(e->reason);
    str message = str_concat(run->a,
                             STR("Reconciliation failed terminally due to configuration "
                                 "error: "),
                             err_text(e));
    set_ready(run, "False", reason, message, message);
    status_stalled(&run->status, reason, message);
    status_put(&run->status, "webhookPath", NULL);
    status_observed(&run->status);
    status_handled(&run->status);
    return status_save(&run->status);
}

/* compat: a token that cannot be read takes the path away, and is looked for again. */
static err *no_token(struct run *run, const err *e)
{
    str message = str_dup(run->a, err_text(e));
    set_ready(run, "False", STR("TokenNotFound"), message, message);
    status_put(&run->status, "webhookPath", NULL);
    status_reconciling(&run->status, STR("ProgressingWithRetry"),
                       STR("reconciliation in progress"));
    status_handled(&run->status);
    run->out->retry = true;
    return status_save(&run->status);
}

static err *succeed(struct run *run, str path)
{
    int64_t interval_ns = manager_jitter(run->work->manager, run->spec.interval_ns);
    str next = clock_format_duration(run->a, run->spec.interval_ns);
    set_ready(run, "True", STR("Succeeded"),
              str_concat(run->a, STR("Receiver initialized for path: "), path),
              str_concat(run->a, STR("Reconciliation finished, next run in "), next));
    status_unset(&run->status, "Reconciling");
    status_unset(&run->status, "Stalled");
    status_put_str(&run->status, "webhookPath", path);
    status_observed(&run->status);
    status_handled(&run->status);
    run->out->again_ns = interval_ns;
    return status_save(&run->status);
}

static err *run_once(struct run *run)
{
    struct work *work = run->work;
    node *data;
    str token;
    err *e AUTO(err_done) = receiver_filter_check(run->a, &run->spec);
    if (e) return stall(run, e);
    e = receiver_secret_read(manager_kube(work->manager), run->a, work->namespace, &run->spec,
                             &data, &token);
    if (e) return no_token(run, e);
    return succeed(run, receiver_secret_path(run->a, token, work->name, work->namespace));
}

static err *reconcile(struct work *work, struct outcome *out)
{
    struct run run = {
        .work = work, .a = work->a, .status = status_begin(work, FIELD_MANAGER), .out = out};
    if (node_find(work->object, "metadata", "deletionTimestamp", NULL))
        return status_remove_finalizer(work);
    err *e AUTO(err_done) = receiver_spec_decode(work->a, work->object, &run.spec);
    if (e) {
        e = err_because(e, "ValidationFailed");
        return stall(&run, e);
    }
    TRY(status_add_finalizer(work));
    if (run.spec.suspend) {
        log_debug("Reconciliation is suspended for this object", LOG_STR("name", work->name),
                  LOG_STR("namespace", work->namespace));
        return NULL;
    }
    return run_once(&run);
}

/* The Secret, when its changes are watched; and the path, by which a call finds us. */
static void refs(arena *a, const node *object, str **keys_out, size_t *count_out)
{
    str *keys = NEW_ARRAY(a, str, 2);
    size_t count = 0;
    str namespace = node_find_str(object, "metadata", "namespace", NULL);
    str name = node_find_str(object, "spec", "secretRef", "name", NULL);
    str path = node_find_str(object, "status", "webhookPath", NULL);
    if (name.len) keys[count++] = objects_key(a, STR("Secret"), namespace, name);
    if (path.len) keys[count++] = receiver_call_key(a, path);
    *keys_out = keys;
    *count_out = count;
}

CONTROLLER(receiver) = {
    .name = "receiver",
    .kind = {{"notification.toolkit.fluxcd.io", 30}, {"v1", 2}, {"Receiver", 8}},
    .plural = "receivers",
    .component = "notification-controller",
    .reconcile = reconcile,
    .refs = refs,
};
