#include "kube/kinds.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

/* A server with the kinds Pod and, when `more`, Job; the clock stands still unless moved. */
static struct {
    _Atomic int loads;
    _Atomic bool down, more, slow;
    int64_t now_ns;
} world;

static int64_t now(void)
{
    return world.now_ns;
}

static const struct clock_source clock_source = {.now_ns = now, .wall_ns = now};

#define ROW(plural, kind)                                                                          \
    "{\"resource\":\"" plural "\",\"responseKind\":{\"kind\":\"" kind "\"},\"verbs\":[]}"
#define LIST(rows)                                                                                 \
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{},\"versions\":[{\"version\":"  \
    "\"v1\",\"resources\":[" rows "]},{\"version\":\"v0\",\"freshness\":\"Stale\"}]}]}"

static err *get(void *context, arena *a, str path, str accept, str *body_out)
{
    (void)context, (void)a, (void)accept;
    if (str_is(path, "/apis")) {
        *body_out = STR("{\"kind\":\"APIGroupList\",\"groups\":[]}");
        return NULL;
    }
    world.loads++;
    if (world.slow) usleep(50000);
    if (world.down) return err_transient("the server is down");
    *body_out = world.more ? STR(LIST(ROW("pods", "Pod") "," ROW("jobs", "Job")))
                           : STR(LIST(ROW("pods", "Pod")));
    return NULL;
}

static const struct kube_kind pod = {{0}, {"v1", 2}, {"Pod", 3}},
                              job = {{0}, {"v1", 2}, {"Job", 3}};

static err *ask(struct kinds *kinds, struct kube_kind kind)
{
    struct discovery *table AUTO(discovery_unref_done) = NULL;
    const struct discovery_row *row;
    TRY(kinds_find(kinds, kind, &table, &row));
    assert_true(str_eq(row->kind, kind.kind));
    return NULL;
}

static int setup(void **state)
{
    world.loads = 0;
    world.down = world.more = world.slow = false;
    world.now_ns = CLOCK_SECOND;
    clock_replace(&clock_source);
    *state = kinds_new(get, NULL);
    return 0;
}

static int teardown(void **state)
{
    kinds_free(*state);
    clock_replace(NULL);
    return 0;
}

static void known_kinds_cost_one_load(void **state)
{
    for (int i = 0; i < 1000; i++) {
        world.now_ns += CLOCK_SECOND;
        assert_null(ask(*state, pod));
    }
    assert_int_equal(world.loads, 1);
}

static void a_miss_loads_again_once_per_second(void **state)
{
    assert_null(ask(*state, pod));
    for (int i = 0; i < 100; i++) {
        err *e AUTO(err_done) = ask(*state, job);
        assert_int_equal(e->kind, ERR_NOT_FOUND);
        assert_string_equal(e->reason, "NoMatch");
        assert_string_equal(e->message, "no matches for kind 'Job' in version 'v1'");
    }
    assert_int_equal(world.loads, 1);
    world.now_ns += CLOCK_SECOND;
    world.more = true;
    assert_null(ask(*state, job));
    assert_int_equal(world.loads, 2);
}

static void what_was_forgotten_is_asked_for_again(void **state)
{
    assert_null(ask(*state, pod));
    world.more = true;
    kinds_forget(*state);
    assert_null(ask(*state, pod)); /* known, and the table is young */
    assert_int_equal(world.loads, 1);
    assert_null(ask(*state, job)); /* unknown: at once */
    assert_int_equal(world.loads, 2);
    kinds_forget(*state);
    world.now_ns += CLOCK_SECOND;
    assert_null(ask(*state, pod));
    assert_null(ask(*state, pod));
    assert_int_equal(world.loads, 3);
}

static void a_group_that_is_down_is_not_missing(void **state)
{
    struct kube_kind kind = {{0}, {"v0", 2}, {"NodeMetrics", 11}};
    err *e AUTO(err_done) = ask(*state, kind);
    assert_int_equal(e->kind, ERR_TRANSIENT);
    assert_string_equal(e->message, "the API server cannot list the kinds of version 'v0' now");
}

static void a_server_that_is_down_keeps_the_old_table(void **state)
{
    world.down = true;
    err *none AUTO(err_done) = ask(*state, pod);
    assert_int_equal(none->kind, ERR_TRANSIENT);
    world.down = false;
    assert_null(ask(*state, pod));

    world.down = true;
    kinds_forget(*state);
    world.now_ns += CLOCK_SECOND;
    assert_null(ask(*state, pod));
    err *e AUTO(err_done) = ask(*state, job);
    assert_int_equal(e->kind, ERR_TRANSIENT); /* and never NoMatch: nothing is gone */
}

static void *ask_thread(void *context)
{
    return ask(context, pod);
}

static void many_threads_share_one_load(void **state)
{
    for (int down = 0; down < 2; down++) {
        pthread_t threads[8];
        world.slow = true;
        world.down = down == 0;
        world.loads = 0;
        for (size_t i = 0; i < COUNT(threads); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, ask_thread, *state), 0);
        for (size_t i = 0; i < COUNT(threads); i++) {
            void *result;
            pthread_join(threads[i], &result);
            assert_int_equal(result != NULL, world.down);
            err_free(result);
        }
        assert_in_range(world.loads, 1, 2); /* a thread may begin after the first load has ended */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_kinds_cost_one_load, setup, teardown),
        cmocka_unit_test_setup_teardown(a_miss_loads_again_once_per_second, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_forgotten_is_asked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_that_is_down_is_not_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_down_keeps_the_old_table, setup, teardown),
        cmocka_unit_test_setup_teardown(many_threads_share_one_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
