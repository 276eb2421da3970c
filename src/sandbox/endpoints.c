#include "sandbox/endpoints.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "sandbox/family.h"
#include "sandbox/removal.h"
#include "sandbox/write.h"

#define MANAGER      "kube-controller-manager"
#define SERVICE_NAME "kubernetes.io/service-name"
#define MANAGED_BY   "endpointslice.kubernetes.io/managed-by"

struct endpoints {
    struct world *world;
    struct loop *loop;
    struct store_listener listener;
    struct loop_timer timer;
    const struct served *services, *pods, *lists, *slices; /* built in, so they stay */
    struct map dirty;                                      /* "namespace/name" of Services */
};

/* One Service at work. */
struct service {
    struct endpoints *endpoints;
    arena *a;
    const node *object, *spec;
    str namespace, name;
    const node **pods; /* those it selects that have an address, by address */
    size_t pod_count, pod_room;
};

static str address_of(const node *pod)
{
    return node_find_str(pod, "status", "podIP", NULL);
}

static int by_address(const void *left, const void *right)
{
    return str_cmp(address_of(*(const node *const *)left), address_of(*(const node *const *)right));
}

static bool is_ready(const node *pod)
{
    NODE_EACH (node_find(pod, "status", "conditions", NULL), condition) {
        if (str_is(node_get_str(condition, STR("type")), "Ready"))
            return str_is(node_get_str(condition, STR("status")), "True");
    }
    return false;
}

static bool selects(const node *wanted, const node *pod)
{
    const node *labels = node_find(pod, "metadata", "labels", NULL);
    PAIR_EACH (wanted, pair) {
        const node *have = node_get(labels, pair->key);
        if (!have || !node_equal(have, pair->value)) return false;
    }
    return node_is_map(wanted) && wanted->count;
}

static void find_pods(struct service *service)
{
    const node *wanted = node_get(service->spec, STR("selector"));
    MAP_EACH (&service->endpoints->pods->collection->objects, entry) {
        const node *pod = ((const doc *)entry->value)->root;
        str phase = node_find_str(pod, "status", "phase", NULL);
        bool over = str_is(phase, "Succeeded") || str_is(phase, "Failed");
        if (over || !address_of(pod).len ||
            !str_eq(node_find_str(pod, "metadata", "namespace", NULL), service->namespace))
            continue;
        if (selects(wanted, pod))
            *ARENA_PUSH(service->a, service->pods, service->pod_count, service->pod_room) = pod;
    }
    if (service->pod_count)
        qsort(service->pods, service->pod_count, sizeof *service->pods, by_address);
}

/* A number, or that of a container's port of this name; 0 when no pod has one. */
static int64_t target_of(const struct service *service, const node *port)
{
    int64_t number = 0;
    const node *target = node_get(port, STR("targetPort"));
    if (!target) return node_get_int(port, STR("port"), 0);
    if (node_to_int(target, &number)) return number;
    for (size_t i = 0; i < service->pod_count && !number; i++) {
        NODE_EACH (node_find(service->pods[i], "spec", "containers", NULL), container) {
            NODE_EACH (node_get(container, STR("ports")), offered) {
                if (str_eq(node_get_str(offered, STR("name")), target->text))
                    number = node_get_int(offered, STR("containerPort"), 0);
            }
        }
    }
    return number;
}

static node *ports_of(const struct service *service, bool slice)
{
    arena *a = service->a;
    node *list = node_list(a);
    NODE_EACH (node_get(service->spec, STR("ports")), port) {
        int64_t number = target_of(service, port);
        str name = node_get_str(port, STR("name"));
        if (!number) continue;
        node *out = node_map(a);
        if (name.len || slice) node_set_str(a, out, STR("name"), name);
        node_set_int(a, out, STR("port"), number);
        node_set_str(a, out, STR("protocol"), node_get_str(port, STR("protocol")));
        node_push(a, list, out);
    }
    return list;
}

