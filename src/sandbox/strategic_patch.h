#pragma once
/*
 * Strategic merge patches as an API server applies them: lists merge by the
 * keys that the schema names, and directives ($patch, $retainKeys,
 * $setElementOrder, $deleteFromPrimitiveList) steer it. What kustomize makes of
 * such a patch differs in the details and is render/strategic. Pure; any thread.
 */
#include "sandbox/typing.h"

/* Changes the object in place; its nodes may be shared with the patch afterwards. INVALID for a
 * patch that contradicts itself. */
MUST_USE err *strategic_patch_apply(arena *a, struct typing typing, const node *patch,
                                    node *object);
