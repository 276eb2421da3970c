#include "base/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static void stop(void *context)
{
    loop_stop(context);
}

/* ---- posts and calls ---- */

struct counter {
    struct loop *loop;
    int value, wanted;
    bool in_order;
};

struct step {
    struct counter *counter;
    int number;
};

static void count_step(void *context)
{
    struct step *step = context;
    struct counter *counter = step->counter;
    if (counter->value++ != step->number) counter->in_order = false;
    if (counter->value == counter->wanted) loop_stop(counter->loop);
}

static void posts_run_in_order(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct counter counter = {.loop = loop, .wanted = 100, .in_order = true};
    struct step steps[100];
    for (int i = 0; i < 100; i++) {
        steps[i] = (struct step){&counter, i};
        loop_post(loop, count_step, &steps[i]);
    }
    loop_run(loop);
    assert_int_equal(counter.value, 100);
    assert_true(counter.in_order);
    loop_free(loop);
}

static void add_one(void *context)
{
    ++*(int *)context;
}

static void posts_left_run_when_the_loop_is_freed(void **state)
{
    (void)state;
    int ran = 0;
    struct loop *loop = loop_new();
    loop_post(loop, add_one, &ran);
    assert_int_equal(ran, 0);
    loop_free(loop);
    assert_int_equal(ran, 1);
}

struct caller {
    struct loop *loop;
    int *total;
};

static void *call_many(void *context)
{
    struct caller *caller = context;
    for (int i = 0; i < 1000; i++) loop_call(caller->loop, add_one, caller->total);
    return NULL;
}

static void calls_come_from_many_threads(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    assert_true(loop_is_here(loop));
    loop_start(loop);
    assert_false(loop_is_here(loop));

    int total = 0;
    struct caller caller = {loop, &total};
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_create(&threads[i], NULL, call_many, &caller);
    }
    for (size_t i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);

    loop_join(loop);
    assert_true(loop_is_here(loop));
    assert_int_equal(total, 4000);
    loop_call(loop, add_one, &total); /* on its own thread a call runs at once */
    assert_int_equal(total, 4001);
    loop_free(loop);
}

static void a_stop_before_the_run_is_not_lost(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    loop_stop(loop);
    loop_run(loop);
    loop_free(loop);
}

/* ---- timers ---- */

struct alarms {
    struct loop *loop;
    struct loop_timer timers[3];
    char order[8];
    size_t count;
};

static void first_alarm(void *context)
{
    struct alarms *alarms = context;
    alarms->order[alarms->count++] = 'a';
}

static void last_alarm(void *context)
{
    struct alarms *alarms = context;
    alarms->order[alarms->count++] = 'b';
    loop_stop(alarms->loop);
}

static void timers_fire_in_the_order_of_time(void **state)
{
    (void)state;
    struct alarms alarms = {.loop = loop_new()};
    int64_t now_ns = clock_now_ns();
    loop_timer_set(alarms.loop, &alarms.timers[0], now_ns + 20 * CLOCK_MS, last_alarm, &alarms);
    loop_timer_set(alarms.loop, &alarms.timers[1], now_ns + 10 * CLOCK_MS, first_alarm, &alarms);
    loop_timer_set(alarms.loop, &alarms.timers[2], now_ns + 5 * CLOCK_MS, first_alarm, &alarms);
    loop_timer_cancel(alarms.loop, &alarms.timers[2]);
    loop_timer_cancel(alarms.loop, &alarms.timers[2]); /* not set: nothing to do */
    loop_run(alarms.loop);
    assert_string_equal(alarms.order, "ab");
    assert_true(clock_now_ns() - now_ns >= 20 * CLOCK_MS);
    loop_free(alarms.loop);
}

struct eager {
    struct loop *loop;
    struct loop_timer timer;
    int fired;
};

static void fire_again(void *context)
{
    struct eager *eager = context;
    eager->fired++;
    loop_timer_set(eager->loop, &eager->timer, 0, fire_again, eager);
}

