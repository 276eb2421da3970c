/* status: conditions as Flux keeps them. */
#include "control/status.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "doc/json.h"

static int64_t wall_ns;

static int64_t now(void)
{
    return wall_ns;
}

static const struct clock_source source = {now, now};

static struct work work_on(arena *a, const char *json)
{
    struct work work = {.a = a};
    assert_null(json_parse(a, str_of(json), (struct json_options){0}, &work.object));
    return work;
}

static str transition(const struct status *status, const char *type)
{
    NODE_EACH (node_get(status->now, STR("conditions")), it) {
        if (str_is(node_get_str(it, STR("type")), type))
            return node_get_str(it, STR("lastTransitionTime"));
    }
    return (str){0};
}

/* The time moves only when something is said that was not said before. */
static void test_transition(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    clock_replace(&source);
    struct work work = work_on(&a, "{\"metadata\":{\"generation\":2}}");
    struct status status = status_begin(&work, "m");
    wall_ns = 10 * CLOCK_SECOND;
    status_set(&status, "Ready", "False", STR("A"), STR("m"));
    wall_ns = 20 * CLOCK_SECOND;
    status_set(&status, "Ready", "False", STR("A"), STR("m"));
    assert_true(str_is(transition(&status, "Ready"), "1970-01-01T00:00:10Z"));
    status_set(&status, "Ready", "False", STR("A"), STR("other"));
    assert_true(str_is(transition(&status, "Ready"), "1970-01-01T00:00:20Z"));
    assert_true(str_is(status_message(&status, "Ready"), "other"));
    assert_true(status_is(&status, "Ready", "False"));
    clock_replace(NULL);
}

static void test_pair(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct work work =
        work_on(&a, "{\"status\":{\"conditions\":[{\"type\":\"Foreign\",\"status\":\"True\"}]}}");
    struct status status = status_begin(&work, "m");
    status_stalled(&status, STR("S"), STR(""));
    status_reconciling(&status, STR("R"), STR(""));
    assert_false(status_is(&status, "Stalled", "True"));
    assert_true(status_is(&status, "Reconciling", "True"));
    status_stalled(&status, STR("S"), STR(""));
    assert_false(status_is(&status, "Reconciling", "True"));
    assert_true(status_is(&status, "Foreign", "True"));
    assert_int_equal(node_get(status.before, STR("conditions"))->count, 1);
}

static void test_requested(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct work work =
        work_on(&a, "{\"metadata\":{\"annotations\":{\"reconcile.fluxcd.io/requestedAt\":\"t2\"}},"
                    "\"status\":{\"lastHandledReconcileAt\":\"t1\"}}");
    struct status status = status_begin(&work, "m");
    assert_true(status_is_requested(&status));
    status_handled(&status);
    assert_false(status_is_requested(&status));
    work = work_on(&a, "{}");
    status = status_begin(&work, "m");
    assert_false(status_is_requested(&status));
}

static void test_long_message(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf text = BUF(&a);
    buf_fill(&text, 'x', LIMIT_MESSAGE_BYTES + 1);
    struct work work = work_on(&a, "{}");
    struct status status = status_begin(&work, "m");
    status_set(&status, "Ready", "False", STR("A"), buf_str(&text));
    str message = status_message(&status, "Ready");
    assert_int_equal(message.len, LIMIT_MESSAGE_BYTES);
    assert_true(str_ends(message, STR("x...")));
}

static void test_ready(void **state UNUSED)
{
    static const struct {
        const char *object;
        bool ready;
    } cases[] = {
        {"{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":2,\"conditions\":"
         "[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
         true},
        {"{\"metadata\":{\"generation\":3},\"status\":{\"observedGeneration\":2,\"conditions\":"
         "[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
         false},
        {"{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":2,\"conditions\":"
         "[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}}",
         false},
        {"{}", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        assert_int_equal(status_object_is_ready(work_on(&a, cases[i].object).object),
                         cases[i].ready);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transition), cmocka_unit_test(test_pair),
        cmocka_unit_test(test_requested),  cmocka_unit_test(test_long_message),
        cmocka_unit_test(test_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
