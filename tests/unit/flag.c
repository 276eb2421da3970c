/* flag: what people type, right and wrong. */
#include "cli/flag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

struct options {
    bool watch, yes;
    str output, path;
    int64_t concurrent, timeout_ns;
    struct flag_list types, raw;
};

static const struct flag flags[] = {
    FLAG(struct options, watch, "watch", 'w', FLAG_BOOL, .help = "go on"),
    FLAG(struct options, yes, "yes", 'y', FLAG_BOOL, .fallback = "true", .help = "agree"),
    FLAG(struct options, output, "output", 'o', FLAG_STR,
         .choices = (const char *const[]){"json", "yaml", NULL}, .help = "format"),
    FLAG(struct options, path, "path", 'p', FLAG_STR, .env = "FLAG_TEST_PATH", .help = "folder"),
    FLAG(struct options, concurrent, "concurrent", 0, FLAG_INT, .fallback = "4", .help = "workers"),
    FLAG(struct options, timeout_ns, "timeout", 0, FLAG_DURATION, .fallback = "5m",
         .help = "patience"),
    FLAG(struct options, types, "types", 't', FLAG_LIST, .fallback = "all", .help = "kinds"),
    FLAG(struct options, raw, "raw", 0, FLAG_LIST, .split_off = true, .hidden = true,
         .help = "as is"),
};

struct global {
    str namespace;
};

static const struct flag global_flags[] = {
    FLAG(struct global, namespace, "namespace", 'n', FLAG_STR, .help = "where"),
};

struct parsed {
    struct options options;
    struct global global;
    str *args;
    size_t arg_count;
    bool help;
};

/* The words are separated by blanks. */
static err *parse(arena *a, const char *line, struct parsed *out)
{
    str words[32], rest = str_of(line);
    size_t count = 0;
    while (rest.len && str_next(&rest, ' ', &words[count]))
        count++;
    *out = (struct parsed){0};
    struct flag_set sets[] = {
        {flags, COUNT(flags), &out->options},
        {global_flags, COUNT(global_flags), &out->global},
    };
    for (size_t i = 0; i < COUNT(sets); i++)
        TRY(flag_defaults(a, sets[i]));
    return flag_parse(a, sets, COUNT(sets), words, count, &out->args, &out->arg_count, &out->help);
}

static void test_values(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct parsed parsed;
    assert_null(parse(&a,
                      "one -w --output yaml -n=apps two --concurrent=9 --timeout 90s -y=false "
                      "-t a,b --types c --raw x,y -- -w",
                      &parsed));
    assert_true(parsed.options.watch);
    assert_false(parsed.options.yes);
    assert_true(str_is(parsed.options.output, "yaml"));
    assert_true(str_is(parsed.global.namespace, "apps"));
    assert_int_equal(parsed.options.concurrent, 9);
    assert_int_equal(parsed.options.timeout_ns, 90 * CLOCK_SECOND);
    assert_int_equal(parsed.options.types.count, 3);
    assert_true(str_is(parsed.options.types.items[2], "c"));
    assert_int_equal(parsed.options.raw.count, 1);
    assert_true(str_is(parsed.options.raw.items[0], "x,y"));
    assert_int_equal(parsed.arg_count, 3);
    assert_true(str_is(parsed.args[1], "two") && str_is(parsed.args[2], "-w"));
    assert_false(parsed.help);
}

static void test_letters(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct parsed parsed;
    assert_null(parse(&a, "-wnapps -ojson", &parsed));
    assert_true(parsed.options.watch && str_is(parsed.global.namespace, "apps"));
    assert_true(str_is(parsed.options.output, "json"));
    assert_null(parse(&a, "-wh", &parsed));
    assert_true(parsed.help);
    assert_null(parse(&a, "-", &parsed));
    assert_int_equal(parsed.arg_count, 1);
}

static void test_fallbacks(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct parsed parsed;
    assert_null(parse(&a, "", &parsed));
    assert_true(parsed.options.yes && !parsed.options.watch);
    assert_int_equal(parsed.options.concurrent, 4);
    assert_int_equal(parsed.options.types.count, 1);
    assert_null(parsed.options.path.data);

    setenv("FLAG_TEST_PATH", "/from/env", 1);
    assert_null(parse(&a, "", &parsed));
    assert_true(str_is(parsed.options.path, "/from/env"));
    assert_null(parse(&a, "-p /given", &parsed));
    assert_true(str_is(parsed.options.path, "/given"));
    unsetenv("FLAG_TEST_PATH");
}

static void test_errors(void **state UNUSED)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--wach", "unknown flag --wach, did you mean --watch?"},
        {"--nonsense", "unknown flag --nonsense"},
        {"-x", "unknown flag -x"},
        {"--output", "--output needs a value"},
        {"-o", "--output needs a value"},
        {"--output xml", "--output: 'xml' is not one of json, yaml"},
        {"--watch=maybe", "--watch: 'maybe' is neither true nor false"},
        {"--concurrent ten", "--concurrent: 'ten' is not a whole number"},
        {"--concurrent 99999999999999999999",
         "--concurrent: '99999999999999999999' is not a whole number"},
        {"--timeout 5", "--timeout: '5' is not a duration such as 30s or 5m"},
        {"--timeout -5s", "--timeout: '-5s' is not a duration such as 30s or 5m"},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct parsed parsed;
        err *e AUTO(err_done) = parse(&a, cases[i].line, &parsed);
        assert_non_null(e);
        assert_string_equal(e->message, cases[i].message);
    }
}

static void test_takes_next(void **state UNUSED)
{
    assert_true(flag_takes_next(flags, COUNT(flags), STR("--output")));
    assert_true(flag_takes_next(flags, COUNT(flags), STR("-o")));
    assert_false(flag_takes_next(flags, COUNT(flags), STR("--output=json")));
    assert_false(flag_takes_next(flags, COUNT(flags), STR("--watch")));
    assert_false(flag_takes_next(flags, COUNT(flags), STR("-ojson")));
    assert_false(flag_takes_next(flags, COUNT(flags), STR("--other")));
}

static void test_help(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    flag_help(&b, flags, 3);
    flag_help(&b, flags + 7, 1);
    assert_true(str_is(buf_str(&b), "  -w, --watch         go on\n"
                                    "  -y, --yes           agree (default true)\n"
                                    "  -o, --output text   format: json, yaml\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_letters),
        cmocka_unit_test(test_fallbacks),  cmocka_unit_test(test_errors),
        cmocka_unit_test(test_takes_next), cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