static node *reference_to(arena *a, const node *pod)
{
    node *ref = node_map(a);
    node_set_str(a, ref, STR("kind"), STR("Pod"));
    node_set_str(a, ref, STR("namespace"), node_find_str(pod, "metadata", "namespace", NULL));
    node_set_str(a, ref, STR("name"), node_find_str(pod, "metadata", "name", NULL));
    node_set_str(a, ref, STR("uid"), node_find_str(pod, "metadata", "uid", NULL));
    return ref;
}

static node *object_of(const struct service *service, str name)
{
    arena *a = service->a;
    node *object = node_map(a), *metadata = node_make_map(a, object, STR("metadata"));
    node_set_str(a, metadata, STR("name"), name);
    node_set_str(a, metadata, STR("namespace"), service->namespace);
    const node *labels = node_find(service->object, "metadata", "labels", NULL);
    if (labels) node_set(a, metadata, STR("labels"), doc_copy(a, labels));
    return object;
}

static void put(const struct service *service, const struct served *served, node *object)
{
    /* What cannot be stored (a namespace that ends) is not missed. */
    err *e AUTO(err_done) = write_put(service->endpoints->world, served, MANAGER, "", object);
}

static void put_list(const struct service *service)
{
    arena *a = service->a;
    node *object = object_of(service, service->name), *ready = node_list(a), *not = node_list(a);
    for (size_t i = 0; i < service->pod_count; i++) {
        const node *pod = service->pods[i];
        node *address = node_map(a);
        node_set_str(a, address, STR("ip"), address_of(pod));
        node_set(a, address, STR("targetRef"), reference_to(a, pod));
        node_push(a, is_ready(pod) ? ready : not, address);
    }
    if (service->pod_count) {
        node *subset = node_map(a), *subsets = node_list(a), *ports = ports_of(service, false);
        if (ready->count) node_set(a, subset, STR("addresses"), ready);
        if (not ->count) node_set(a, subset, STR("notReadyAddresses"), not );
        if (ports->count) node_set(a, subset, STR("ports"), ports);
        node_push(a, subsets, subset);
        node_set(a, object, STR("subsets"), subsets);
    }
    put(service, service->endpoints->lists, object);
}

static void put_slice(const struct service *service)
{
    arena *a = service->a;
    str uid = node_find_str(service->object, "metadata", "uid", NULL);
    node *object = object_of(service, str_printf(a, STR_FMT "-%05x", STR_ARG(service->name),
                                                 (unsigned)(hash_stable(uid) & 0xfffff)));
    node *metadata = node_get(object, STR("metadata")), *list = node_list(a);
    node *labels = node_make_map(a, metadata, STR("labels"));
    node_set_str(a, labels, STR(SERVICE_NAME), service->name);
    node_set_str(a, labels, STR(MANAGED_BY), STR("endpointslice-controller.k8s.io"));
    family_set_controller(a, metadata, STR("v1"), STR("Service"), service->name,
                          node_find_str(service->object, "metadata", "uid", NULL));
    for (size_t i = 0; i < service->pod_count; i++) {
        const node *pod = service->pods[i];
        node *endpoint = node_map(a), *addresses = node_list(a);
        node *conditions = node_make_map(a, endpoint, STR("conditions"));
        bool ends = node_find(pod, "metadata", "deletionTimestamp", NULL) != NULL;
        node_push(a, addresses, node_str(a, address_of(pod)));
        node_set(a, endpoint, STR("addresses"), addresses);
        node_set_bool(a, conditions, STR("ready"), is_ready(pod) && !ends);
        node_set_bool(a, conditions, STR("serving"), is_ready(pod));
        node_set_bool(a, conditions, STR("terminating"), ends);
        node_set(a, endpoint, STR("targetRef"), reference_to(a, pod));
        node_push(a, list, endpoint);
    }
    node_set_str(a, object, STR("addressType"), STR("IPv4"));
    node_set(a, object, STR("endpoints"), list);
    node_set(a, object, STR("ports"), ports_of(service, true));
    put(service, service->endpoints->slices, object);
}

