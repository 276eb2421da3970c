#pragma once
/*
 * Post-build substitution: ${var} and its operators in the YAML text of one
 * object (a dialect of envsubst: spec of spec.postBuild). Pure; any thread.
 */
#include "base/err.h"
#include "base/map.h"
#include "doc/doc.h"

struct subst_options {
    bool strict;         /* an unset variable without a default is an error */
    size_t output_limit; /* bytes; 0: LIMIT_RENDER_BYTES */
};

/* variables: name to str * (values without newlines, see subst_clean). Errors name the variable and
 * never quote a value. */
MUST_USE err *subst_text(arena *a, str text, const struct map *variables,
                         struct subst_options options, str *out);
/* Substitutes in every object through its YAML text, as Flux does: quotes of the repository's file
 * are gone by then, so a value may change its type. Objects with the label or annotation
 * `kustomize.toolkit.fluxcd.io/substitute: disabled` are left alone. *object is replaced by the
 * result. Errors: "post build failed for 'Kind.v1.group/name': ...". */
MUST_USE err *subst_object(arena *a, const struct map *variables, struct subst_options options,
                           node **object);
/* ^[_[:alpha:]][_[:alpha:][:digit:]]*$ */
MUST_USE err *subst_check_name(str name);
str subst_clean(arena *a, str value); /* without newlines */
