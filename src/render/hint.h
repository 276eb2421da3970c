#pragma once
/*
 * Schemas in comments. A manifest may say beside or above a field how its list
 * merges, which is how kinds without a schema get one:
 *
 *     items: # {"type": "array", "x-kubernetes-patch-strategy": "merge"}
 *
 * A hint belongs to the line and the name of its field in the file. Pure.
 */
#include "doc/doc.h"

struct hint {
    uint32_t line;
    str key;
    const node *schema;
};

struct hints {
    struct hint *items;
    size_t count, room;
};

/* The hints of a document that was read from text; NULL, as mostly, when there are none. */
const struct hints *hint_read(arena *a, str text, const node *root);
/* The schema of the field in the map, or NULL. */
const node *hint_find(const struct hints *hints, const node *map, str key);
