/* cronjobs: a clock that stands still until it is set; what is due is made, once. */
#include "sandbox/cronjobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doc/json.h"
#include "sandbox/write.h"

static int64_t wall_ns;

static int64_t wall(void)
{
    return wall_ns;
}

static const struct clock_source source = {wall, wall, NULL};

struct fixture {
    arena a;
    struct world world;
    struct loop *loop;
    struct cronjobs *cronjobs;
    const struct served *crons, *jobs;
};

static void set_time(const char *text)
{
    assert_true(clock_parse(str_of(text), &wall_ns));
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    clock_replace(&source);
    set_time("2026-01-02T10:00:30Z");
    f->world.store = store_new();
    f->world.served = served_new(f->world.store);
    f->crons = served_find(f->world.served, STR("batch"), STR("v1"), STR("cronjobs"));
    f->jobs = served_find(f->world.served, STR("batch"), STR("v1"), STR("jobs"));
    f->loop = loop_new();
    f->cronjobs = cronjobs_new(&f->world, f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cronjobs_free(f->cronjobs);
    loop_free(f->loop);
    served_free(f->world.served);
    store_free(f->world.store);
    arena_done(&f->a);
    test_free(f);
    clock_replace(NULL);
    return 0;
}

static void put(struct fixture *f, const char *spec)
{
    node *object;
    str text =
        str_printf(&f->a,
                   "{'metadata':{'name':'a','namespace':'one'},'spec':{'jobTemplate':{"
                   "'metadata':{'labels':{'x':'y'}},'spec':{'template':{'spec':{"
                   "'restartPolicy':'Never','containers':[{'name':'c','image':'i'}]}}}},%s}}",
                   spec);
    text = str_replace(&f->a, text, STR("'"), STR("\""));
    assert_null(json_parse(&f->a, text, (struct json_options){0}, &object));
    err *e = write_put(&f->world, f->crons, "test", "", object);
    if (e) fail_msg("%s", e->message);
}

static size_t job_count(struct fixture *f)
{
    return f->jobs->collection->objects.count;
}

static void finish(struct fixture *f, const char *type)
{
    size_t count;
    str *keys = store_keys(&f->a, f->jobs->collection, &count);
    for (size_t i = 0; i < count; i++) {
        const doc *d = map_get(&f->jobs->collection->objects, keys[i]);
        node *job = doc_copy(&f->a, d->root), *conditions = node_list(&f->a);
        node *condition = node_map(&f->a), *status = node_make_map(&f->a, job, STR("status"));
        node_set_str(&f->a, condition, STR("type"), str_of(type));
        node_set_str(&f->a, condition, STR("status"), STR("True"));
        node_push(&f->a, conditions, condition);
        node_set(&f->a, status, STR("conditions"), conditions);
        node_set_str(&f->a, status, STR("completionTime"), clock_format(&f->a, wall_ns));
        assert_null(write_put(&f->world, f->jobs, "test", "status", job));
    }
}

static const node *status_of(struct fixture *f)
{
    return node_get(store_get(f->crons->collection, STR("one"), STR("a"))->root, STR("status"));
}

static void assert_time(int64_t time, const char *text)
{
    arena a AUTO(arena_done) = {0};
    assert_string_equal(str_z(&a, clock_format(&a, time)), text);
}

static void makes_what_is_due_once(void **state)
{
    struct fixture *f = *state;
    put(f, "'schedule':'*/5 * * * *'");
    assert_time(cronjobs_run(f->cronjobs), "2026-01-02T10:05:00Z");
    assert_int_equal(job_count(f), 0);
    set_time("2026-01-02T10:05:00Z");
    assert_time(cronjobs_run(f->cronjobs), "2026-01-02T10:10:00Z");
    cronjobs_run(f->cronjobs);
    assert_int_equal(job_count(f), 1);
    const doc *job = store_get(f->jobs->collection, STR("one"), STR("a-29455805"));
    assert_non_null(job);
    assert_true(str_is(node_find_str(job->root, "metadata", "labels", "x", NULL), "y"));
    assert_int_equal(node_get(status_of(f), STR("active"))->count, 1);
    assert_true(
        str_is(node_get_str(status_of(f), STR("lastScheduleTime")), "2026-01-02T10:05:00Z"));
    finish(f, "Complete");
    cronjobs_run(f->cronjobs);
    assert_null(node_get(status_of(f), STR("active")));
    assert_true(node_get_str(status_of(f), STR("lastSuccessfulTime")).len > 0);
}

static void what_was_missed_is_made_up_for_once(void **state)
{
    struct fixture *f = *state;
    put(f, "'schedule':'* * * * *'");
    set_time("2026-01-03T12:00:10Z"); /* more than a thousand times */
    assert_time(cronjobs_run(f->cronjobs), "2026-01-03T12:01:00Z");
    assert_int_equal(job_count(f), 1);
    assert_true(
        str_is(node_get_str(status_of(f), STR("lastScheduleTime")), "2026-01-03T12:00:00Z"));
}

static void too_late_is_not_at_all(void **state)
{
    struct fixture *f = *state;
    put(f, "'schedule':'0 * * * *','startingDeadlineSeconds':60");
    set_time("2026-01-02T11:02:00Z");
    assert_time(cronjobs_run(f->cronjobs), "2026-01-02T12:00:00Z");
    assert_int_equal(job_count(f), 0);
}

static void policies_are_kept(void **state)
{
    struct fixture *f = *state;
    put(f, "'schedule':'@hourly','concurrencyPolicy':'Forbid'");
    set_time("2026-01-02T11:00:00Z");
    cronjobs_run(f->cronjobs);
    set_time("2026-01-02T12:00:00Z");
    cronjobs_run(f->cronjobs);
    assert_int_equal(job_count(f), 1);
    put(f, "'schedule':'@hourly','concurrencyPolicy':'Replace'");
    cronjobs_run(f->cronjobs);
    assert_int_equal(job_count(f), 1);
    assert_true(
        str_is(node_get_str(status_of(f), STR("lastScheduleTime")), "2026-01-02T12:00:00Z"));
    put(f, "'schedule':'@hourly','suspend':true");
    set_time("2026-01-02T13:00:00Z");
    assert_int_equal(cronjobs_run(f->cronjobs), 0);
    assert_int_equal(job_count(f), 1);
}

static void only_some_are_kept(void **state)
{
    struct fixture *f = *state;
    put(f, "'schedule':'@hourly','successfulJobsHistoryLimit':2,'failedJobsHistoryLimit':0");
    static const char *const hours[] = {"2026-01-02T11:00:00Z", "2026-01-02T12:00:00Z",
                                        "2026-01-02T13:00:00Z", "2026-01-02T14:00:00Z"};
    for (size_t i = 0; i < COUNT(hours); i++) {
        set_time(hours[i]);
        cronjobs_run(f->cronjobs);
        finish(f, "Complete");
    }
    cronjobs_run(f->cronjobs);
    assert_int_equal(job_count(f), 2);
    assert_null(store_get(f->jobs->collection, STR("one"), STR("a-29455860"))); /* the oldest */
    finish(f, "Failed");
    cronjobs_run(f->cronjobs);
    assert_int_equal(job_count(f), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(makes_what_is_due_once), T(what_was_missed_is_made_up_for_once),
        T(too_late_is_not_at_all), T(policies_are_kept),
        T(only_some_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
