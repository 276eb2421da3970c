#include "sandbox/garbage.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "sandbox/removal.h"
#include "sandbox/write.h"

struct garbage {
    struct world *world;
    struct loop *loop;
    struct store_listener listener;
    struct loop_timer timer;
    struct map dirty; /* uids of objects to look at */
    bool crds;        /* some changed */
};

#define DELAY_NS (5 * CLOCK_MS)

static void expect_run(struct garbage *garbage, int64_t delay_ns);
static void mark(struct garbage *garbage, str uid);

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

static const node *owners_of(const node *object)
{
    return node_find(object, "metadata", "ownerReferences", NULL);
}

static str uid_of(const node *object)
{
    return node_find_str(object, "metadata", "uid", NULL);
}

static bool has_finalizer(const node *object, const char *name)
{
    NODE_EACH (node_find(object, "metadata", "finalizers", NULL), item) {
        if (str_is(item->text, name)) return true;
    }
    return false;
}

static const struct family *family_of(const struct garbage *garbage)
{
    return store_family(garbage->world->store);
}

/* As long as the store is not changed; NULL when nothing has the uid. */
static const node *object_of(const struct garbage *garbage, str uid,
                             const struct family_member **member_out)
{
    const struct family_member *member = family_find(family_of(garbage), uid);
    if (member_out) *member_out = member;
    const doc *d = member ? map_get(&member->collection->objects, member->key) : NULL;
    return d ? d->root : NULL;
}

/* One of its owners is there, and does not wait for its dependents to go. */
static bool has_owner(const struct garbage *garbage, const node *object)
{
    NODE_EACH (owners_of(object), owner) {
        const node *at = object_of(garbage, node_get_str(owner, STR("uid")), NULL);
        if (at && !(is_ending(at) && has_finalizer(at, "foregroundDeletion"))) return true;
    }
    return false;
}

static void mark_dependents(struct garbage *garbage, str uid)
{
    const struct map *dependents = family_dependents(family_of(garbage), uid);
    if (!dependents) return;
    MAP_EACH (dependents, entry) {
        mark(garbage, entry->key);
    }
}

static void mark_owners(struct garbage *garbage, const node *object)
{
    NODE_EACH (owners_of(object), owner) {
        mark(garbage, node_get_str(owner, STR("uid")));
    }
}

