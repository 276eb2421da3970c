#include "sandbox/garbage.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "sandbox/write.h"

struct garbage {
    struct world *world;
    struct loop *loop;
    struct store_listener listener;
    struct loop_timer timer;
    bool crds; /* some changed */
};

static const struct served *kind_of(struct garbage *garbage, const struct collection *collection)
{
    size_t count;
    const struct served *rows = served_rows(garbage->world->served, &count);
    for (size_t i = 0; i < count; i++)
        if (rows[i].collection == collection) return &rows[i];
    return NULL;
}

static bool is_ending(const node *object)
{
    return node_find(object, "metadata", "deletionTimestamp", NULL) != NULL;
}

/* Without one of its finalizers. */
static void release_finalizer(struct garbage *garbage, const struct served *served,
                              const node *object, const char *finalizer)
{
    arena a AUTO(arena_done) = {0};
    node *copy = doc_copy(&a, object);
    node *list = node_find(copy, "metadata", "finalizers", NULL);
    for (uint32_t i = 0; list && i < list->count; i++)
        if (str_is(list->items[i]->text, finalizer)) node_remove_at(list, i--);
    err *e AUTO(err_done) = write_put(garbage->world, served, "kube-controller-manager", "", copy);
}

/* ---- owners ---- */

/* How many of its owners are there; whether one of them blocks by foreground deletion. */
static bool has_owner(const struct map *uids, const node *object, bool *foreground)
{
    bool found = false;
    NODE_EACH (node_find(object, "metadata", "ownerReferences", NULL), owner) {
        const node *at = map_get(uids, node_get_str(owner, STR("uid")));
        if (!at) continue;
        bool waits = false;
        NODE_EACH (node_find(at, "metadata", "finalizers", NULL), item) {
            waits = waits || str_is(item->text, "foregroundDeletion");
        }
        if (is_ending(at) && waits)
            *foreground = true;
        else
            found = true;
    }
    return found;
}

struct sweep {
    arena a;
    struct map uids;     /* uid -> root */
    struct map children; /* uid of an owner -> something */
    struct map spaces;   /* namespaces that are ending and still hold something */
};

static void survey(struct garbage *garbage, struct sweep *sweep)
{
    MAP_EACH (store_collections(garbage->world->store), entry) {
        const struct collection *collection = entry->value;
        MAP_EACH (&collection->objects, object) {
            const node *root = ((const doc *)object->value)->root;
            map_put(&sweep->uids, node_find_str(root, "metadata", "uid", NULL), (void *)root);
            NODE_EACH (node_find(root, "metadata", "ownerReferences", NULL), owner) {
                map_put(&sweep->children, node_get_str(owner, STR("uid")), sweep);
            }
        }
    }
}

static void sweep_object(struct garbage *garbage, struct sweep *sweep, const struct served *served,
                         str key)
{
    const doc *d = map_get(&served->collection->objects, key);
    if (!d) return;
    const node *object = doc_copy(&sweep->a, d->root);
    str namespace, name;
    str_cut(key, '/', &namespace, &name);
    const node *owners = node_find(object, "metadata", "ownerReferences", NULL);
    bool foreground = false;
    bool orphaned = owners && owners->count && !has_owner(&sweep->uids, object, &foreground);
    const struct served *spaces =
        served_find(garbage->world->served, STR(""), STR("v1"), STR("namespaces"));
    const doc *space = namespace.len ? store_get(spaces->collection, STR(""), namespace) : NULL;
    bool space_ends = namespace.len && (!space || is_ending(space->root));
    if (space_ends) map_put(&sweep->spaces, namespace, sweep);
    if ((orphaned || space_ends) && !is_ending(object))
        write_delete(garbage->world, served, namespace, name);
    if (!is_ending(object)) return;
    str uid = node_find_str(object, "metadata", "uid", NULL);
    NODE_EACH (node_find(object, "metadata", "finalizers", NULL), item) {
        bool waits = str_is(item->text, "foregroundDeletion") && map_has(&sweep->children, uid);
        if (str_is(item->text, "foregroundDeletion") && !waits) {
            release_finalizer(garbage, served, object, "foregroundDeletion");
            return;
        }
    }
}

