#include "control/queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"

struct item {
    struct list_link ready; /* on the lane's ready list while it waits for a worker */
    struct heap_item delay; /* on the lane's heap while it is delayed */
    int64_t ready_ns;       /* since when it is ready */
    int64_t again_ns;       /* when to come again, set while it runs; 0: not */
    int attempts;           /* failures in a row */
    bool running;
    str key; /* the map's copy */
};

struct queue {
    struct queue_options options;
    pthread_mutex_t lock; /* guards everything below */
    struct map items;     /* key to struct item * */
    struct list_link ready;
    struct heap delays;
    size_t depth;
    bool timer_posted;
    struct loop_timer timer; /* the loop's alone */
};

struct queue *queue_new(struct queue_options options)
{
    struct queue *queue = lang_zalloc(sizeof *queue);
    queue->options = options;
    pthread_mutex_init(&queue->lock, NULL);
    list_init(&queue->ready);
    return queue;
}

static void cancel_timer(void *context)
{
    struct queue *queue = context;
    loop_timer_cancel(queue->options.loop, &queue->timer);
}

void queue_free(struct queue *queue)
{
    if (!queue) return;
    loop_call(queue->options.loop, cancel_timer, queue);
    MAP_EACH (&queue->items, entry)
        free(entry->value);
    map_done(&queue->items);
    heap_done(&queue->delays);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

static struct item *item_of(struct queue *queue, str key)
{
    struct item *item = map_get(&queue->items, key);
    if (item) return item;
    item = lang_zalloc(sizeof *item + key.len + 1);
    char *copy = (char *)(item + 1);
    for (size_t i = 0; i < key.len; i++)
        copy[i] = key.data[i];
    item->key = (str){copy, key.len};
    map_put(&queue->items, key, item);
    return item;
}

/* An item that remembers nothing is dropped, so that the table does not grow. */
static void drop_if_idle(struct queue *queue, struct item *item)
{
    if (item->running || item->ready.next || item->delay.place || item->attempts) return;
    map_remove(&queue->items, item->key);
    free(item);
}

/* True if a worker has to be started. */
static bool make_ready(struct queue *queue, struct item *item)
{
    heap_remove(&queue->delays, &item->delay);
    if (item->ready.next) return false;
    list_add_last(&queue->ready, &item->ready);
    item->ready_ns = clock_now_ns();
    queue->depth++;
    return true;
}

static void start_workers(struct queue *queue, size_t count)
{
    while (count--)
        queue->options.ready(queue->options.context);
}

static void arm(void *context);

static void on_timer(void *context)
{
    struct queue *queue = context;
    size_t count = 0;
    int64_t now_ns = clock_now_ns();
    pthread_mutex_lock(&queue->lock);
    for (struct heap_item *first;
         (first = heap_first(&queue->delays)) && first->due_ns <= now_ns;) {
        count += make_ready(queue, CONTAINER_OF(first, struct item, delay));
    }
    pthread_mutex_unlock(&queue->lock);
    start_workers(queue, count);
    arm(queue);
}

/* On the loop: sets the timer to the earliest delay. */
static void arm(void *context)
{
    struct queue *queue = context;
    pthread_mutex_lock(&queue->lock);
    queue->timer_posted = false;
    struct heap_item *first = heap_first(&queue->delays);
    int64_t due_ns = first ? first->due_ns : 0;
    pthread_mutex_unlock(&queue->lock);
    if (first) {
        loop_timer_set(queue->options.loop, &queue->timer, due_ns, on_timer, queue);
    } else {
        loop_timer_cancel(queue->options.loop, &queue->timer);
    }
}

/* Under the lock. True if the loop has to be told of a new earliest delay. */
static bool delay(struct queue *queue, struct item *item, int64_t due_ns)
{
    if (item->ready.next) return false;
    if (item->delay.place && item->delay.due_ns <= due_ns) return false;
    heap_put(&queue->delays, &item->delay, due_ns);
    if (heap_first(&queue->delays) != &item->delay || queue->timer_posted) return false;
    queue->timer_posted = true;
    return true;
}

void queue_add(struct queue *queue, str key)
{
    queue_add_after(queue, key, 0);
}

void queue_add_after(struct queue *queue, str key, int64_t delay_ns)
{
    bool start = false, tell = false;
    int64_t due_ns = clock_now_ns() + MAX(delay_ns, (int64_t)0);
    pthread_mutex_lock(&queue->lock);
    struct item *item = item_of(queue, key);
    if (item->running) {
        if (!item->again_ns || due_ns < item->again_ns) item->again_ns = due_ns;
    } else if (delay_ns <= 0) {
        start = make_ready(queue, item);
    } else {
        tell = delay(queue, item, due_ns);
    }
    pthread_mutex_unlock(&queue->lock);
    if (start) start_workers(queue, 1);
    if (tell) loop_post(queue->options.loop, arm, queue);
}

bool queue_take(struct queue *queue, arena *a, str *key)
{
    bool found = false;
    int64_t span_ns = 0;
    pthread_mutex_lock(&queue->lock);
    if (!list_is_empty(&queue->ready)) {
        struct item *item = CONTAINER_OF(queue->ready.next, struct item, ready);
        list_remove(&item->ready);
        queue->depth--;
        item->running = true;
        item->again_ns = 0;
        *key = str_dup(a, item->key);
        span_ns = clock_now_ns() - item->ready_ns;
        found = true;
    }
    pthread_mutex_unlock(&queue->lock);
    if (found && queue->options.waited) queue->options.waited(queue->options.context, span_ns);
    return found;
}

void queue_finish(struct queue *queue, str key)
{
    bool start = false, tell = false;
    pthread_mutex_lock(&queue->lock);
    struct item *item = map_get(&queue->items, key);
    if (item) {
        item->running = false;
        if (item->again_ns && item->again_ns <= clock_now_ns()) {
            start = make_ready(queue, item);
        } else if (item->again_ns) {
            tell = delay(queue, item, item->again_ns);
        }
        item->again_ns = 0;
        drop_if_idle(queue, item);
    }
    pthread_mutex_unlock(&queue->lock);
    if (start) start_workers(queue, 1);
    if (tell) loop_post(queue->options.loop, arm, queue);
}

void queue_retry(struct queue *queue, str key)
{
    pthread_mutex_lock(&queue->lock);
    struct item *item = item_of(queue, key);
    int64_t delay_ns = queue->options.retry_first_ns;
    for (int i = 0; i < item->attempts && delay_ns < queue->options.retry_last_ns; i++)
        delay_ns *= 2;
    delay_ns = MIN(delay_ns, queue->options.retry_last_ns);
    item->attempts++;
    pthread_mutex_unlock(&queue->lock);
    queue_add_after(queue, key, rand_jitter(delay_ns, 10));
}

void queue_forget(struct queue *queue, str key)
{
    pthread_mutex_lock(&queue->lock);
    struct item *item = map_get(&queue->items, key);
    if (item) {
        item->attempts = 0;
        drop_if_idle(queue, item);
    }
    pthread_mutex_unlock(&queue->lock);
}

void queue_drop(struct queue *queue, str key)
{
    pthread_mutex_lock(&queue->lock);
    struct item *item = map_get(&queue->items, key);
    if (item) {
        heap_remove(&queue->delays, &item->delay);
        item->attempts = 0;
        if (item->running) item->again_ns = 0;
        drop_if_idle(queue, item);
    }
    pthread_mutex_unlock(&queue->lock);
}

size_t queue_depth(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t depth = queue->depth;
    pthread_mutex_unlock(&queue->lock);
    return depth;
}
