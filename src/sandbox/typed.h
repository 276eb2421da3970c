#pragma once
/*
 * Objects as their types see them: which fields an object sets, how two differ,
 * what becomes of one that is merged into another, and an object without some
 * fields. The rules are those of structured merge: maps and lists of known
 * keys merge item by item, everything atomic is one value. Pure; any thread.
 */
#include "sandbox/fieldset.h"
#include "sandbox/typing.h"

/* Every field that the object sets. INVALID for a list whose items lack or repeat their key. */
MUST_USE err *typed_set(arena *a, struct typing typing, const node *value, struct fieldset **out);

/* Items of lists that repeat their key or lack it, as ".spec.ports: duplicate entries for key
 * [port=80]". */
MUST_USE err *typed_check(arena *a, struct typing typing, const node *value);

struct typed_changes {
    struct fieldset *set, *removed; /* added or changed; and gone */
};
MUST_USE err *typed_compare(arena *a, struct typing typing, const node *before, const node *after,
                            struct typed_changes *out);

/* `applied` over `live`. Nodes are shared with both. */
MUST_USE err *typed_merge(arena *a, struct typing typing, node *live, node *applied, node **out);
/* Without the members of the set; containers that became empty by that go, too. */
node *typed_without(arena *a, struct typing typing, node *value, const struct fieldset *set);
