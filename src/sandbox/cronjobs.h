#pragma once
/*
 * CronJobs make Jobs when they are due, as upstream's controller does: policies
 * for what overlaps, a deadline for what is late, and a bound for what is kept.
 * Time is the clock's alone, and UTC. Loop thread.
 */
#include "base/loop.h"
#include "sandbox/world.h"

struct cronjobs;
struct cronjobs *cronjobs_new(struct world *world, struct loop *loop);
void cronjobs_free(struct cronjobs *cronjobs);
/* What its timer does: makes what is due, and tells the wall time when more will be; 0: never. */
int64_t cronjobs_run(struct cronjobs *cronjobs);
