/* Providers: delivery is the hub's; here they are handed to it, and their status is kept. */
#include "control/delivered.h"
#include "control/provider_spec.h"
#include "notify/hub.h"

/* Only a change of the spec is news: the status is written after deliveries, by us. */
static void seen(struct manager *manager, str key, const node *object)
{
    arena a AUTO(arena_done) = {0};
    struct hub *hub = manager_hub(manager);
    struct provider_spec spec;
    err *e AUTO(err_done) = object ? provider_spec_decode(&a, object, &spec) : NULL;
    if (!object || e) {
        hub_remove(hub, key);
        return;
    }
    struct target_spec target = provider_spec_target(&a, object, &spec);
    hub_put_provider(hub, &target);
}

static err *reconcile(struct work *work, struct outcome *out UNUSED)
{
    struct provider_spec spec;
    str key = objects_key(work->a, STR("Provider"), work->namespace, work->name);
    /* compat: the notification-controller of Flux puts one on every Provider. */
    TRY(status_remove_finalizer(work));
    if (node_find(work->object, "metadata", "deletionTimestamp", NULL)) return NULL;
    err *e AUTO(err_done) = provider_spec_decode(work->a, work->object, &spec);
    if (!e) {
        struct target_spec target = provider_spec_target(work->a, work->object, &spec);
        e = destination_check(&target);
    }
    return delivered_save(work, key, e);
}

CONTROLLER(provider) = {
    .name = "provider",
    .kind = {{"notification.toolkit.fluxcd.io", 30}, {"v1beta3", 7}, {"Provider", 8}},
    .plural = "providers",
    .component = "notification-controller",
    .reconcile = reconcile,
    .seen = seen,
};
