#include "render/resmap.h"

#include "base/buf.h"
#include "base/limits.h"

void resmap_init(struct resmap *map, arena *a, struct gvks *gvks)
{
    *map = (struct resmap){.a = a, .gvks = gvks};
}

void resmap_done(struct resmap *map)
{
    map_done(&map->ids);
    map_done(&map->names);
}

/* --- The indexes --- */

enum { KEY_BYTES = 512 };

/* The key of an id in the index, in `space` if it fits. */
static str id_key(arena *a, struct resid id, char space[KEY_BYTES])
{
    str namespace = resid_namespace(id);
    size_t len = sizeof id.gvk->number + id.name.len + 1 + namespace.len;
    char *key = len <= KEY_BYTES ? space : arena_alloc(a, len), *at = key;
    at = mempcpy(at, &id.gvk->number, sizeof id.gvk->number);
    if (id.name.len) at = mempcpy(at, id.name.data, id.name.len);
    *at++ = 0;
    memcpy(at, namespace.data, namespace.len);
    return str_from(key, len);
}

static void add_to_count(struct resmap *map, struct resid id, int change)
{
    char space[KEY_BYTES];
    /* The value is a count in the place of a pointer. */
    void **at = map_at(&map->ids, id_key(map->a, id, space));
    uintptr_t before = (uintptr_t)*at, after = before + (uintptr_t)(intptr_t)change;
    *at = (void *)after;
    map->repeated += (after > 1) - (before > 1);
}

size_t resmap_count_id(const struct resmap *map, struct resid id)
{
    char space[KEY_BYTES];
    return (size_t)(uintptr_t)map_get(&map->ids, id_key(map->a, id, space));
}

static bool had_name(const struct resource *resource, str name)
{
    for (size_t i = 0; i < resource->past_count; i++)
        if (str_eq(resource->past[i].name, name)) return true;
    return false;
}

/* Lists are kept in the order of the resources; mostly the new one goes last. */
static void note_name(struct resmap *map, struct resource *resource, str name)
{
    void **at = map_at(&map->names, name);
    if (!*at) *at = NEW(map->a, struct resmap_named);
    struct resmap_named *named = *at;
    ARENA_PUSH(map->a, named->items, named->count, named->room);
    size_t place = named->count - 1;
    while (place > 0 && named->items[place - 1]->position > resource->position) {
        named->items[place] = named->items[place - 1];
        place--;
    }
    named->items[place] = resource;
}

const struct resmap_named *resmap_named(const struct resmap *map, str name)
{
    return map_get(&map->names, name);
}

/* --- Changes --- */

static void note(struct resmap *map, struct resource *resource)
{
    add_to_count(map, resource->id, 1);
    for (size_t i = 0; i < resource->past_count; i++) {
        struct resource until = *resource;
        until.past_count = (uint32_t)i;
        if (!had_name(&until, resource->past[i].name))
            note_name(map, resource, resource->past[i].name);
    }
    if (!had_name(resource, resource->id.name)) note_name(map, resource, resource->id.name);
}

static err *registered(const struct resmap *map, struct resid id)
{
    str text = resid_text(map->a, id);
    return err_conflict("may not add resource with an already registered id: " STR_FMT,
                        STR_ARG(text));
}

err *resmap_check_ids(const struct resmap *map)
{
    for (size_t i = 0; map->repeated && i < map->count; i++) {
        struct resid id = map->items[i]->id;
        if (resmap_count_id(map, id) < 2) continue;
        for (size_t j = 0; j < i; j++)
            if (resid_equal(map->items[j]->id, id)) return registered(map, id);
    }
    return NULL;
}

err *resmap_append(struct resmap *map, struct resource *resource)
{
    if (resmap_count_id(map, resource->id)) return registered(map, resource->id);
    if (map->count >= LIMIT_RENDER_OBJECTS)
        return err_invalid("more than %d objects, the limit of one build", LIMIT_RENDER_OBJECTS);
    resource->position = map->next_position++;
    *ARENA_PUSH(map->a, map->items, map->count, map->room) = resource;
    note(map, resource);
    return NULL;
}

err *resmap_append_all(struct resmap *map, const struct resmap *from)
{
    for (size_t i = 0; i < from->count; i++)
        TRY(resmap_append(map, from->items[i]));
    return NULL;
}

static void drop(struct resmap *map, struct resource *resource)
{
    add_to_count(map, resource->id, -1);
    resource->dropped = true;
}

void resmap_replace(struct resmap *map, struct resource *old, struct resource *with)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->items[middle]->position < old->position)
            low = middle + 1;
        else
            high = middle;
    }
    must(low < map->count && map->items[low] == old);
    drop(map, old);
    old->replaced_by = with;
    with->position = old->position;
    map->items[low] = with;
    note(map, with);
}

static bool is_empty(const struct resource *resource)
{
    const node *root = resource->root;
    return node_is_null(root) || ((node_is_map(root) || node_is_list(root)) && !root->count);
}

void resmap_drop_empty(struct resmap *map)
{
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (is_empty(map->items[i]))
            drop(map, map->items[i]);
        else
            map->items[kept++] = map->items[i];
    }
    map->count = kept;
}

void resmap_refresh(struct resmap *map, struct resource *resource)
{
    if (!resource->root) return; /* resmap_drop_empty takes it out, under its last id */
    struct resid old = resource->id;
    if (!resource_refresh(map->gvks, resource)) return;
    add_to_count(map, old, -1);
    add_to_count(map, resource->id, 1);
    bool known = str_eq(old.name, resource->id.name) || had_name(resource, resource->id.name);
    if (!known) note_name(map, resource, resource->id.name);
}

void resmap_store_past(struct resmap *map, struct resource *resource)
{
    resource_store_past(map->a, resource);
}

/* --- Look-ups --- */

static bool has_id(const struct resmap *map, const struct resource *resource, struct resid id)
{
    if (resid_equal(resource->id, id)) return true;
    for (size_t i = 0; i < resource->past_count; i++)
        if (resid_equal(resource_past_id(map->gvks, resource, i), id)) return true;
    return false;
}

void resmap_find_any(const struct resmap *map, struct resid id, struct resmap_named *out)
{
    const struct resmap_named *named = resmap_named(map, id.name);
    struct resmap_named found = {0};
    for (size_t i = 0; named && i < named->count; i++) {
        struct resource *resource = named->items[i];
        if (resource->dropped || is_empty(resource) || !has_id(map, resource, id)) continue;
        *ARENA_PUSH(map->a, found.items, found.count, found.room) = resource;
    }
    *out = found;
}

err *resmap_find_one(const struct resmap *map, struct resid id, struct resource **out)
{
    struct resmap_named found;
    resmap_find_any(map, id, &found);
    if (found.count == 1) {
        *out = found.items[0];
        return NULL;
    }
    str text = resid_text(map->a, id);
    return err_invalid("%s for Id " STR_FMT "; failed to find unique target for patch " STR_FMT,
                       found.count ? "multiple matches" : "no matches", STR_ARG(text),
                       STR_ARG(text));
}
