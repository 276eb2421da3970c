#pragma once
/* The CEL expressions of a Receiver that choose objects. */
#include "control/receiver_spec.h"
#include "doc/cel.h"

/* INVALID, with reason InvalidCELExpression or ValidationFailed, for the first of all expressions
 * of the spec, those of oidcProviders too, that cannot be used. */
MUST_USE err *receiver_filter_check(arena *a, const struct receiver_spec *spec);
/* Does the expression hold for an object of this kind with this metadata? An empty one does. */
MUST_USE err *receiver_filter_run(arena *a, str expression, struct kube_kind kind,
                                  const node *object, const node *request, const node *claims,
                                  bool *out);
