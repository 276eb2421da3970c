#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

void map_done(struct map *map)
{
    if (!map) return;
    map_clear(map);
    free(map->entries);
    free(map->slots);
    *map = (struct map){0};
}

void map_clear(struct map *map)
{
    for (uint32_t i = 0; i < map->used; i++) free((char *)map->entries[i].key.data);
    if (map->slots) memset(map->slots, 0, sizeof *map->slots * map->slot_count);
    map->used = map->count = 0;
}

/* The slot of key, or the free slot where it would go. The table always has free slots. */
static uint32_t slot_of(const struct map *map, str key, uint64_t hash)
{
    uint32_t mask = map->slot_count - 1, slot = (uint32_t)hash & mask;
    for (; map->slots[slot]; slot = (slot + 1) & mask) {
        const struct map_entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry->key.data && entry->hash == hash && str_eq(entry->key, key)) break;
    }
    return slot;
}

/* Drops removed entries, doubles when needed, and builds the slots anew. */
static void rebuild(struct map *map)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < map->used; i++) {
        if (map->entries[i].key.data) map->entries[kept++] = map->entries[i];
    }
    map->used = kept;
    if (kept * 2 >= map->room) {
        map->room = map->room ? map->room * 2 : 8;
        map->entries = lang_realloc(map->entries, sizeof *map->entries * map->room);
        map->slot_count = map->room * 2;
        map->slots = lang_realloc(map->slots, sizeof *map->slots * map->slot_count);
    }
    memset(map->slots, 0, sizeof *map->slots * map->slot_count);
    uint32_t mask = map->slot_count - 1;
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t slot = (uint32_t)map->entries[i].hash & mask;
        while (map->slots[slot]) slot = (slot + 1) & mask;
        map->slots[slot] = i + 1;
    }
}

static struct map_entry *find(const struct map *map, str key)
{
    if (map->count == 0) return NULL;
    uint32_t index = map->slots[slot_of(map, key, hash_keyed(key))];
    return index ? &map->entries[index - 1] : NULL;
}

void *map_get(const struct map *map, str key)
{
    struct map_entry *entry = find(map, key);
    return entry ? entry->value : NULL;
}

bool map_has(const struct map *map, str key)
{
    return find(map, key);
}

void **map_at(struct map *map, str key)
{
    if (map->used == map->room) rebuild(map);
    uint64_t hash = hash_keyed(key);
    uint32_t slot = slot_of(map, key, hash);
    if (map->slots[slot]) return &map->entries[map->slots[slot] - 1].value;
    char *copy = lang_alloc(key.len + 1);
    if (key.len) memcpy(copy, key.data, key.len);
    copy[key.len] = '\0';
    map->entries[map->used] = (struct map_entry){.key = {copy, key.len}, .hash = hash};
    map->slots[slot] = ++map->used;
    map->count++;
    return &map->entries[map->used - 1].value;
}

void *map_put(struct map *map, str key, void *value)
{
    void **at = map_at(map, key), *before = *at;
    *at = value;
    return before;
}

void *map_remove(struct map *map, str key)
{
    struct map_entry *entry = find(map, key);
    if (!entry) return NULL;
    /* The slot stays taken by the emptied entry until the next rebuild, so probes pass over it. */
    free((char *)entry->key.data);
    entry->key = (str){0};
    map->count--;
    return entry->value;
}

struct map_entry *map_next(const struct map *map, struct map_entry *entry)
{
    if (!map->used) return NULL;
    struct map_entry *end = map->entries + map->used;
    for (entry = entry ? entry + 1 : map->entries; entry < end; entry++) {
        if (entry->key.data) return entry;
    }
    return NULL;
}
