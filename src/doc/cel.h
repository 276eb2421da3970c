#pragma once
/*
 * CEL, the expression language of Kubernetes, as the objects of Flux use it:
 * the standard functions and macros, optional values, and the extensions for
 * strings, sets and base64. Numbers of different types compare by value, time
 * is UTC.
 *
 * An expression is compiled once and is immutable then; any thread evaluates
 * it. Compiling with a list of variables checks names and types and tells the
 * type of the result; without a list, every name may turn out to exist.
 *
 * Expressions come from strangers. Their size and depth are bounded, and each
 * step of an evaluation costs: one that crosses LIMIT_CEL_COST ends with an
 * error, and nothing that it does is slower than its cost tells.
 *
 * Errors are INVALID and begin with "line:column: ".
 */
#include "doc/cel_value.h"

struct cel;

/* Texts of the expression are copied. `variables` ends with NULL and names maps, or values of any
 * type as "?name"; when it is NULL, nothing is checked. */
MUST_USE err *cel_compile(arena *a, str expression, const char *const *variables, struct cel **out);
/* What is known of the result; CEL_DYN when that depends on the variables, or was not checked. */
enum cel_type cel_result(const struct cel *cel);

struct cel_variable {
    str name;
    struct cel_value value;
};

/* The result refers to the variables and to the arena. `cost_out` may be NULL. */
MUST_USE err *cel_eval(arena *a, const struct cel *cel, const struct cel_variable *variables,
                       size_t count, struct cel_value *out, uint64_t *cost_out);
/* With Flux's words around the errors: "failed to evaluate the CEL expression 'a': ...". */
MUST_USE err *cel_eval_bool(arena *a, const struct cel *cel, const struct cel_variable *variables,
                            size_t count, bool *out);
MUST_USE err *cel_eval_str(arena *a, const struct cel *cel, const struct cel_variable *variables,
                           size_t count, str *out);
/* Compiles, with Flux's words around the error. `type` is what a checked one must result in, or
 * CEL_DYN. */
MUST_USE err *cel_require(arena *a, str expression, const char *const *variables,
                          enum cel_type type, struct cel **out);
