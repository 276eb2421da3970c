#pragma once
/*
 * A fixed number of worker threads and a queue of jobs. Jobs may block on the
 * loop (http_do) or on a child process, never on another job.
 */
#include "base/lang.h"

struct pool;

/* Threads start here; stack of each is small and fixed (limits.h). */
struct pool *pool_new(int threads);
/* Waits for running jobs; jobs not yet started are dropped after drop(context) where given. */
void pool_free(struct pool *pool);
/* [any thread] */
void pool_run(struct pool *pool, void (*job)(void *context), void *context);
int pool_busy(const struct pool *pool);
