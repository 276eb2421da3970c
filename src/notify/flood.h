#pragma once
/*
 * Like events become one. Of the events that one Alert would send for the same
 * reason about the same kind of object, the first few of a window go out as
 * they are; the rest are counted, and one notice at the end of the window sums
 * them up. While windows keep overflowing, only sums go out. [loop]
 */
#include "notify/rule.h"

struct flood;

struct flood_options {
    int threshold; /* events of a window that go out by themselves; 0: all of them, always */
    int64_t window_ns;
};

/* A sum is ready. The callee keeps references if it needs them. */
typedef void flood_fn(void *context, struct rule *rule, struct notice *sum);

struct flood *flood_new(struct flood_options options);
void flood_free(struct flood *flood);
/* True when the notice was taken in, and will be part of a sum. */
bool flood_take(struct flood *flood, struct rule *rule, const struct notice *notice);
/* Hands out the sums of windows that are over (all of them: `all`). */
void flood_flush(struct flood *flood, bool all, flood_fn *fn, void *context);
/* When the next window ends; 0: none is open. */
int64_t flood_due_ns(const struct flood *flood);
/* Events that wait to be summed up. */
size_t flood_waiting(const struct flood *flood);
