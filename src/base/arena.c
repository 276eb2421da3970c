#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, BLOCK_FIRST = 4096, BLOCK_MAX = 256 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t size_bytes; /* of the whole block, this header included */
};

static size_t aligned(size_t size_bytes)
{
    return (size_bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static void add_block_of(arena *a, size_t size)
{
    struct arena_block *block = lang_alloc(size);
    *block = (struct arena_block){.older = a->block, .size_bytes = size};
    a->block = block;
    a->next = (char *)block + aligned(sizeof *block);
    a->end = (char *)block + size;
}

static void add_block(arena *a, size_t least_bytes)
{
    size_t size = a->block ? MIN(a->block->size_bytes * 2, (size_t)BLOCK_MAX) : BLOCK_FIRST;
    add_block_of(a, MAX(size, least_bytes + aligned(sizeof(struct arena_block))));
}

void arena_fit(arena *a, size_t size_bytes)
{
    must(!a->block);
    add_block_of(a, aligned(size_bytes) + aligned(sizeof(struct arena_block)));
}

void arena_done(arena *a)
{
    if (!a) return;
    for (struct arena_block *block = a->block, *older; block; block = older) {
        older = block->older;
        free(block);
    }
    *a = (arena){0};
}

void arena_reset(arena *a)
{
    if (!a->block) return;
    struct arena_block *keep = a->block;
    a->block = keep->older;
    arena_done(a);
    keep->older = NULL;
    a->block = keep;
    a->next = (char *)keep + aligned(sizeof *keep);
    a->end = (char *)keep + keep->size_bytes;
}

void *arena_alloc(arena *a, size_t size_bytes)
{
    must(size_bytes < SIZE_MAX / 2);
    size_t size = aligned(size_bytes ? size_bytes : 1);
    if ((size_t)(a->end - a->next) < size || !a->block) add_block(a, size);
    void *memory = a->next;
    a->next += size;
    a->used_bytes += size;
    return memory;
}

void *arena_zalloc(arena *a, size_t size_bytes)
{
    return memset(arena_alloc(a, size_bytes), 0, size_bytes);
}

void *arena_grow(arena *a, void *memory, size_t old_bytes, size_t new_bytes)
{
    if (!memory) return arena_alloc(a, new_bytes);
    if (new_bytes <= old_bytes) return memory;
    char *old_end = (char *)memory + aligned(old_bytes ? old_bytes : 1);
    size_t extra = aligned(new_bytes) - aligned(old_bytes ? old_bytes : 1);
    if (old_end == a->next && (size_t)(a->end - a->next) >= extra) {
        a->next += extra;
        a->used_bytes += extra;
        return memory;
    }
    void *grown = arena_alloc(a, new_bytes);
    return memcpy(grown, memory, old_bytes);
}

void *arena_more(arena *a, void *array, size_t item_bytes, size_t *room)
{
    size_t more = *room ? *room * 2 : 8;
    must(more < SIZE_MAX / 2 / item_bytes);
    array = arena_grow(a, array, *room * item_bytes, more * item_bytes);
    *room = more;
    return array;
}
