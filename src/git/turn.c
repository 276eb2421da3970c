#include "git/turn.h"

#include <errno.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"

struct turns {
    arena arena;
    int most;
    pthread_mutex_t lock; /* guards the counts */
    pthread_cond_t given;
    struct map counts; /* name to the number that have a turn; without the zeros */
};

struct turns *turn_new(int most)
{
    arena a = {0};
    struct turns *turns = NEW(&a, struct turns);
    turns->most = most;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&turns->given, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&turns->lock, NULL);
    turns->arena = a;
    return turns;
}

void turn_free(struct turns *turns)
{
    if (!turns) return;
    must(turns->counts.count == 0);
    map_done(&turns->counts);
    pthread_mutex_destroy(&turns->lock);
    pthread_cond_destroy(&turns->given);
    arena a = turns->arena;
    arena_done(&a);
}

static int count_of(const struct turns *turns, str name)
{
    return (int)(intptr_t)map_get(&turns->counts, name);
}

/* Waits until `last`; NULL: not at all. */
static bool take(struct turns *turns, str name, const struct timespec *last)
{
    bool in_time = last;
    pthread_mutex_lock(&turns->lock);
    while (count_of(turns, name) >= turns->most && in_time) {
        in_time = pthread_cond_timedwait(&turns->given, &turns->lock, last) != ETIMEDOUT;
    }
    int count = count_of(turns, name);
    bool mine = count < turns->most;
    if (mine) map_put(&turns->counts, name, (void *)(intptr_t)(count + 1));
    pthread_mutex_unlock(&turns->lock);
    return mine;
}

bool turn_take(struct turns *turns, str name)
{
    struct timespec last;
    clock_gettime(CLOCK_MONOTONIC, &last);
    int64_t end_ns = last.tv_nsec + LIMIT_GIT_WAIT_NS;
    last.tv_sec += end_ns / CLOCK_SECOND;
    last.tv_nsec = end_ns % CLOCK_SECOND;
    return take(turns, name, &last);
}

bool turn_try(struct turns *turns, str name)
{
    return take(turns, name, NULL);
}

void turn_give(struct turns *turns, str name)
{
    pthread_mutex_lock(&turns->lock);
    int count = count_of(turns, name);
    must(count > 0);
    if (count > 1) {
        map_put(&turns->counts, name, (void *)(intptr_t)(count - 1));
    } else {
        map_remove(&turns->counts, name);
    }
    pthread_cond_broadcast(&turns->given);
    pthread_mutex_unlock(&turns->lock);
}
