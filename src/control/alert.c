/* Alerts: matching is the hub's; here they are handed to it, and their status is kept. */
#include "base/hash.h"
#include "control/alert_spec.h"
#include "control/delivered.h"
#include "notify/hub.h"

static void seen(struct manager *manager, str key, const node *object)
{
    arena a AUTO(arena_done) = {0};
    struct hub *hub = manager_hub(manager);
    struct alert_spec spec;
    err *e AUTO(err_done) = object ? alert_spec_decode(&a, object, &spec) : NULL;
    if (!object || e) {
        hub_remove(hub, key); /* reconcile says what is wrong with it */
        return;
    }
    struct rule_spec rule = alert_spec_rule(&a, object, &spec);
    hub_put_alert(hub, &rule);
}

/* compat: an expression that cannot be read is passed over, and an event says so. */
static void check_expressions(struct work *work, const struct alert_spec *spec)
{
    struct rule_spec given = alert_spec_rule(work->a, work->object, spec);
    struct rule *rule = rule_new(&given);
    /* What is remembered is no pointer: a digest of the text that was told. */
    void *told = rule->trouble.len ? (void *)(uintptr_t)(hash_stable(rule->trouble) | 1) : NULL;
    if (told && told != *work->memory)
        manager_event(work, MANAGER_ERROR, "InvalidConfig", str_dup(work->a, rule->trouble), NULL,
                      0);
    *work->memory = told;
    rule_unref(rule);
}

static err *reconcile(struct work *work, struct outcome *out UNUSED)
{
    struct alert_spec spec;
    str key = objects_key(work->a, STR("Alert"), work->namespace, work->name);
    /* compat: an older notification-controller may have left one. */
    TRY(status_remove_finalizer(work));
    if (node_find(work->object, "metadata", "deletionTimestamp", NULL)) return NULL;
    err *e AUTO(err_done) = alert_spec_decode(work->a, work->object, &spec);
    if (!e) check_expressions(work, &spec);
    return delivered_save(work, key, e);
}

CONTROLLER(alert) = {
    .name = "alert",
    .kind = {{"notification.toolkit.fluxcd.io", 30}, {"v1beta3", 7}, {"Alert", 5}},
    .plural = "alerts",
    .component = "notification-controller",
    .reconcile = reconcile,
    .seen = seen,
};
