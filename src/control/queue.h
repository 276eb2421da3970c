#pragma once
/*
 * Keys that want work, a lane per controller. A key waits in its lane at most
 * once, is given to one worker at a time, and one that is added while it runs
 * comes again afterwards. Keys can be delayed, and failures back off
 * exponentially with jitter. Lanes share nothing, so a slow kind starves no
 * other. Any thread.
 */
#include "base/loop.h"
#include "base/str.h"

struct queue;      /* one lane */

struct queue_options {
    struct loop *loop;          /* its timers wake delayed keys */
    int64_t retry_first_ns, retry_last_ns; /* 750 ms doubling to 15 min */
    /* Called, without the lock, once for each key that became ready: start a worker. */
    void (*ready)(void *context);
    /* Called, without the lock, when a key is taken, with how long it was ready; may be NULL. */
    void (*waited)(void *context, int64_t span_ns);
    void *context;
};

struct queue *queue_new(struct queue_options options);
void queue_free(struct queue *queue);

void queue_add(struct queue *queue, str key);
/* Not before now + delay. A key that is due earlier keeps its time. */
void queue_add_after(struct queue *queue, str key, int64_t delay_ns);
/* The next key to work on, or false. The text lives in the arena. */
bool queue_take(struct queue *queue, struct arena *a, str *key);
/* Ends the work on a key. It is ready again at once if it was added meanwhile. */
void queue_finish(struct queue *queue, str key);
/* Like queue_add_after, with the key's next back-off; queue_forget resets it. */
void queue_retry(struct queue *queue, str key);
void queue_forget(struct queue *queue, str key);
/* Drops a key that is gone from the cluster: its delay and back-off too. */
void queue_drop(struct queue *queue, str key);

size_t queue_depth(struct queue *queue); /* ready keys */
