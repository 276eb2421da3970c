#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"

struct tally {
    struct pool *pool;
    struct loop *loop;
    atomic_int ran;
    int on_loop; /* touched by the loop's thread only */
    atomic_bool go_on;
};

static void run_one(void *context)
{
    struct tally *tally = context;
    atomic_fetch_add(&tally->ran, 1);
}

static void every_job_runs_before_the_end(void **state)
{
    (void)state;
    struct tally tally = {.pool = pool_new(3)};
    for (int i = 0; i < 10000; i++) pool_run(tally.pool, run_one, &tally);
    pool_free(tally.pool);
    assert_int_equal(atomic_load(&tally.ran), 10000);
}

static void wait_for_go(void *context)
{
    struct tally *tally = context;
    atomic_fetch_add(&tally->ran, 1);
    while (!atomic_load(&tally->go_on)) usleep(100);
}

static void jobs_run_side_by_side(void **state)
{
    (void)state;
    struct tally tally = {.pool = pool_new(3)};
    for (int i = 0; i < 5; i++) pool_run(tally.pool, wait_for_go, &tally);
    while (atomic_load(&tally.ran) < 3) usleep(100);
    assert_int_equal(pool_busy(tally.pool), 3);
    atomic_store(&tally.go_on, true);
    pool_free(tally.pool);
    assert_int_equal(atomic_load(&tally.ran), 5);
}

struct sequence {
    int seen[1000], count;
};

struct entry {
    struct sequence *sequence;
    int number;
};

static void note(void *context)
{
    struct entry *entry = context;
    entry->sequence->seen[entry->sequence->count++] = entry->number;
}

static void one_worker_keeps_the_order(void **state)
{
    (void)state;
    struct sequence sequence = {0};
    struct entry entries[1000];
    struct pool *pool = pool_new(1);
    for (int i = 0; i < 1000; i++) {
        entries[i] = (struct entry){&sequence, i};
        pool_run(pool, note, &entries[i]);
    }
    pool_free(pool);
    assert_int_equal(sequence.count, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(sequence.seen[i], i);
}

static void add_on_loop(void *context)
{
    struct tally *tally = context;
    tally->on_loop++;
}

static void ask_loop(void *context)
{
    struct tally *tally = context;
    loop_call(tally->loop, add_on_loop, tally);
    pool_run(tally->pool, run_one, tally); /* a job may queue another */
}

static void jobs_wait_on_the_loop(void **state)
{
    (void)state;
    struct tally tally = {.pool = pool_new(4), .loop = loop_new()};
    loop_start(tally.loop);
    for (int i = 0; i < 1000; i++) pool_run(tally.pool, ask_loop, &tally);
    pool_free(tally.pool);
    loop_join(tally.loop);
    assert_int_equal(tally.on_loop, 1000);
    assert_int_equal(atomic_load(&tally.ran), 1000);
    loop_free(tally.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_before_the_end),
        cmocka_unit_test(jobs_run_side_by_side),
        cmocka_unit_test(one_worker_keeps_the_order),
        cmocka_unit_test(jobs_wait_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
