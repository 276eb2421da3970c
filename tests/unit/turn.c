/* turn: so many at a time for each name, and no endless waits. */
#include "git/turn.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"

static void test_counts(void **state UNUSED)
{
    struct turns *turns = turn_new(2);
    assert_true(turn_try(turns, STR("a")));
    assert_true(turn_take(turns, STR("a")));
    assert_false(turn_try(turns, STR("a")));
    assert_true(turn_try(turns, STR("b")));
    int64_t before_ns = clock_now_ns();
    assert_false(turn_take(turns, STR("a")));
    int64_t waited_ns = clock_now_ns() - before_ns;
    assert_true(waited_ns >= LIMIT_GIT_WAIT_NS * 9 / 10 && waited_ns < 10 * LIMIT_GIT_WAIT_NS);
    turn_give(turns, STR("a"));
    assert_true(turn_try(turns, STR("a")));
    turn_give(turns, STR("a"));
    turn_give(turns, STR("a"));
    turn_give(turns, STR("b"));
    turn_free(turns);
    turn_free(NULL);
}

static void *give_soon(void *turns)
{
    poll(NULL, 0, LIMIT_GIT_WAIT_NS / CLOCK_MS / 4);
    turn_give(turns, STR("a"));
    return NULL;
}

static void test_waits_for_the_turn(void **state UNUSED)
{
    struct turns *turns = turn_new(1);
    pthread_t thread;
    assert_true(turn_take(turns, STR("a")));
    pthread_create(&thread, NULL, give_soon, turns);
    assert_true(turn_take(turns, STR("a")));
    pthread_join(thread, NULL);
    turn_give(turns, STR("a"));
    turn_free(turns);
}

static _Atomic int inside, entered;

static void *enter_often(void *turns)
{
    for (int i = 0; i < 200; i++) {
        if (!turn_take(turns, STR("a"))) continue;
        entered++;
        assert_int_equal(++inside, 1);
        inside--;
        turn_give(turns, STR("a"));
    }
    return NULL;
}

static void test_one_at_a_time(void **state UNUSED)
{
    struct turns *turns = turn_new(1);
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, enter_often, turns);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(entered, 8 * 200);
    turn_free(turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_waits_for_the_turn),
        cmocka_unit_test(test_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
