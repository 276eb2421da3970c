#pragma once
/* Walks the tree of an expression of CEL with values for its variables. Part of cel.c. */
#include "doc/cel.h"
#include "doc/cel_parse.h"

/* The cost is set whatever comes out. */
MUST_USE err *cel_eval_tree(arena *a, str source, const struct cel_expr *root,
                            const struct cel_variable *variables, size_t count,
                            struct cel_value *out, uint64_t *cost_out);
