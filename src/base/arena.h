#pragma once
/*
 * Memory for a unit of work: allocate freely, free nothing, drop all of it at
 * the end. Not thread safe; an arena has one user at a time. Running out of
 * memory aborts. Memory from an arena is aligned for any type.
 */
#include "base/lang.h"

struct arena_block;

typedef struct arena {
    struct arena_block *block; /* newest first */
    char *next, *end;
    size_t used_bytes; /* handed out so far, without the slack of blocks */
} arena;

/* A zeroed arena is valid and empty. */
void arena_done(arena *a);
/* Drops everything but keeps one block for the next unit of work. */
void arena_reset(arena *a);

/* The first block, of an arena that has none, is to hold this many bytes: for what is kept long and
 * by the thousand, where the slack of a usual block would count. */
void arena_fit(arena *a, size_t size_bytes);

void *arena_alloc(arena *a, size_t size_bytes); /* not cleared */
void *arena_zalloc(arena *a, size_t size_bytes);
/* Grows an allocation; in place when it was the newest, else by copy. */
void *arena_grow(arena *a, void *memory, size_t old_bytes, size_t new_bytes);

#define NEW(a, type)              ((type *)arena_zalloc((a), sizeof(type)))
#define NEW_ARRAY(a, type, count) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(count)))

/*
 * Appends to an array that lives in an arena and grows by doubling:
 *     struct item *items = NULL; size_t count = 0, room = 0;
 *     *ARENA_PUSH(a, items, count, room) = item;
 */
#define ARENA_PUSH(a, array, count, room)                                                          \
    ((count) < (room) ? (void)0                                                                    \
                      : (void)((array) = arena_more((a), (array), sizeof *(array), &(room))),      \
     &(array)[(count)++])
void *arena_more(arena *a, void *array, size_t item_bytes, size_t *room);
