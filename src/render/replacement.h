#pragma once
/*
 * One replacement: a value taken from a field of one object is written into
 * fields of others, whole or as one piece of a text, also into JSON or YAML
 * that is the text of a field. The caller chooses the objects.
 * Errors quote nothing of a Secret. Pure; any thread.
 */
#include "doc/doc.h"

/* `options` of a source or of a target. */
struct replacement_options {
    str delimiter; /* empty: the whole value */
    int64_t index; /* of the piece between delimiters */
    bool create;   /* target: make what is missing */
};

struct replacement_options replacement_options(const node *options); /* NULL: none */

/* The value at the path (empty: metadata.name) of `object`, or a piece of it; it is not to be
 * changed. `id` names the source in "fieldPath `data.x` is missing for replacement source ID". A
 * literal `sourceValue` is scalar_new. */
MUST_USE err *replacement_value(arena *a, node *object, str path,
                                struct replacement_options options, str id, node **out);

/* Writes the value at every place of `object` that the path names; it is an error when there is
 * none. Nodes of the value are copied, texts borrowed. */
MUST_USE err *replacement_set(arena *a, node *object, str path, struct replacement_options options,
                              const node *value);
