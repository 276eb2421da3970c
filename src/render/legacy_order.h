#pragma once
/*
 * The order in which `kustomize build` prints objects: kinds that others need
 * first, webhooks last, the rest by group, version, kind, namespace and name.
 * Pure; any thread.
 */
#include "base/arena.h"
#include "base/str.h"

struct legacy_order_item {
    str group, version, kind, namespace, name; /* of the current id */
    void *object;                              /* the caller's */
};

/* Kinds of sortOptions.legacySortOptions. */
struct legacy_order_kinds {
    const str *first;
    size_t first_count;
    const str *last;
    size_t last_count;
};

/* Stable. kinds == NULL: the default lists. The arena holds the texts that are compared. */
void legacy_order_sort(arena *a, struct legacy_order_item *items, size_t count,
                       const struct legacy_order_kinds *kinds);
