#pragma once
/*
 * One replacement: a value taken from a field of one object is written into
 * fields of others, whole or as one piece of a text, also into JSON or YAML
 * that is the text of a field. The caller chooses the objects.
 * Pure; any thread.
 */
#include "doc/doc.h"

/* `options` of a source or of a target. */
struct replacement_options {
    str delimiter; /* empty: the whole value */
    int64_t index; /* of the piece between delimiters */
    bool create;   /* target: make what is missing */
};

struct replacement_options replacement_options(const node *options); /* NULL: none */

/* The value at field_path of `object`, or its piece. *out belongs to the caller's arena. `id` is the
 * text of the source for messages: "fieldPath `data.x` is missing for replacement source ID". */
MUST_USE err *replacement_value(arena *a, node *object, str field_path,
                                struct replacement_options options, str id, node **out);
/* The piece of a literal `sourceValue`, as above. */
MUST_USE err *replacement_piece(arena *a, const node *value, struct replacement_options options,
                                node **out);

/* Writes the value at every place of `object` that field_path names. */
MUST_USE err *replacement_set(arena *a, node *object, str field_path,
                              struct replacement_options options, const node *value);
