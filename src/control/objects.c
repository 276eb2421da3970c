#include "control/objects.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "doc/json.h"

struct object {
    uint64_t version; /* resourceVersion as a number */
    uint32_t mark;    /* of the LIST it was last seen in */
    struct map *refs; /* keys it refers to; NULL when none */
    size_t len;
    char *json;
};

struct objects {
    pthread_mutex_t lock; /* guards everything below */
    struct map table;     /* key to struct object * */
    struct map referrers; /* key to struct map * of the keys that refer to it */
    uint32_t mark;
};

struct objects *objects_new(void)
{
    struct objects *objects = lang_zalloc(sizeof *objects);
    pthread_mutex_init(&objects->lock, NULL);
    return objects;
}

static void free_set(struct map *set)
{
    if (!set) return;
    map_done(set);
    free(set);
}

static void free_object(struct object *object)
{
    if (!object) return;
    free_set(object->refs);
    free(object->json);
    free(object);
}

void objects_free(struct objects *objects)
{
    if (!objects) return;
    MAP_EACH (&objects->table, entry)
        free_object(entry->value);
    MAP_EACH (&objects->referrers, entry)
        free_set(entry->value);
    map_done(&objects->table);
    map_done(&objects->referrers);
    pthread_mutex_destroy(&objects->lock);
    free(objects);
}

str objects_key(arena *a, str kind, str namespace, str name)
{
    return str_printf(a, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(namespace),
                      STR_ARG(name));
}

static void unrefer(struct objects *objects, str key, struct map *refs)
{
    if (!refs) return;
    MAP_EACH (refs, ref) {
        struct map *set = map_get(&objects->referrers, ref->key);
        if (!set) continue;
        map_remove(set, key);
        if (set->count) continue;
        map_remove(&objects->referrers, ref->key);
        free_set(set);
    }
}

static struct map *refer(struct objects *objects, str key, const str *refs, size_t count)
{
    if (!count) return NULL;
    struct map *own = lang_zalloc(sizeof *own);
    for (size_t i = 0; i < count; i++) {
        map_put(own, refs[i], own);
        struct map **set = (struct map **)map_at(&objects->referrers, refs[i]);
        if (!*set) *set = lang_zalloc(sizeof **set);
        map_put(*set, key, *set);
    }
    return own;
}

/* The object as JSON without managedFields: they are large, and no controller of ours reads its
 * own. */
static void write_compact(buf *out, const node *object)
{
    arena a AUTO(arena_done) = {0};
    node *top = doc_copy_top(&a, object);
    node *metadata = node_get(top, STR("metadata"));
    if (node_is_map(metadata)) {
        metadata = doc_copy_top(&a, metadata);
        node_unset(metadata, STR("managedFields"));
        node_set(&a, top, STR("metadata"), metadata);
    }
    json_write(out, top, (struct json_style){0});
}

bool objects_put(struct objects *objects, str key, const node *object, const str *refs,
                 size_t ref_count)
{
    uint64_t version = 0;
    str_to_uint(node_find_str(object, "metadata", "resourceVersion", NULL), &version);
    buf json AUTO(buf_done) = {0};
    write_compact(&json, object);

    pthread_mutex_lock(&objects->lock);
    struct object **at = (struct object **)map_at(&objects->table, key), *old = *at;
    bool stale = old && version < old->version;
    if (old) old->mark = objects->mark;
    if (!stale) {
        struct object *new = lang_zalloc(sizeof *new);
        *new = (struct object){.version = version, .mark = objects->mark, .len = json.len};
        new->json = lang_alloc(json.len);
        memcpy(new->json, json.data, json.len);
        if (old) unrefer(objects, key, old->refs);
        new->refs = refer(objects, key, refs, ref_count);
        *at = new;
        free_object(old);
    }
    pthread_mutex_unlock(&objects->lock);
    return !stale;
}

static void drop(struct objects *objects, str key)
{
    struct object *object = map_remove(&objects->table, key);
    if (!object) return;
    unrefer(objects, key, object->refs);
    free_object(object);
}

void objects_remove(struct objects *objects, str key)
{
    pthread_mutex_lock(&objects->lock);
    drop(objects, key);
    pthread_mutex_unlock(&objects->lock);
}

node *objects_get(struct objects *objects, arena *a, str key)
{
    str json = {0};
    pthread_mutex_lock(&objects->lock);
    const struct object *object = map_get(&objects->table, key);
    if (object) json = str_dup(a, str_from(object->json, object->len));
    pthread_mutex_unlock(&objects->lock);
    if (!json.data) return NULL;
    node *parsed;
    err *e = json_parse(a, json, (struct json_options){.borrow = true}, &parsed);
    must(!e); /* we wrote it */
    return parsed;
}

bool objects_has(struct objects *objects, str key)
{
    pthread_mutex_lock(&objects->lock);
    bool has = map_has(&objects->table, key);
    pthread_mutex_unlock(&objects->lock);
    return has;
}

static void copy_keys(arena *a, const struct map *map, str prefix, str **keys_out,
                      size_t *count_out)
{
    str *keys = NULL;
    size_t count = 0, room = 0;
    if (map) {
        MAP_EACH (map, entry) {
            if (!str_starts(entry->key, prefix)) continue;
            *ARENA_PUSH(a, keys, count, room) = str_dup(a, entry->key);
        }
    }
    *keys_out = keys;
    *count_out = count;
}

void objects_referrers(struct objects *objects, arena *a, str key, str **keys_out,
                       size_t *count_out)
{
    pthread_mutex_lock(&objects->lock);
    copy_keys(a, map_get(&objects->referrers, key), STR(""), keys_out, count_out);
    pthread_mutex_unlock(&objects->lock);
}

void objects_list(struct objects *objects, arena *a, str prefix, str **keys_out, size_t *count_out)
{
    pthread_mutex_lock(&objects->lock);
    copy_keys(a, &objects->table, prefix, keys_out, count_out);
    pthread_mutex_unlock(&objects->lock);
}

void objects_mark(struct objects *objects, str prefix)
{
    pthread_mutex_lock(&objects->lock);
    objects->mark++;
    /* Objects of other kinds must not look unseen to their own sweep. */
    MAP_EACH (&objects->table, entry) {
        struct object *object = entry->value;
        if (!str_starts(entry->key, prefix) && object->mark + 1 == objects->mark) object->mark++;
    }
    pthread_mutex_unlock(&objects->lock);
}

void objects_sweep(struct objects *objects, arena *a, str prefix, str **gone_out, size_t *count_out)
{
    str *gone = NULL;
    size_t count = 0, room = 0;
    pthread_mutex_lock(&objects->lock);
    MAP_EACH (&objects->table, entry) {
        const struct object *object = entry->value;
        if (!str_starts(entry->key, prefix) || object->mark == objects->mark) continue;
        *ARENA_PUSH(a, gone, count, room) = str_dup(a, entry->key);
    }
    for (size_t i = 0; i < count; i++)
        drop(objects, gone[i]);
    pthread_mutex_unlock(&objects->lock);
    *gone_out = gone;
    *count_out = count;
}
