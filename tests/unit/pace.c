/* pace: turns at a server, under a clock that only the test moves. */
#include "oci/pace.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"

static int64_t now_ns = 1000 * CLOCK_SECOND;

static int64_t read_now(void)
{
    return now_ns;
}

static const struct clock_source source = {.now_ns = read_now, .wall_ns = read_now};

static bool take(struct pace *pace, const char *host)
{
    return pace_take(pace, str_of(host), now_ns);
}

/* How many requests go at this very moment, each answered at once. */
static int burst(struct pace *pace, int status)
{
    int count = 0;
    for (; count < 10 * LIMIT_OCI_RATE && take(pace, "a"); count++)
        pace_give(pace, STR("a"), status, 0);
    return count;
}

static void so_many_at_a_time(void **state)
{
    struct pace *pace = *state;
    for (int i = 0; i < LIMIT_OCI_IN_FLIGHT; i++)
        assert_true(take(pace, "a"));
    assert_false(take(pace, "a"));
    assert_true(take(pace, "b")); /* another server does not care */
    pace_give(pace, STR("a"), 200, 0);
    assert_true(take(pace, "a"));
}

static void so_many_a_second(void **state)
{
    struct pace *pace = *state;
    assert_int_equal(burst(pace, 200), LIMIT_OCI_RATE);
    assert_false(take(pace, "a"));
    now_ns += CLOCK_SECOND / 2;
    assert_in_range(burst(pace, 200), LIMIT_OCI_RATE / 2 - 1, LIMIT_OCI_RATE / 2);
    now_ns += 3600 * CLOCK_SECOND; /* nothing is saved up */
    assert_int_equal(burst(pace, 200), LIMIT_OCI_RATE);
}

static void halves_and_recovers(void **state)
{
    struct pace *pace = *state;
    assert_true(take(pace, "a"));
    pace_give(pace, STR("a"), 429, 30 * CLOCK_SECOND);
    assert_int_equal(pace_blocked_until_ns(pace, STR("a")), now_ns + 30 * CLOCK_SECOND);
    assert_int_equal(pace_blocked_until_ns(pace, STR("b")), 0);
    assert_false(take(pace, "a"));
    now_ns += 29 * CLOCK_SECOND;
    assert_false(take(pace, "a"));
    now_ns += 2 * CLOCK_SECOND;
    assert_int_equal(pace_blocked_until_ns(pace, STR("a")), 0);
    int slow = burst(pace, 0); /* no answer: no recovery */
    assert_int_equal(slow, LIMIT_OCI_RATE / 2);
    for (int i = 0; i < 20; i++) {
        now_ns += CLOCK_SECOND;
        assert_true(take(pace, "a"));
        pace_give(pace, STR("a"), 200, 0);
    }
    now_ns += CLOCK_SECOND;
    assert_int_equal(burst(pace, 200), LIMIT_OCI_RATE);
}

static void is_never_blocked_for_long(void **state)
{
    struct pace *pace = *state;
    assert_true(take(pace, "a"));
    pace_give(pace, STR("a"), 429, 86400 * CLOCK_SECOND);
    assert_true(pace_blocked_until_ns(pace, STR("a")) <= now_ns + 300 * CLOCK_SECOND);
    for (int i = 0; i < 40; i++) { /* there is always a rate left */
        now_ns += 301 * CLOCK_SECOND;
        assert_true(take(pace, "a"));
        pace_give(pace, STR("a"), 429, 0);
    }
    assert_true(take(pace, "b"));
    pace_give(pace, STR("b"), 503, 5 * CLOCK_SECOND);
    assert_int_equal(pace_blocked_until_ns(pace, STR("b")), now_ns + 5 * CLOCK_SECOND);
    assert_true(take(pace, "c"));
    pace_give(pace, STR("c"), 503, 0);
    assert_int_equal(pace_blocked_until_ns(pace, STR("c")), 0);
}

static void keeps_few_servers(void **state)
{
    struct pace *pace = *state;
    arena a AUTO(arena_done) = {0};
    assert_true(take(pace, "busy"));
    for (int i = 0; i < 3 * LIMIT_OCI_HOSTS; i++) {
        str host = str_printf(&a, "h%d", i);
        assert_true(pace_take(pace, host, now_ns));
        pace_give(pace, host, 200, 0);
    }
    pace_give(pace, STR("busy"), 200, 0); /* it was not dropped */
}

static int setup(void **state)
{
    clock_replace(&source);
    *state = pace_new();
    return 0;
}

static int teardown(void **state)
{
    pace_free(*state);
    clock_replace(NULL);
    return 0;
}

#define PACED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {PACED(so_many_at_a_time), PACED(so_many_a_second),
                                       PACED(halves_and_recovers), PACED(is_never_blocked_for_long),
                                       PACED(keeps_few_servers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
