#pragma once
/*
 * Binary min-heap of items that are due at a time, for timers and delayed keys.
 * An item embeds `struct heap_item`; it is on at most one heap. One thread.
 */
#include "base/lang.h"

struct heap_item {
    int64_t due_ns;
    size_t place; /* 1-based index in the heap; 0 when it is on none */
};

struct heap {
    struct heap_item **items;
    size_t count, room;
};

void heap_done(struct heap *heap);
/* Adds the item, or moves it when it is already on this heap. */
void heap_put(struct heap *heap, struct heap_item *item, int64_t due_ns);
void heap_remove(struct heap *heap, struct heap_item *item); /* fine when it is on none */
struct heap_item *heap_first(const struct heap *heap);       /* earliest, or NULL */
