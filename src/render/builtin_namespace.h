#pragma once
/*
 * The namespace of everything that is in one: of the object itself, of the
 * accounts that a role binding names, and of what field specs point at.
 */
#include "render/builtin.h"

/* One resource, as a NamespaceTransformer without field specs does it. */
MUST_USE err *builtin_namespace_set(arena *a, struct resmap *map, struct resource *resource,
                                    str namespace);
