#pragma once
/* spec.dependsOn of a Kustomization: may it run yet? Pure but for reading other objects. */
#include "control/kustomization_spec.h"
#include "control/manager.h"

/* NULL when every dependency is ready, by its readyExpr where it has one and, where it has the same
 * source, at this revision. Otherwise an error with reason DependencyNotReady and Flux's text for
 * the first that is not, or InvalidCELExpression. */
MUST_USE err *dependency_check(struct work *work, const struct kustomization_spec *spec,
                               str source_key, str revision);
/* "Kustomization/ns/name" */
str dependency_key(arena *a, const struct kustomization_dependency *dependency, str own_namespace);
/* "GitRepository/ns/name" of spec.sourceRef */
str dependency_source_key(arena *a, const struct kustomization_spec *spec, str own_namespace);
