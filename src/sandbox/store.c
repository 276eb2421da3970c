#include "sandbox/store.h"

#include <stdlib.h>

#include "base/limits.h"

struct store {
    arena arena; /* of the collections */
    int64_t version;
    struct map collections;
    struct family *family;
    size_t count;
    struct store_change *history; /* a ring */
    size_t history_from, history_count, history_bytes;
    struct list_link listeners;
};

struct store *store_new(void)
{
    struct store *store = lang_zalloc(sizeof *store);
    store->history = lang_zalloc(LIMIT_SANDBOX_HISTORY * sizeof *store->history);
    store->family = family_new();
    store->version = 1;
    list_init(&store->listeners);
    return store;
}

static void forget(struct store_change *change)
{
    doc_unref(change->before);
    doc_unref(change->after);
    *change = (struct store_change){0};
}

void store_free(struct store *store)
{
    if (!store) return;
    MAP_EACH (&store->collections, entry) {
        struct collection *collection = entry->value;
        MAP_EACH (&collection->objects, object) {
            doc_unref(object->value);
        }
        map_done(&collection->objects);
    }
    for (size_t i = 0; i < LIMIT_SANDBOX_HISTORY; i++)
        forget(&store->history[i]);
    map_done(&store->collections);
    family_free(store->family);
    arena_done(&store->arena);
    free(store->history);
    free(store);
}

int64_t store_version(const struct store *store)
{
    return store->version;
}

struct collection *store_collection(struct store *store, str id)
{
    void **at = map_at(&store->collections, id);
    if (!*at) {
        struct collection *collection = NEW(&store->arena, struct collection);
        collection->id = str_dup(&store->arena, id);
        *at = collection;
    }
    return *at;
}

const struct map *store_collections(const struct store *store)
{
    return &store->collections;
}

const struct family *store_family(const struct store *store)
{
    return store->family;
}

static str key_of(arena *a, str namespace, str name)
{
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
}

doc *store_get(const struct collection *collection, str namespace, str name)
{
    arena a AUTO(arena_done) = {0};
    return map_get(&collection->objects, key_of(&a, namespace, name));
}

static size_t bytes_of(const struct store_change *change)
{
    return change->after->arena.used_bytes +
           (change->before ? change->before->arena.used_bytes : 0);
}

static void forget_oldest(struct store *store)
{
    struct store_change *oldest = &store->history[store->history_from];
    store->history_bytes -= bytes_of(oldest);
    forget(oldest);
    store->history_from = (store->history_from + 1) % LIMIT_SANDBOX_HISTORY;
    store->history_count--;
}

static void record(struct store *store, struct store_change change)
{
    store->history_bytes += bytes_of(&change);
    while (store->history_count == LIMIT_SANDBOX_HISTORY ||
           (store->history_count && store->history_bytes > LIMIT_SANDBOX_HISTORY_BYTES))
        forget_oldest(store);
    size_t at = (store->history_from + store->history_count++) % LIMIT_SANDBOX_HISTORY;
    store->history[at] = change;
    doc_ref(change.after);
    if (change.before) doc_ref(change.before);
    LIST_EACH (&store->listeners, struct store_listener, link, listener) {
        listener->fn(listener->context, &change);
    }
}

/* The object at the version of now. */
static doc *version_of(struct store *store, const node *object)
{
    arena a AUTO(arena_done) = {0};
    node *top = doc_copy_top(&a, object);
    const node *old = node_get(object, STR("metadata"));
    node *metadata = node_is_map(old) ? doc_copy_top(&a, old) : node_map(&a);
    node_set_str(&a, metadata, STR("resourceVersion"),
                 str_printf(&a, "%lld", (long long)store->version));
    node_set(&a, top, STR("metadata"), metadata);
    return doc_keep(top);
}

