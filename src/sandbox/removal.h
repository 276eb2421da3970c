#pragma once
/*
 * Deletions: what has finalizers is marked and stays until they are gone, the
 * rest goes at once; propagation policies are finalizers that garbage takes
 * care of. One thread.
 */
#include "sandbox/world.h"

/* For clients: by the call's body and parameters. *out is the object while it waits, or a Status.
 */
MUST_USE err *removal_do(struct call *call, const node *before, const node **out);
/* For controllers: gone, or marked when it has finalizers. */
void removal_of(struct world *world, const struct served *served, str namespace, str name);
