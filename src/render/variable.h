#pragma once
/*
 * Vars (legacy): $(NAME) in a text stands for the value of a field of another
 * object; $$ stands for $. The caller finds the objects and walks the
 * varReference fields. Pure; any thread.
 */
#include "base/map.h"
#include "doc/doc.h"

/* The value of a var: the field at `path` ("a.b[0].c") of an object. A scalar is read the way Go
 * reads it: no hexadecimal integers, null is a text. "no field named 'PATH'". */
MUST_USE err *variable_value(arena *a, node *object, str path, node **out);

/*
 * Replaces in the node at the end of a varReference path: a text, the texts of a list, or the texts
 * of a map. A text that is nothing but $(NAME) becomes a value of the var's kind; an unknown
 * $(NAME) stays. `values` is name to node *, of which only scalars count. `used` gets the names
 * that were replaced; may be NULL. *value is changed in place.
 */
MUST_USE err *variable_expand(arena *a, const struct map *values, struct map *used, node *value);