/* Objects of an owner that is to leave them forget it. */
static void orphan(struct garbage *garbage, struct sweep *sweep)
{
    MAP_EACH (&sweep->uids, entry) {
        const node *owner = entry->value;
        bool wanted = false;
        NODE_EACH (node_find(owner, "metadata", "finalizers", NULL), item) {
            wanted = wanted || str_is(item->text, "orphan");
        }
        if (!wanted || !is_ending(owner)) continue;
        MAP_EACH (&sweep->uids, other) {
            node *child = doc_copy(&sweep->a, other->value);
            node *refs = node_find(child, "metadata", "ownerReferences", NULL);
            bool changed = false;
            for (uint32_t i = 0; refs && i < refs->count; i++) {
                if (!str_eq(node_get_str(refs->items[i], STR("uid")), entry->key)) continue;
                node_remove_at(refs, i--);
                changed = true;
            }
            str version = node_get_str(child, STR("apiVersion")), group = {0};
            if (!str_cut(version, '/', &group, &version)) group = (str){0};
            const struct served *served = served_kind(garbage->world->served, group, (str){0},
                                                      node_get_str(child, STR("kind")));
            if (!changed || !served) continue;
            err *e AUTO(err_done) =
                write_put(garbage->world, served, "kube-controller-manager", "", child);
        }
        str version = node_get_str(owner, STR("apiVersion")), group = {0};
        if (!str_cut(version, '/', &group, &version)) group = (str){0};
        const struct served *served =
            served_kind(garbage->world->served, group, (str){0}, node_get_str(owner, STR("kind")));
        if (served) release_finalizer(garbage, served, doc_copy(&sweep->a, owner), "orphan");
        return; /* the maps are out of date now */
    }
}

static void end_namespaces(struct garbage *garbage, struct sweep *sweep)
{
    const struct served *spaces =
        served_find(garbage->world->served, STR(""), STR("v1"), STR("namespaces"));
    size_t count;
    str *keys = store_keys(&sweep->a, spaces->collection, &count);
    for (size_t i = 0; i < count; i++) {
        const doc *d = map_get(&spaces->collection->objects, keys[i]);
        str name = str_skip(keys[i], 1);
        const node *finalizers = node_find(d->root, "metadata", "finalizers", NULL);
        if (!is_ending(d->root) || map_has(&sweep->spaces, name)) continue;
        if (!finalizers || !finalizers->count)
            doc_unref(store_remove(garbage->world->store, spaces->collection, STR(""), name));
    }
}

/* ---- definitions ---- */

static void add_condition(arena *a, node *list, const char *type, const char *reason,
                          const char *message)
{
    node *condition = node_map(a);
    node_set_str(a, condition, STR("type"), str_of(type));
    node_set_str(a, condition, STR("status"), STR("True"));
    node_set_str(a, condition, STR("lastTransitionTime"), clock_format(a, clock_wall_ns()));
    node_set_str(a, condition, STR("reason"), str_of(reason));
    node_set_str(a, condition, STR("message"), str_of(message));
    node_push(a, list, condition);
}