static void sync(struct endpoints *endpoints, str key)
{
    arena a AUTO(arena_done) = {0};
    const doc *d = map_get(&endpoints->services->collection->objects, key);
    if (!d || node_find(d->root, "metadata", "deletionTimestamp", NULL)) return;
    struct service service = {.endpoints = endpoints, .a = &a, .object = doc_copy(&a, d->root)};
    service.spec = node_get(service.object, STR("spec"));
    const node *wanted = node_get(service.spec, STR("selector"));
    if (!wanted || !wanted->count) return;
    str_cut(str_dup(&a, key), '/', &service.namespace, &service.name);
    find_pods(&service);
    put_list(&service);
    put_slice(&service);
}

void endpoints_run(struct endpoints *endpoints)
{
    struct map dirty = endpoints->dirty;
    endpoints->dirty = (struct map){0};
    MAP_EACH (&dirty, entry) {
        sync(endpoints, entry->key);
    }
    map_done(&dirty);
}

size_t endpoints_pending(const struct endpoints *endpoints)
{
    return endpoints->dirty.count;
}

static void run(void *context)
{
    endpoints_run(context);
}

static void mark(struct endpoints *endpoints, str key)
{
    map_put(&endpoints->dirty, key, endpoints);
    if (!endpoints->timer.item.place)
        loop_timer_set(endpoints->loop, &endpoints->timer, clock_now_ns() + 5 * CLOCK_MS, run,
                       endpoints);
}

/* The Services that select the pod as it is or was. */
static void mark_selecting(struct endpoints *endpoints, const struct store_change *change)
{
    const node *before = change->before ? change->before->root : NULL, *after = change->after->root;
    str namespace = node_find_str(after, "metadata", "namespace", NULL);
    MAP_EACH (&endpoints->services->collection->objects, entry) {
        const node *service = ((const doc *)entry->value)->root;
        const node *wanted = node_find(service, "spec", "selector", NULL);
        if (str_eq(node_find_str(service, "metadata", "namespace", NULL), namespace) &&
            (selects(wanted, after) || selects(wanted, before)))
            mark(endpoints, entry->key);
    }
}

static void on_change(void *context, const struct store_change *change)
{
    struct endpoints *endpoints = context;
    arena a AUTO(arena_done) = {0};
    if (change->collection == endpoints->pods->collection) mark_selecting(endpoints, change);
    if (change->collection != endpoints->services->collection) return;
    str namespace = node_find_str(change->after->root, "metadata", "namespace", NULL);
    str name = node_find_str(change->after->root, "metadata", "name", NULL);
    if (change->kind == STORE_DELETED) /* slices have an owner */
        removal_of(endpoints->world, endpoints->lists, namespace, name);
    else
        mark(endpoints, str_printf(&a, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name)));
}

struct endpoints *endpoints_new(struct world *world, struct loop *loop)
{
    struct endpoints *endpoints = lang_zalloc(sizeof *endpoints);
    const struct served_table *served = world->served;
    *endpoints = (struct endpoints){
        .world = world,
        .loop = loop,
        .services = served_find(served, STR(""), STR("v1"), STR("services")),
        .pods = served_find(served, STR(""), STR("v1"), STR("pods")),
        .lists = served_find(served, STR(""), STR("v1"), STR("endpoints")),
        .slices = served_find(served, STR("discovery.k8s.io"), STR("v1"), STR("endpointslices")),
    };
    endpoints->listener = (struct store_listener){.fn = on_change, .context = endpoints};
    store_listen(world->store, &endpoints->listener);
    return endpoints;
}

void endpoints_free(struct endpoints *endpoints)
{
    if (!endpoints) return;
    list_remove(&endpoints->listener.link);
    loop_timer_cancel(endpoints->loop, &endpoints->timer);
    map_done(&endpoints->dirty);
    free(endpoints);
}
