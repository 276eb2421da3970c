/* schedule: what upstream's parser (robfig/cron) says, and when things are due. */
#include "sandbox/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"

static void refuses_in_the_words_of_upstream(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "expected exactly 5 fields, found 0: []"},
        {"often", "expected exactly 5 fields, found 1: [often]"},
        {"* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"},
        {"60 * * * *", "end of range (60) above maximum (59): 60"},
        {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
        {"5-2 * * * *", "beginning of range (5) beyond end of range (2): 5-2"},
        {"*/0 * * * *", "step of range should be a positive number: */0"},
        {"x * * * *", "failed to parse int from x"},
        {"*/x * * * *", "failed to parse int from x"},
        {"@often", "unrecognized descriptor: @often"},
        {"@every x", "failed to parse duration @every x"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule schedule;
        err *e AUTO(err_done) = schedule_parse(str_of(cases[i][0]), &schedule);
        if (!e) fail_msg("'%s' was taken", cases[i][0]);
        assert_string_equal(e->message, cases[i][1]);
    }
}

static void knows_when(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"* * * * *", "2026-01-02T10:00:00Z", "2026-01-02T10:01:00Z"},
        {"*/15 * * * *", "2026-01-02T10:00:01Z", "2026-01-02T10:15:00Z"},
        {"30 8 * * *", "2026-01-02T10:00:00Z", "2026-01-03T08:30:00Z"},
        {"0 0 29 2 *", "2026-01-02T10:00:00Z", "2028-02-29T00:00:00Z"},
        {"0 0 * * mon", "2026-01-02T10:00:00Z", "2026-01-05T00:00:00Z"},
        {"0 0 13 * FRI", "2026-01-02T10:00:00Z", "2026-01-09T00:00:00Z"}, /* either */
        {"0 0 1 jan,jul ?", "2026-01-02T10:00:00Z", "2026-07-01T00:00:00Z"},
        {"10/20 * * * *", "2026-01-02T10:31:00Z", "2026-01-02T10:50:00Z"},
        {"@daily", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
        {"@weekly", "2026-01-02T10:00:00Z", "2026-01-04T00:00:00Z"},
        {"@every 90s", "2026-01-02T10:00:00Z", "2026-01-02T10:01:30Z"},
        {"0 0 31 2 *", "2026-01-02T10:00:00Z", "1970-01-01T00:00:00Z"}, /* never */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        struct schedule schedule;
        int64_t after;
        assert_null(schedule_parse(str_of(cases[i][0]), &schedule));
        assert_true(clock_parse(str_of(cases[i][1]), &after));
        str next = clock_format(&a, schedule_next(&schedule, after));
        if (!str_is(next, cases[i][2])) fail_msg("'%s': %.*s", cases[i][0], STR_ARG(next));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_in_the_words_of_upstream),
        cmocka_unit_test(knows_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
