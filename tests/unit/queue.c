/* queue: each key once, one worker a key, delays and back-off, under several threads. */
#include "control/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"

struct fixture {
    struct loop *loop;
    struct queue *queue;
    atomic_int ready;
};

static void on_ready(void *context)
{
    struct fixture *fixture = context;
    atomic_fetch_add(&fixture->ready, 1);
}

static void open_queue(struct fixture *fixture)
{
    *fixture = (struct fixture){.loop = loop_new()};
    fixture->queue = queue_new((struct queue_options){.loop = fixture->loop,
                                                      .retry_first_ns = 20 * CLOCK_MS,
                                                      .retry_last_ns = 50 * CLOCK_MS,
                                                      .ready = on_ready,
                                                      .context = fixture});
    loop_start(fixture->loop);
}

static void close_queue(struct fixture *fixture)
{
    loop_join(fixture->loop);
    queue_free(fixture->queue);
    loop_free(fixture->loop);
}

static void expect_key(struct fixture *fixture, const char *key)
{
    arena a AUTO(arena_done) = {0};
    str got;
    assert_true(queue_take(fixture->queue, &a, &got));
    assert_true(str_is(got, key));
}

static void expect_none(struct fixture *fixture)
{
    arena a AUTO(arena_done) = {0};
    str got;
    assert_false(queue_take(fixture->queue, &a, &got));
}

static void wait_ready(struct fixture *fixture, int count)
{
    for (int i = 0; i < 2000 && atomic_load(&fixture->ready) < count; i++) usleep(1000);
    assert_int_equal(atomic_load(&fixture->ready), count);
}

static void test_once(void **state UNUSED)
{
    struct fixture f;
    open_queue(&f);
    queue_add(f.queue, STR("a"));
    queue_add(f.queue, STR("b"));
    queue_add(f.queue, STR("a"));
    assert_int_equal(queue_depth(f.queue), 2);
    expect_key(&f, "a");
    expect_key(&f, "b");
    expect_none(&f);
    queue_add(f.queue, STR("a")); /* while it runs: comes again when it is finished, not before */
    expect_none(&f);
    queue_finish(f.queue, STR("a"));
    expect_key(&f, "a");
    queue_finish(f.queue, STR("a"));
    queue_finish(f.queue, STR("b"));
    expect_none(&f);
    close_queue(&f);
}

static void test_delay(void **state UNUSED)
{
    struct fixture f;
    open_queue(&f);
    int64_t start_ns = clock_now_ns();
    queue_add_after(f.queue, STR("late"), 60 * CLOCK_MS);
    queue_add_after(f.queue, STR("soon"), 20 * CLOCK_MS);
    queue_add_after(f.queue, STR("soon"), 3600 * CLOCK_SECOND); /* keeps its earlier time */
    expect_none(&f);
    wait_ready(&f, 1);
    expect_key(&f, "soon");
    wait_ready(&f, 2);
    assert_true(clock_now_ns() - start_ns >= 60 * CLOCK_MS);
    expect_key(&f, "late");
    queue_add_after(f.queue, STR("gone"), 10 * CLOCK_MS);
    queue_drop(f.queue, STR("gone"));
    usleep(30000);
    expect_none(&f);
    close_queue(&f);
}

static void test_retry(void **state UNUSED)
{
    struct fixture f;
    open_queue(&f);
    queue_add(f.queue, STR("a"));
    int64_t last_ns = clock_now_ns();
    for (int round = 0; round < 4; round++) {
        wait_ready(&f, round + 1);
        int64_t now_ns = clock_now_ns();
        static const int64_t least_ms[] = {0, 18, 36, 45};
        assert_true(now_ns - last_ns >= least_ms[round] * CLOCK_MS);
        last_ns = now_ns;
        expect_key(&f, "a");
        queue_retry(f.queue, STR("a"));
        queue_finish(f.queue, STR("a"));
    }
    queue_forget(f.queue, STR("a"));
    close_queue(&f);
}

/* Four threads take what four others add; no key is ever with two workers. */
struct crowd {
    struct fixture *fixture;
    atomic_int holders[8];
    atomic_int taken;
    atomic_bool stop;
};

static void *add_keys(void *context)
{
    struct crowd *crowd = context;
    arena a AUTO(arena_done) = {0};
    for (int i = 0; i < 2000; i++) {
        str key = str_printf(&a, "%d", i % 8);
        if (i % 3) {
            queue_add(crowd->fixture->queue, key);
        } else {
            queue_add_after(crowd->fixture->queue, key, i % 5 * 100000);
        }
    }
    return NULL;
}

static void *take_keys(void *context)
{
    struct crowd *crowd = context;
    while (!atomic_load(&crowd->stop)) {
        arena a AUTO(arena_done) = {0};
        str key;
        if (!queue_take(crowd->fixture->queue, &a, &key)) continue;
        atomic_int *holders = &crowd->holders[key.data[0] - '0'];
        must(atomic_fetch_add(holders, 1) == 0);
        atomic_fetch_add(&crowd->taken, 1);
        must(atomic_fetch_sub(holders, 1) == 1);
        queue_finish(crowd->fixture->queue, key);
    }
    return NULL;
}

static void test_threads(void **state UNUSED)
{
    struct fixture f;
    open_queue(&f);
    struct crowd crowd = {.fixture = &f};
    pthread_t adders[4], takers[4];
    for (int i = 0; i < 4; i++) pthread_create(&takers[i], NULL, take_keys, &crowd);
    for (int i = 0; i < 4; i++) pthread_create(&adders[i], NULL, add_keys, &crowd);
    for (int i = 0; i < 4; i++) pthread_join(adders[i], NULL);
    usleep(50000);
    atomic_store(&crowd.stop, true);
    for (int i = 0; i < 4; i++) pthread_join(takers[i], NULL);
    assert_true(atomic_load(&crowd.taken) >= 8);
    assert_int_equal(queue_depth(f.queue), 0);
    close_queue(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
