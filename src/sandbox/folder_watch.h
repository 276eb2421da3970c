#pragma once
/*
 * Keeps a folder committed: it is read again soon after something in it
 * changed, once a moment has passed without further changes, and after a
 * longer moment in any case. What cannot be read is tried again. While nothing
 * changes it costs nothing. The reading is done by a worker, the rest on the loop.
 */
#include "base/loop.h"
#include "base/pool.h"
#include "sandbox/folder.h"

struct folder_watch;

struct folder_watch_options {
    struct loop *loop; /* runs on another thread */
    struct pool *pool;
    struct folder *folder; /* ours alone from now on */
    /* [worker] After each reading but the first: a new commit, or (commit is NULL) what is wrong.
     * One at a time. */
    void (*changed)(void *context, const struct folder_commit *commit, const err *e);
    void *context;
};

/* Reads it the first time, and says what is there. */
MUST_USE err *folder_watch_start(struct folder_watch_options options, arena *a,
                                 struct folder_commit *first_out, struct folder_watch **out);
/* No further reading begins; a job of the pool may be under way until that is freed. */
void folder_watch_stop(struct folder_watch *watch);
void folder_watch_free(struct folder_watch *watch); /* after the pool and the loop's thread */
