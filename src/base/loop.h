#pragma once
/*
 * The one thread that owns every socket, timer, queue and cache: epoll, timers
 * on a heap, and calls posted by other threads. Nothing that runs on the loop
 * may block or take long.
 *
 * Functions marked [loop] may be called on the loop thread only (before
 * loop_run, the thread that made the loop counts as it); [any] from any thread.
 */
#include "base/err.h"
#include "base/heap.h"

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *loop);
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* [any], also from a signal handler */
bool loop_is_here(const struct loop *loop); /* [any] is this the loop's thread? */

/* [any] Runs fn(context) on the loop, soon, in the order of posting. */
void loop_post(struct loop *loop, void (*fn)(void *context), void *context);
/* [any] The same, and waits until it has run. On the loop thread it runs at once. */
void loop_call(struct loop *loop, void (*fn)(void *context), void *context);

/* A timer is embedded in its owner; a zeroed one is valid and not set. */
struct loop_timer {
    struct heap_item item;
    void (*fn)(void *context);
    void *context;
};
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ns,
                    void (*fn)(void *context), void *context); /* [loop] moves it when set */
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer); /* [loop] */

/* A descriptor that is watched; embedded in its owner. events: EPOLLIN | EPOLLOUT. */
struct loop_fd {
    int fd;
    uint32_t events;
    void (*fn)(void *context, uint32_t events);
    void *context;
};
MUST_USE err *loop_fd_add(struct loop *loop, struct loop_fd *fd);  /* [loop] */
void loop_fd_change(struct loop *loop, struct loop_fd *fd, uint32_t events); /* [loop] */
void loop_fd_remove(struct loop *loop, struct loop_fd *fd);        /* [loop] safe within callbacks */

/* SIGTERM and SIGINT call loop_stop; call before other threads start. */
MUST_USE err *loop_stop_on_signals(struct loop *loop);
