/* flood: the first few go out, the rest become one, and none is lost. */
#include "notify/flood.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static int64_t at_ns = 1000 * CLOCK_SECOND;

static int64_t now(void)
{
    return at_ns;
}

static const struct clock_source source = {.now_ns = now, .wall_ns = now};

struct world {
    arena a;
    struct flood *flood;
    struct rule *rule;
    int sums, stands_for;
    char message[2048];
};

static void on_sum(void *context, struct rule *rule, struct notice *sum)
{
    struct world *world = context;
    assert_ptr_equal(rule, world->rule);
    world->sums++;
    world->stands_for += sum->stands_for;
    snprintf(world->message, sizeof world->message, STR_FMT, STR_ARG(sum->message));
}

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    clock_replace(&source);
    world->flood = flood_new((struct flood_options){3, 10 * CLOCK_SECOND});
    world->rule =
        rule_new(&(struct rule_spec){.namespace = STR("flux-system"), .name = STR("alert")});
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    flood_free(world->flood);
    rule_unref(world->rule);
    arena_done(&world->a);
    test_free(world);
    clock_replace(NULL);
    return 0;
}

/* True when it goes out by itself. */
static bool send(struct world *world, const char *kind, const char *reason, int number)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice = {
        .about = {{STR("g"), STR("v"), str_of(kind)}, STR("ns"), str_printf(&a, "o%d", number)},
        .reason = str_of(reason),
        .message = str_printf(&a, "message %d\nwith more", number),
        .metadata = node_map(&a),
    };
    return !flood_take(world->flood, world->rule, &notice);
}

static void flush(struct world *world)
{
    flood_flush(world->flood, false, on_sum, world);
}

static void test_sum(void **state)
{
    struct world *world = *state;
    int singles = 0;
    for (int i = 0; i < 30; i++)
        singles += send(world, "Kustomization", "Failed", i);
    assert_int_equal(singles, 3);
    assert_int_equal(flood_waiting(world->flood), 27);
    flush(world);
    assert_int_equal(world->sums, 0);
    assert_int_equal(flood_due_ns(world->flood), at_ns + 10 * CLOCK_SECOND);
    at_ns += 10 * CLOCK_SECOND;
    flush(world);
    assert_int_equal(world->sums, 1);
    assert_int_equal(world->stands_for, 27);
    assert_string_equal(
        world->message,
        "27 more events 'Failed' of Kustomization objects within 10s: ns/o3, ns/o4, ns/o5, ns/o6, "
        "ns/o7, ns/o8, ns/o9, ns/o10, ns/o11, ns/o12, ns/o13, ns/o14, ns/o15, ns/o16, ns/o17, "
        "ns/o18, ns/o19, ns/o20, ns/o21, ns/o22 and 7 more.\nThe last one says: message 29");
    assert_int_equal(flood_waiting(world->flood), 0);
}

static void test_what_is_unlike_is_apart(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 3; i++) {
        assert_true(send(world, "Kustomization", "Failed", i));
        assert_true(send(world, "Kustomization", "Drifted", i));
        assert_true(send(world, "GitRepository", "Failed", i));
    }
    assert_false(send(world, "Kustomization", "Failed", 3));
}

/* While it goes on only sums go out; a quiet window opens the gate again. */
static void test_windows(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 5; i++)
        send(world, "Kustomization", "Failed", i);
    at_ns += 10 * CLOCK_SECOND;
    flush(world);
    assert_false(send(world, "Kustomization", "Failed", 5));
    at_ns += 10 * CLOCK_SECOND;
    flush(world);
    assert_int_equal(world->sums, 2);
    assert_int_equal(world->stands_for, 3);
    at_ns += 10 * CLOCK_SECOND;
    flush(world);
    assert_int_equal(world->sums, 2);
    assert_int_equal(flood_due_ns(world->flood), 0);
    assert_true(send(world, "Kustomization", "Failed", 6));
}

/* A few now and then never become a sum, however long it goes on. */
static void test_trickle(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 100; i++) {
        assert_true(send(world, "Kustomization", "Failed", i));
        at_ns += 4 * CLOCK_SECOND;
        if (flood_due_ns(world->flood) <= at_ns) flush(world);
    }
    assert_int_equal(world->sums, 0);
}

/* Windows are bounded: beyond it, events go out by themselves. */
static void test_many_kinds(void **state)
{
    struct world *world = *state;
    char reason[32];
    for (int i = 0; i < LIMIT_NOTICE_FLOODS + 10; i++) {
        snprintf(reason, sizeof reason, "Reason%d", i);
        for (int k = 0; k < 4; k++) {
            bool alone = send(world, "Kustomization", reason, k);
            if (k < 3 || i >= LIMIT_NOTICE_FLOODS)
                assert_true(alone);
            else
                assert_false(alone);
        }
    }
    flood_flush(world->flood, true, on_sum, world);
    assert_int_equal(world->stands_for, LIMIT_NOTICE_FLOODS);
}

static void test_off(void **state)
{
    struct world *world = *state;
    flood_free(world->flood);
    world->flood = flood_new((struct flood_options){0, 10 * CLOCK_SECOND});
    for (int i = 0; i < 1000; i++)
        assert_true(send(world, "Kustomization", "Failed", i));
    assert_int_equal(flood_due_ns(world->flood), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_unlike_is_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trickle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_off, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
