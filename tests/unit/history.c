/* history: the last five outcomes, newest first, the same one counted. */
#include "control/history.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"

static node *add(arena *a, node *history, const char *digest, const char *status, int64_t second)
{
    return history_add(a, history,
                       &(struct history_entry){.digest = str_of(digest),
                                               .status = str_of(status),
                                               .now_wall_ns = second * CLOCK_SECOND,
                                               .duration_ns = 1500 * CLOCK_MS,
                                               .revision = STR("main@sha1:x")});
}

static int64_t total(const node *history, size_t index)
{
    return node_get_int(node_at(history, index), STR("totalReconciliations"), 0);
}

static void test_count(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *history = add(&a, NULL, "d1", "ReconciliationSucceeded", 1);
    history = add(&a, history, "d2", "ReconciliationFailed", 2);
    history = add(&a, history, "d1", "ReconciliationSucceeded", 3);
    assert_int_equal(history->count, 2);
    assert_int_equal(total(history, 0), 2);
    assert_int_equal(total(history, 1), 1);
    node *first = node_at(history, 0);
    assert_true(str_is(node_get_str(first, STR("firstReconciled")), "1970-01-01T00:00:01Z"));
    assert_true(str_is(node_get_str(first, STR("lastReconciled")), "1970-01-01T00:00:03Z"));
    assert_true(str_is(node_get_str(first, STR("lastReconciledDuration")), "1.5s"));
    /* The same content with another outcome is another entry. */
    history = add(&a, history, "d1", "HealthCheckFailed", 4);
    assert_int_equal(history->count, 3);
}

static void test_bound(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *history = NULL;
    for (int i = 0; i < 9; i++) {
        str digest = str_printf(&a, "d%d", i);
        history = add(&a, history, digest.data, "ReconciliationSucceeded", i);
    }
    assert_int_equal(history->count, 5);
    assert_true(str_is(node_get_str(node_at(history, 0), STR("digest")), "d8"));
    assert_true(str_is(node_get_str(node_at(history, 4), STR("digest")), "d4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_count), cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
