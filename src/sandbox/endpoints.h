#pragma once
/*
 * Endpoints and EndpointSlices of Services that select pods, as upstream's
 * controllers keep them: the addresses of the pods that are ready, and of those
 * that are not. Loop thread.
 */
#include "base/loop.h"
#include "sandbox/world.h"

struct endpoints;
struct endpoints *endpoints_new(struct world *world, struct loop *loop);
void endpoints_free(struct endpoints *endpoints);
/* What its timer does: looks at the Services that a change is about. */
void endpoints_run(struct endpoints *endpoints);
size_t endpoints_pending(const struct endpoints *endpoints); /* Services to look at */
