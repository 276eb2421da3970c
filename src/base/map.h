#pragma once
/*
 * Text to pointer, in the order of insertion. Keyed hashing, so hostile keys
 * cannot make it slow. The map keeps its own copy of each key; the values are
 * the caller's. A zeroed map is valid and empty. One thread at a time.
 *
 *     MAP_EACH(&map, entry) use(entry->key, entry->value);
 *
 * Removing the entry at hand while iterating is allowed; adding is not.
 */
#include "base/str.h"

struct map_entry {
    str key;
    void *value;
    uint64_t hash;
};

struct map {
    struct map_entry *entries; /* a removed one has key.data == NULL */
    uint32_t *slots;           /* index + 1 into entries; 0 is free */
    uint32_t used, room, slot_count, count;
};

void map_done(struct map *map);
void map_clear(struct map *map);

/* The value, or NULL. */
void *map_get(const struct map *map, str key);
bool map_has(const struct map *map, str key);
/* Adds or replaces; returns the value that was there before, or NULL. */
void *map_put(struct map *map, str key, void *value);
/* Where the value of key is kept, added as NULL if missing. Lasts until the next addition. */
void **map_at(struct map *map, str key);
/* Removes; returns the value that was there, or NULL. */
void *map_remove(struct map *map, str key);

struct map_entry *map_next(const struct map *map, struct map_entry *entry); /* NULL begins */
#define MAP_EACH(map, it)                                                                          \
    for (struct map_entry *it = map_next((map), NULL); it; it = map_next((map), it))
