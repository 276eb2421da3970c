#include "base/heap.h"

#include <stdlib.h>

static void place(struct heap *heap, size_t index, struct heap_item *item)
{
    heap->items[index] = item;
    item->place = index + 1;
}

static void sift(struct heap *heap, size_t index)
{
    struct heap_item *item = heap->items[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (heap->items[parent]->due_ns <= item->due_ns) break;
        place(heap, index, heap->items[parent]);
        index = parent;
    }
    for (size_t child; (child = index * 2 + 1) < heap->count; index = child) {
        if (child + 1 < heap->count &&
            heap->items[child + 1]->due_ns < heap->items[child]->due_ns) {
            child++;
        }
        if (item->due_ns <= heap->items[child]->due_ns) break;
        place(heap, index, heap->items[child]);
    }
    place(heap, index, item);
}

void heap_done(struct heap *heap)
{
    if (!heap) return;
    free(heap->items);
    *heap = (struct heap){0};
}

void heap_put(struct heap *heap, struct heap_item *item, int64_t due_ns)
{
    item->due_ns = due_ns;
    if (!item->place) {
        if (heap->count == heap->room) {
            heap->room = heap->room ? heap->room * 2 : 16;
            heap->items = lang_realloc(heap->items, sizeof(struct heap_item *) * heap->room);
        }
        heap->items[heap->count] = item;
        item->place = ++heap->count;
    }
    sift(heap, item->place - 1);
}

void heap_remove(struct heap *heap, struct heap_item *item)
{
    if (!item->place) return;
    size_t index = item->place - 1;
    must(heap->items[index] == item);
    struct heap_item *last = heap->items[--heap->count];
    item->place = 0;
    if (last == item) return;
    place(heap, index, last);
    sift(heap, index);
}

struct heap_item *heap_first(const struct heap *heap)
{
    return heap->count ? heap->items[0] : NULL;
}
