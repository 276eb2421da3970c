#pragma once
/*
 * What can be said of an expression of CEL before it runs: every name exists,
 * every function has a row for the types it is given, and the type of the
 * result. What comes from a variable's field is of a type not known (dyn).
 * Part of cel.c.
 */
#include "doc/cel_parse.h"

/* Finds the functions, and with a list of variables checks names and types. Errors have their
 * position in front. */
MUST_USE err *cel_check(arena *a, str source, struct cel_expr *root, const char *const *variables);
