/* metrics: the text that Prometheus reads. */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"

static const double bounds[] = {0.1, 1};
METRIC(test_time) = {.name = "test_time_seconds", .help = "h", .type = METRIC_HISTOGRAM,
                     .labels = {"kind"}, .buckets = bounds, .bucket_count = COUNT(bounds)};
METRIC(test_total) = {.name = "test_total", .help = "h", .type = METRIC_COUNTER,
                      .labels = {"a", "b"}};
METRIC(test_many) = {.name = "test_many", .help = "h", .type = METRIC_GAUGE, .labels = {"n"}};

static void expect(const char *line, bool there)
{
    arena a AUTO(arena_done) = {0};
    buf text = BUF(&a);
    metrics_write(&text);
    bool found = str_find(buf_str(&text), str_of(line)) >= 0;
    if (found != there) fail_msg("%s in:\n" STR_FMT, line, STR_ARG(buf_str(&text)));
}

static void test_counter(void **state UNUSED)
{
    metrics_add(&metric_test_total, (str[]){STR("x"), STR("q\"\\\n")}, 1);
    metrics_add(&metric_test_total, (str[]){STR("x"), STR("q\"\\\n")}, 2);
    expect("# HELP test_total h\n# TYPE test_total counter\n"
           "test_total{a=\"x\",b=\"q\\\"\\\\\\n\"} 3\n",
           true);
    expect("process_resident_memory_bytes ", true);
}

static void test_histogram(void **state UNUSED)
{
    str kind = STR("K");
    metrics_observe(&metric_test_time, &kind, 0.05);
    metrics_observe(&metric_test_time, &kind, 0.5);
    metrics_observe(&metric_test_time, &kind, 7);
    expect("test_time_seconds_bucket{kind=\"K\",le=\"0.1\"} 1\n"
           "test_time_seconds_bucket{kind=\"K\",le=\"1\"} 2\n"
           "test_time_seconds_bucket{kind=\"K\",le=\"+Inf\"} 3\n"
           "test_time_seconds_sum{kind=\"K\"} 7.5",
           true);
    expect("test_time_seconds_count{kind=\"K\"} 3\n", true);
    metrics_forget(&metric_test_time, &kind);
    expect("kind=\"K\"", false);
}

static void test_process(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf text = BUF(&a);
    metrics_write(&text);
    str rest = buf_str(&text), name, value;
    int known = 0;
    int64_t now_s = clock_wall_ns() / CLOCK_SECOND;
    for (str line; str_next_line(&rest, &line);) {
        if (!str_cut(line, ' ', &name, &value)) continue;
        str_cut(value, '.', &value, &line);
        uint64_t number = 0;
        str_to_uint(value, &number);
        known += str_is(name, "process_open_fds") && number > 2 && number < 1000;
        known += str_is(name, "process_resident_memory_bytes") && number > 100000;
        known += str_is(name, "process_start_time_seconds") && number + 60 > (uint64_t)now_s &&
                 number <= (uint64_t)now_s + 1;
    }
    assert_int_equal(known, 3);
}

static void test_bound(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    for (int i = 0; i < LIMIT_METRIC_SERIES + 5; i++) {
        str n = str_printf(&a, "%d", i);
        metrics_add(&metric_test_many, &n, 1);
    }
    expect("test_many{n=\"overflow\"} 5\n", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