static void establish(struct garbage *garbage)
{
    arena a AUTO(arena_done) = {0};
    const struct served *served = served_find(garbage->world->served, STR("apiextensions.k8s.io"),
                                              STR("v1"), STR("customresourcedefinitions"));
    size_t count;
    str *keys = store_keys(&a, served->collection, &count);
    for (size_t i = 0; i < count; i++) {
        const doc *d = map_get(&served->collection->objects, keys[i]);
        if (node_find(d->root, "status", "conditions", NULL) || is_ending(d->root)) continue;
        node *crd = doc_copy(&a, d->root), *status = node_make_map(&a, crd, STR("status"));
        node *conditions = node_list(&a), *versions = node_list(&a);
        add_condition(&a, conditions, "NamesAccepted", "NoConflicts", "no conflicts found");
        add_condition(&a, conditions, "Established", "InitialNamesAccepted",
                      "the initial names have been accepted");
        NODE_EACH (node_find(crd, "spec", "versions", NULL), version) {
            if (node_get_bool(version, STR("storage"), false))
                node_push(&a, versions, node_str(&a, node_get_str(version, STR("name"))));
        }
        node_set(&a, status, STR("acceptedNames"), node_find(crd, "spec", "names", NULL));
        node_set(&a, status, STR("conditions"), conditions);
        node_set(&a, status, STR("storedVersions"), versions);
        err *e AUTO(err_done) = write_put(garbage->world, served, "kube-apiserver", "status", crd);
    }
    served_refresh(garbage->world->served);
}

/* Objects of a kind that is no more go with it. */
static void drop_kinds(struct garbage *garbage)
{
    arena a AUTO(arena_done) = {0};
    MAP_EACH (store_collections(garbage->world->store), entry) {
        struct collection *collection = entry->value;
        if (kind_of(garbage, collection)) continue;
        size_t count;
        str *keys = store_keys(&a, collection, &count);
        for (size_t i = 0; i < count; i++) {
            str namespace, name;
            str_cut(keys[i], '/', &namespace, &name);
            doc_unref(store_remove(garbage->world->store, collection, namespace, name));
        }
    }
}

static void run(void *context)
{
    struct garbage *garbage = context;
    if (garbage->crds) {
        garbage->crds = false;
        establish(garbage);
        drop_kinds(garbage);
    }
    struct sweep sweep = {0};
    int64_t last = store_version(garbage->world->store) + LIMIT_SANDBOX_HISTORY / 2;
    survey(garbage, &sweep);
    orphan(garbage, &sweep);
    MAP_EACH (store_collections(garbage->world->store), entry) {
        const struct served *served = kind_of(garbage, entry->value);
        size_t count = 0;
        str *keys = served ? store_keys(&sweep.a, entry->value, &count) : NULL;
        /* The survey's objects live at least as long as the window of changes keeps them. What is
         * left comes with the next run, which these changes ask for. */
        for (size_t i = 0; i < count && store_version(garbage->world->store) < last; i++)
            sweep_object(garbage, &sweep, served, keys[i]);
    }
    end_namespaces(garbage, &sweep);
    map_done(&sweep.uids);
    map_done(&sweep.children);
    map_done(&sweep.spaces);
    arena_done(&sweep.a);
}

static void on_change(void *context, const struct store_change *change)
{
    enum { DELAY_MS = 5 };
    struct garbage *garbage = context;
    bool crd = change->collection == served_crds(garbage->world->served);
    bool owned = change->kind == STORE_ADDED &&
                 node_find(change->after->root, "metadata", "ownerReferences", NULL);
    if (crd) garbage->crds = true;
    if (!crd && !owned && change->kind != STORE_DELETED && !is_ending(change->after->root)) return;
    if (garbage->timer.item.place) return;
    loop_timer_set(garbage->loop, &garbage->timer, clock_now_ns() + DELAY_MS * CLOCK_MS, run,
                   garbage);
}

struct garbage *garbage_new(struct world *world, struct loop *loop)
{
    struct garbage *garbage = lang_zalloc(sizeof *garbage);
    *garbage = (struct garbage){.world = world, .loop = loop};
    garbage->listener = (struct store_listener){.fn = on_change, .context = garbage};
    store_listen(world->store, &garbage->listener);
    return garbage;
}

void garbage_free(struct garbage *garbage)
{
    if (!garbage) return;
    list_remove(&garbage->listener.link);
    loop_timer_cancel(garbage->loop, &garbage->timer);
    free(garbage);
}
