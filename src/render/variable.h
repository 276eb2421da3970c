#pragma once
/*
 * Vars (legacy): $(NAME) in a text stands for the value of a field of another
 * object; $$ stands for $. The caller finds the values and walks the
 * varReference fields. Pure; any thread.
 */
#include "base/map.h"
#include "doc/doc.h"

/*
 * Replaces in the node at the end of a varReference path: a text, the texts of a list, or the texts
 * of a map. A text that is nothing but $(NAME) takes the kind of the value too; an unknown $(NAME)
 * stays. `values` is name to const node * (scalars). `used` gets the names that were replaced; may be
 * NULL. *value is changed in place or replaced.
 */
MUST_USE err *variable_expand(arena *a, const struct map *values, struct map *used, node **value);
