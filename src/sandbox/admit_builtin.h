#pragma once
/*
 * What Kubernetes itself says about its own kinds beyond their types: defaults,
 * and the checks of values that users meet most. Part of admit.
 */
#include "sandbox/admit.h"

void admit_builtin_defaults(arena *a, str kind, node *object);
/* Names and labels, of any kind. */
void admit_builtin_metadata(arena *a, const struct served *served, const node *before,
                            const node *object, node *causes);
void admit_builtin_check(arena *a, str kind, const node *before, const node *object, node *causes);
