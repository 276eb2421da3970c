#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"

struct job {
    void (*fn)(void *context);
    void *context;
};

struct pool {
    pthread_mutex_t lock; /* guards the ring of jobs and stopping */
    pthread_cond_t filled;
    struct job *jobs; /* a ring: count jobs from first on */
    size_t first, count, room;
    bool stopping;
    atomic_int busy;
    int thread_count;
    pthread_t threads[];
};

static void grow(struct pool *pool)
{
    size_t room = pool->room ? pool->room * 2 : 16;
    struct job *jobs = lang_alloc(sizeof *jobs * room);
    for (size_t i = 0; i < pool->count; i++) {
        jobs[i] = pool->jobs[(pool->first + i) & (pool->room - 1)];
    }
    free(pool->jobs);
    pool->jobs = jobs;
    pool->first = 0;
    pool->room = room;
}

/* The next job; false when there is none left and the pool ends. */
static bool take(struct pool *pool, struct job *out)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->count && !pool->stopping) pthread_cond_wait(&pool->filled, &pool->lock);
    bool some = pool->count;
    if (some) {
        *out = pool->jobs[pool->first];
        pool->first = (pool->first + 1) & (pool->room - 1);
        pool->count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return some;
}

static void *work(void *context)
{
    struct pool *pool = context;
    for (struct job job; take(pool, &job);) {
        atomic_fetch_add(&pool->busy, 1);
        job.fn(job.context);
        atomic_fetch_sub(&pool->busy, 1);
    }
    return NULL;
}

struct pool *pool_new(int threads)
{
    must(threads > 0);
    struct pool *pool = lang_zalloc(sizeof *pool + sizeof(pthread_t) * (size_t)threads);
    pool->thread_count = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    must(pthread_attr_setstacksize(&attributes, LIMIT_THREAD_STACK_BYTES) == 0);
    for (int i = 0; i < threads; i++) {
        must(pthread_create(&pool->threads[i], &attributes, work, pool) == 0);
    }
    pthread_attr_destroy(&attributes);
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool->jobs);
    free(pool);
}

void pool_run(struct pool *pool, void (*job)(void *context), void *context)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->count == pool->room) grow(pool);
    pool->jobs[(pool->first + pool->count++) & (pool->room - 1)] = (struct job){job, context};
    pthread_cond_signal(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
}

int pool_busy(const struct pool *pool)
{
    return atomic_load(&pool->busy);
}
