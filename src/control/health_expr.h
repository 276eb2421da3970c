#pragma once
/*
 * spec.healthCheckExprs: expressions that say how custom resources are. Their
 * variables are the top-level fields of the object. Pure.
 */
#include "control/kustomization_spec.h"
#include "doc/cel.h"
#include "kube/health.h"

struct health_expr {
    str group, kind;                            /* kind empty: every kind of the group */
    struct cel *current, *in_progress, *failed; /* NULL: not given */
};

struct health_exprs {
    struct health_expr *items;
    size_t count;
};

/* INVALID, with Flux's text, for the first that cannot be compiled. */
MUST_USE err *health_expr_compile(arena *a, const struct kustomization_spec *spec,
                                  struct health_exprs *out);
/* The one for this kind, or for its group; NULL when there is none. */
const struct health_expr *health_expr_find(const struct health_exprs *exprs, struct kube_kind kind);
/* compat: an object that its controller has not seen yet is InProgress; then inProgress, failed and
 * current are asked, and the first that is true decides. An expression that cannot be evaluated
 * makes it Unknown; test_health.py of the cluster suite pins that. */
enum health_status health_expr_run(arena *a, const struct health_expr *expr, const node *object,
                                   str *message_out);