err *store_put(struct store *store, struct collection *collection, const node *object, doc **out)
{
    arena a AUTO(arena_done) = {0};
    str key = key_of(&a, node_find_str(object, "metadata", "namespace", NULL),
                     node_find_str(object, "metadata", "name", NULL));
    doc *before = map_get(&collection->objects, key);
    if (!before && store->count >= LIMIT_SANDBOX_OBJECTS)
        return err_invalid("the sandbox holds %d objects already", LIMIT_SANDBOX_OBJECTS);
    store->count += !before;
    store->version++;
    doc *after = version_of(store, object);
    map_put(&collection->objects, key, after);
    family_put(store->family, collection, key, before ? before->root : NULL, after->root);
    record(store, (struct store_change){store->version, before ? STORE_MODIFIED : STORE_ADDED,
                                        collection, before, after});
    doc_unref(before);
    *out = after;
    return NULL;
}

doc *store_remove(struct store *store, struct collection *collection, str namespace, str name)
{
    arena a AUTO(arena_done) = {0};
    str key = key_of(&a, namespace, name);
    doc *before = map_remove(&collection->objects, key);
    must(before);
    family_remove(store->family, key, before->root);
    store->count--;
    store->version++;
    doc *after = version_of(store, before->root);
    record(store, (struct store_change){store->version, STORE_DELETED, collection, before, after});
    doc_unref(before);
    return after;
}

str *store_keys(arena *a, const struct collection *collection, size_t *count_out)
{
    str *keys = NEW_ARRAY(a, str, collection->objects.count + 1);
    size_t count = 0;
    MAP_EACH (&collection->objects, entry) {
        keys[count++] = str_dup(a, entry->key);
    }
    if (count) qsort(keys, count, sizeof *keys, str_order);
    *count_out = count;
    return keys;
}

void store_listen(struct store *store, struct store_listener *listener)
{
    list_add_last(&store->listeners, &listener->link);
}

bool store_replay(const struct store *store, int64_t version,
                  void (*fn)(void *context, const struct store_change *change), void *context)
{
    if (version > store->version) return true;
    size_t from = store->history_from;
    int64_t oldest = store->history_count ? store->history[from].version : store->version + 1;
    if (version + 1 < oldest) return false;
    for (size_t i = 0; i < store->history_count; i++) {
        const struct store_change *change = &store->history[(from + i) % LIMIT_SANDBOX_HISTORY];
        if (change->version > version) fn(context, change);
    }
    return true;
}

node *store_dump(arena *a, const struct store *store)
{
    node *out = node_map(a), *all = node_map(a);
    node_set_int(a, out, STR("version"), store->version);
    node_set(a, out, STR("collections"), all);
    MAP_EACH (&store->collections, entry) {
        const struct collection *collection = entry->value;
        node *list = node_list(a);
        MAP_EACH (&collection->objects, object) {
            node_push(a, list, ((doc *)object->value)->root);
        }
        if (list->count) node_set(a, all, collection->id, list);
    }
    return out;
}

err *store_restore(struct store *store, const node *dump)
{
    must(!store->count);
    PAIR_EACH (node_get(dump, STR("collections")), pair) {
        struct collection *collection = store_collection(store, pair->key);
        NODE_EACH (pair->value, object) {
            arena a AUTO(arena_done) = {0};
            str name = node_find_str(object, "metadata", "name", NULL);
            str version = node_find_str(object, "metadata", "resourceVersion", NULL);
            if (!name.len || !version.len)
                return err_invalid("an object of '" STR_FMT "' has no name or version",
                                   STR_ARG(pair->key));
            str namespace = node_find_str(object, "metadata", "namespace", NULL);
            doc *d = doc_keep(object);
            str key = key_of(&a, namespace, name);
            doc *twin = map_put(&collection->objects, key, d);
            if (!twin) store->count++;
            if (twin) family_remove(store->family, key, twin->root);
            family_put(store->family, collection, key, NULL, d->root);
            doc_unref(twin);
        }
    }
    store->version = node_get_int(dump, STR("version"), 1);
    return NULL;
}