/* The dependents of an owner that is to leave them forget it. */
static void orphan(struct garbage *garbage, arena *a, str uid)
{
    const struct map *dependents = family_dependents(family_of(garbage), uid);
    size_t count = 0;
    str *uids = NEW_ARRAY(a, str, dependents ? dependents->count + 1 : 1);
    if (dependents) {
        MAP_EACH (dependents, entry) {
            uids[count++] = str_dup(a, entry->key);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct family_member *member;
        node *child = doc_copy(a, object_of(garbage, uids[i], &member));
        node *refs = node_find(child, "metadata", "ownerReferences", NULL);
        for (uint32_t k = 0; refs && k < refs->count; k++)
            if (str_eq(node_get_str(refs->items[k], STR("uid")), uid)) node_remove_at(refs, k--);
        const struct served *served = child ? kind_of(garbage, member->collection) : NULL;
        if (!served) continue;
        err *e AUTO(err_done) =
            write_put(garbage->world, served, "kube-controller-manager", "", child);
    }
}

/* ---- namespaces ---- */

static const struct collection *spaces_of(const struct garbage *garbage)
{
    return served_find(garbage->world->served, STR(""), STR("v1"), STR("namespaces"))->collection;
}

/* A namespace that ends or is gone: everything in it ends, too. */
static void mark_content(struct garbage *garbage, str namespace)
{
    arena a AUTO(arena_done) = {0};
    str prefix = str_concat(&a, namespace, STR("/"));
    if (!family_count_in(family_of(garbage), namespace)) return;
    MAP_EACH (store_collections(garbage->world->store), entry) {
        const struct collection *collection = entry->value;
        MAP_EACH (&collection->objects, object) {
            if (str_starts(object->key, prefix))
                mark(garbage, uid_of(((const doc *)object->value)->root));
        }
    }
}

static void end_namespace(struct garbage *garbage, const struct collection *spaces, str name)
{
    const doc *d = store_get(spaces, STR(""), name);
    const node *finalizers = d ? node_find(d->root, "metadata", "finalizers", NULL) : NULL;
    if (!d || !is_ending(d->root) || (finalizers && finalizers->count)) return;
    if (family_count_in(family_of(garbage), name)) return;
    doc_unref(store_remove(garbage->world->store, (struct collection *)spaces, STR(""), name));
}

/* True when the object is in a namespace that ends or is gone. */
static bool is_in_ending(const struct garbage *garbage, str namespace)
{
    if (!namespace.len) return false;
    const doc *space = store_get(spaces_of(garbage), STR(""), namespace);
    return !space || is_ending(space->root);
}

/* ---- one object ---- */

static void look_at(struct garbage *garbage, str uid)
{
    arena a AUTO(arena_done) = {0};
    const struct family_member *member;
    const node *object = doc_copy(&a, object_of(garbage, uid, &member));
    const struct served *served = object ? kind_of(garbage, member->collection) : NULL;
    if (!served) return;
    str namespace, name;
    str_cut(str_dup(&a, member->key), '/', &namespace, &name);
    const node *owners = owners_of(object);
    bool orphaned = owners && owners->count && !has_owner(garbage, object);
    if (!is_ending(object)) {
        if (orphaned || is_in_ending(garbage, namespace))
            removal_of(garbage->world, served, namespace, name);
        return;
    }
    if (has_finalizer(object, "orphan")) {
        orphan(garbage, &a, uid);
        release_finalizer(garbage, served, object, "orphan");
    } else if (has_finalizer(object, "foregroundDeletion") &&
               !family_dependents(family_of(garbage), uid)) {
        release_finalizer(garbage, served, object, "foregroundDeletion");
    } else if (has_finalizer(object, "kubernetes.io/pvc-protection")) {
        release_finalizer(garbage, served, object,
                          "kubernetes.io/pvc-protection"); /* nothing runs */
    } else if (served->collection == spaces_of(garbage)) {
        end_namespace(garbage, served->collection, name);
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
    enum { TURN = 100 }; /* objects at a time, so that requests get their turn */
    struct garbage *garbage = context;
    arena a AUTO(arena_done) = {0};
    str uids[TURN];
    size_t count = 0;
    if (garbage->crds) {
        garbage->crds = false;
        establish(garbage);
        drop_kinds(garbage);
    }
    MAP_EACH (&garbage->dirty, entry) {
        if (count == TURN) break;
        uids[count++] = str_dup(&a, entry->key);
        map_remove(&garbage->dirty, entry->key);
    }
    for (size_t i = 0; i < count; i++)
        look_at(garbage, uids[i]);
    if (garbage->dirty.count) expect_run(garbage, 0);
}

static void expect_run(struct garbage *garbage, int64_t delay_ns)
{
    if (garbage->timer.item.place) return;
    loop_timer_set(garbage->loop, &garbage->timer, clock_now_ns() + delay_ns, run, garbage);
}

static void mark(struct garbage *garbage, str uid)
{
    map_put(&garbage->dirty, uid, garbage);
    expect_run(garbage, DELAY_NS);
}

/* What a change asks for: the object itself, those that hang on it, those that wait for it. */
static void on_change(void *context, const struct store_change *change)
{
    struct garbage *garbage = context;
    const node *before = change->before ? change->before->root : NULL, *after = change->after->root;
    str uid = uid_of(after), name = node_find_str(after, "metadata", "name", NULL);
    str namespace = node_find_str(after, "metadata", "namespace", NULL);
    bool is_space = change->collection == spaces_of(garbage);
    if (change->collection == served_crds(garbage->world->served)) {
        garbage->crds = true;
        expect_run(garbage, DELAY_NS);
    }
    if (owners_of(before) &&
        (change->kind == STORE_DELETED || !node_equal(owners_of(before), owners_of(after))))
        mark_owners(garbage, before);
    if (change->kind == STORE_DELETED) {
        mark_dependents(garbage, uid);
        if (is_space) mark_content(garbage, name);
        if (!namespace.len || family_count_in(family_of(garbage), namespace)) return;
        const doc *space = store_get(spaces_of(garbage), STR(""), namespace);
        if (space && is_ending(space->root)) mark(garbage, uid_of(space->root));
        return;
    }
    if (is_ending(after)) {
        mark(garbage, uid);
        mark_dependents(garbage, uid);
        if (is_space && !is_ending(before)) mark_content(garbage, name);
    } else if (owners_of(after) && !node_equal(owners_of(before), owners_of(after))) {
        mark(garbage, uid);
    }
}

/* What a snapshot left half done. */
static void mark_unfinished(struct garbage *garbage)
{
    MAP_EACH (store_collections(garbage->world->store), entry) {
        const struct collection *collection = entry->value;
        MAP_EACH (&collection->objects, object) {
            const node *root = ((const doc *)object->value)->root;
            if (is_ending(root) || owners_of(root)) mark(garbage, uid_of(root));
            if (is_ending(root) && collection == spaces_of(garbage))
                mark_content(garbage, node_find_str(root, "metadata", "name", NULL));
        }
    }
}

struct garbage *garbage_new(struct world *world, struct loop *loop)
{
    struct garbage *garbage = lang_zalloc(sizeof *garbage);
    *garbage = (struct garbage){.world = world, .loop = loop};
    garbage->listener = (struct store_listener){.fn = on_change, .context = garbage};
    store_listen(world->store, &garbage->listener);
    mark_unfinished(garbage);
    return garbage;
}

void garbage_free(struct garbage *garbage)
{
    if (!garbage) return;
    list_remove(&garbage->listener.link);
    loop_timer_cancel(garbage->loop, &garbage->timer);
    map_done(&garbage->dirty);
    free(garbage);
}

size_t garbage_pending(const struct garbage *garbage)
{
    return garbage->dirty.count;
}