static void an_eager_timer_does_not_keep_out_posts(void **state)
{
    (void)state;
    struct eager eager = {.loop = loop_new()};
    loop_timer_set(eager.loop, &eager.timer, 0, fire_again, &eager);
    loop_post(eager.loop, stop, eager.loop);
    loop_run(eager.loop);
    assert_true(eager.fired < 10);
    loop_free(eager.loop);
}

static int64_t cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * CLOCK_SECOND +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

static void an_idle_loop_sleeps(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct loop_timer timer = {0};
    struct rusage before, after;
    int64_t cpu_before_ns = cpu_ns();
    getrusage(RUSAGE_THREAD, &before);
    loop_timer_set(loop, &timer, clock_now_ns() + 200 * CLOCK_MS, stop, loop);
    loop_run(loop);
    getrusage(RUSAGE_THREAD, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 10);
    assert_true(cpu_ns() - cpu_before_ns < 20 * CLOCK_MS);
    loop_free(loop);
}

/* ---- descriptors ---- */

struct pipes {
    struct loop *loop;
    struct loop_fd fds[2];
    int ends[2][2];
    int events;
};

/* Both pipes are readable; whichever comes first takes the other away. */
static void take_both(void *context, uint32_t events)
{
    struct pipes *pipes = context;
    assert_true(events & EPOLLIN);
    pipes->events++;
    for (int i = 0; i < 2; i++) {
        loop_fd_remove(pipes->loop, &pipes->fds[i]);
        pipes->fds[i] = (struct loop_fd){.fd = -1};
    }
    loop_post(pipes->loop, stop, pipes->loop);
}

static void a_removed_descriptor_has_no_more_events(void **state)
{
    (void)state;
    struct pipes pipes = {.loop = loop_new()};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(pipes.ends[i]), 0);
        assert_int_equal(write(pipes.ends[i][1], "x", 1), 1);
        pipes.fds[i] = (struct loop_fd){pipes.ends[i][0], EPOLLIN, take_both, &pipes};
        assert_null(loop_fd_add(pipes.loop, &pipes.fds[i]));
    }
    loop_run(pipes.loop);
    assert_int_equal(pipes.events, 1);
    for (int i = 0; i < 4; i++) close(pipes.ends[i / 2][i % 2]);
    loop_free(pipes.loop);
}

static void a_bad_descriptor_is_an_error(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct loop_fd fd = {.fd = 1000000, .events = EPOLLIN};
    err *e AUTO(err_done) = loop_fd_add(loop, &fd);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_TRANSIENT);
    loop_free(loop);
}

/* ---- signals ---- */

static void raise_in_loop(void *context)
{
    (void)context;
    raise(SIGTERM);
}

static void a_signal_stops_the_loop(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    assert_null(loop_stop_on_signals(loop));
    loop_post(loop, raise_in_loop, NULL);
    loop_run(loop);
    struct sigaction now;
    sigaction(SIGTERM, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL); /* the second one ends the program */
    loop_free(loop);
    signal(SIGINT, SIG_DFL);
}

static void writing_to_a_closed_pipe_is_harmless(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_run_in_order),
        cmocka_unit_test(posts_left_run_when_the_loop_is_freed),
        cmocka_unit_test(calls_come_from_many_threads),
        cmocka_unit_test(a_stop_before_the_run_is_not_lost),
        cmocka_unit_test(timers_fire_in_the_order_of_time),
        cmocka_unit_test(an_eager_timer_does_not_keep_out_posts),
        cmocka_unit_test(an_idle_loop_sleeps),
        cmocka_unit_test(a_removed_descriptor_has_no_more_events),
        cmocka_unit_test(a_bad_descriptor_is_an_error),
        cmocka_unit_test(a_signal_stops_the_loop),
        cmocka_unit_test(writing_to_a_closed_pipe_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
