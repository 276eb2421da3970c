#pragma once
/*
 * What upstream's namespace and garbage collectors do: the content of a
 * namespace that ends, objects whose owners are gone, and the finalizers for
 * foreground deletion and orphans. Looks, soon, at what a change is about: the
 * object, its dependents, its owners; never at everything.
 * Also says of new CRDs that they are served. Loop thread.
 */
#include "base/loop.h"
#include "sandbox/world.h"

struct garbage;
struct garbage *garbage_new(struct world *world, struct loop *loop);
void garbage_free(struct garbage *garbage);
size_t garbage_pending(const struct garbage *garbage); /* objects that it means to look at */
