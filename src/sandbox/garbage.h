#pragma once
/*
 * What upstream's namespace and garbage collectors do: the content of a
 * namespace that ends, objects whose owners are gone, and the finalizers for
 * foreground deletion and orphans. Looks after deletions, soon, and not else.
 * Also says of new CRDs that they are served. Loop thread.
 */
#include "base/loop.h"
#include "sandbox/world.h"

struct garbage;
struct garbage *garbage_new(struct world *world, struct loop *loop);
void garbage_free(struct garbage *garbage);
