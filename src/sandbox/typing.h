#pragma once
/*
 * What is known about the value at one place of an object: a cursor over a JSON
 * schema with the extensions of Kubernetes. The schemas of built-in kinds come
 * with the program (builtin.json); those of custom kinds are in their CRDs.
 * A zeroed typing knows nothing, and so do the places below it. Any thread.
 */
#include "doc/doc.h"

struct typing {
    const node *schema;      /* references followed; NULL: nothing known */
    const node *definitions; /* what references refer to */
};

enum typing_list {
    TYPING_ATOMIC,
    TYPING_SET,
    TYPING_MAP, /* items are told apart by the values of some fields */
};

struct typing typing_of(const node *definitions, const node *schema);
struct typing typing_named(const node *definitions, str name);
/* Of a field of a map: declared, or additional. */
struct typing typing_field(struct typing typing, str name);
bool typing_declares(struct typing typing, str name); /* it is a field of a struct */
struct typing typing_items(struct typing typing);

bool typing_map_is_atomic(struct typing typing);
enum typing_list typing_list_of(struct typing typing);
const node *typing_keys(struct typing typing); /* of TYPING_MAP: a list of texts */
/* The schema keeps fields that it does not declare. */
bool typing_keeps_unknown(struct typing typing);
/* The value that Go's zero value of a built-in type writes: structs that are always there. */
node *typing_zero(arena *a, struct typing typing);
