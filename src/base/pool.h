#pragma once
/*
 * A fixed number of worker threads and a queue of jobs, first come, first
 * served. Jobs may block on the loop (http_do) or on a child process, never on
 * another job. Who posts bounds the queue.
 */
#include "base/lang.h"

struct pool;

/* Threads start here; the stack of each is LIMIT_THREAD_STACK_BYTES. */
struct pool *pool_new(int threads);
/* Waits until every job has run, also those that are still queued: a context has one owner, and
 * that is its job. To be quick, tell the jobs before that they are not wanted any more. */
void pool_free(struct pool *pool);
/* [any thread, also from a job] */
void pool_run(struct pool *pool, void (*job)(void *context), void *context);
int pool_busy(const struct pool *pool); /* jobs that run right now */
