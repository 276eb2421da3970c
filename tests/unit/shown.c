/* shown: what objects say of themselves. */
#include "cli/shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doc/json.h"

static node *json(arena *a, const char *text)
{
    node *out;
    err *e = json_parse(a, str_of(text), (struct json_options){0}, &out);
    assert_null(e);
    return out;
}

static const char object_text[] =
    "{\"spec\":{\"suspend\":true},\"status\":{\"artifact\":{\"revision\":\"main@sha1:x\"},"
    "\"history\":[{\"n\":1},{\"n\":2}],\"conditions\":[{\"type\":\"Stalled\",\"status\":\"True\"},"
    "{\"type\":\"Ready\",\"status\":\"False\",\"message\":\"no\"}]}}";

static void test_path(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *object = json(&a, object_text);
    assert_true(str_is(shown_path(object, "status.artifact.revision"), "main@sha1:x"));
    assert_true(str_is(shown_path(object, "status.history[1].n"), "2"));
    assert_int_equal(shown_path(object, "status.history[2].n").len, 0);
    assert_int_equal(shown_path(object, "status.artifact").len, 0);
    assert_int_equal(shown_path(NULL, "status").len, 0);
}

static void test_ready(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *object = json(&a, object_text);
    assert_true(shown_is_suspended(object));
    assert_true(str_is(shown_ready_of(object).status, "False"));
    assert_true(str_is(shown_ready_of(object).message, "no"));
    struct shown_ready ready = shown_ready_of(json(&a, "{}"));
    assert_true(str_is(ready.status, "False") && str_is(ready.message, "waiting to be reconciled"));
    assert_false(shown_is_suspended(json(&a, "{}")));
}

static void test_short_hex(void **state UNUSED)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"main@sha1:1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d", "main@sha1:1a2b3c4d"},
        {"a 1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d b", "a 1a2b3c4d b"},
        {"1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0", "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0"},
        {"1A2B3C4D5E6F7A8B9C0D1A2B3C4D5E6F7A8B9C0D", "1A2B3C4D5E6F7A8B9C0D1A2B3C4D5E6F7A8B9C0D"},
        {"", ""},
        {"abc", "abc"},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(str_is(shown_short_hex(&a, str_of(cases[i].text)), cases[i].wanted));
    }
}

static void test_age(void **state UNUSED)
{
    static const struct {
        int64_t seconds;
        const char *wanted;
    } cases[] = {
        {-5, "0s"},    {0, "0s"},       {119, "119s"},   {120, "2m"},   {125, "2m5s"},
        {600, "10m"},  {659, "10m"},    {10740, "179m"}, {10800, "3h"}, {11100, "3h5m"},
        {28800, "8h"}, {172740, "47h"}, {172800, "2d"},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        str age = shown_age(&a, cases[i].seconds * CLOCK_SECOND);
        if (!str_is(age, cases[i].wanted))
            fail_msg("%s is " STR_FMT, cases[i].wanted, STR_ARG(age));
    }
}

static void test_selector(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *object = json(&a, object_text);
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {
        {"ready=false", true},   {"Ready=True", false},  {"ready!=true", true},
        {"ready!=False", false}, {"stalled=true", true}, {"healthy=true", false},
        {"healthy!=true", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shown_selector selector;
        assert_null(shown_parse_selector(str_of(cases[i].text), &selector));
        assert_int_equal(shown_matches(object, &selector), cases[i].matches);
    }
    static const char *const wrong[] = {"ready", "", "ready="};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct shown_selector selector;
        err *e AUTO(err_done) = shown_parse_selector(str_of(wrong[i]), &selector);
        assert_non_null(e);
        assert_true(str_starts(err_text(e),
                               STR("expected status selector in type=status format, but found: ")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),      cmocka_unit_test(test_ready),
        cmocka_unit_test(test_short_hex), cmocka_unit_test(test_age),
        cmocka_unit_test(test_selector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
