#pragma once
/*
 * The one thread that owns every socket, timer, queue and cache: epoll, timers
 * on a heap, and calls posted by other threads. Nothing that runs on the loop
 * may block or take long. While nothing happens the thread sleeps: there is no
 * interval at which it looks around.
 *
 * Functions marked [loop] may be called on the loop thread only (while the loop
 * does not run, that is the thread that made it or ran it last); [any] from any
 * thread. Writing to a closed socket never raises SIGPIPE in a program that has
 * made a loop; programs it starts get the default back.
 */
#include "base/err.h"
#include "base/heap.h"

struct loop;

struct loop *loop_new(void);
/* What is still posted runs now, so that nobody's memory is lost. */
void loop_free(struct loop *loop);
/* Until loop_stop. May be run again after that; what came in between waits. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* [any], also from a signal handler */
bool loop_is_here(const struct loop *loop); /* [any] is this the loop's thread? */

/*
 * Runs the loop on a thread of its own, for a caller that blocks: a command, or
 * main() after loop_run, while workers that wait for the loop finish. From the
 * return of loop_start to loop_join the caller is not the loop's thread.
 */
void loop_start(struct loop *loop);
void loop_join(struct loop *loop); /* stops that thread and waits; the caller is the loop's again */

/* [any] Runs fn(context) on the loop, soon, in the order of posting. */
void loop_post(struct loop *loop, void (*fn)(void *context), void *context);
/* [any] The same, and waits until it has run. On the loop thread it runs at once. */
void loop_call(struct loop *loop, void (*fn)(void *context), void *context);

/* A timer is embedded in its owner; a zeroed one is valid and not set. It fires once, and is not
 * set any more when fn is called. due_ns is a clock_now_ns. */
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
/* [loop] Best before the descriptor is closed. Safe within callbacks: no event comes after it. */
void loop_fd_remove(struct loop *loop, struct loop_fd *fd);

/* The first SIGTERM or SIGINT calls loop_stop; a second one ends the program at once. One loop of
 * the program may ask for it; for the thread that will run it. */
MUST_USE err *loop_stop_on_signals(struct loop *loop);
/* SIGTERM and SIGINT wait until a loop asks for them, in this thread and those it starts: for a
 * program that leaves something behind when it ends before that. */
void loop_hold_signals(void);
