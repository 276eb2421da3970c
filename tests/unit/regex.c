#include "base/regex.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"

static void check_error(const char *pattern, const char *message)
{
    struct regex *regex = NULL;
    err *e AUTO(err_done) = regex_compile(str_of(pattern), &regex);
    assert_non_null(e);
    assert_null(regex);
    assert_string_equal(e->message, message);
    assert_true(err_is(e, ERR_INVALID));
}

static struct regex *compiled(const char *pattern)
{
    struct regex *regex = NULL;
    err *e AUTO(err_done) = regex_compile(str_of(pattern), &regex);
    if (e) fail_msg("%s", e->message);
    return regex;
}

static void test_errors_are_those_of_go(void **state)
{
    (void)state;
    check_error("[a", "error parsing regexp: missing closing ]: `[a`");
    check_error("a(b", "error parsing regexp: missing closing ): `a(b`");
    check_error("a)b", "error parsing regexp: unexpected ): `a)b`");
    check_error("*a", "error parsing regexp: missing argument to repetition operator: `*`");
    check_error("a**", "error parsing regexp: invalid nested repetition operator: `**`");
    check_error("a{1001}", "error parsing regexp: invalid repeat count: `{1001}`");
    check_error("[z-a]", "error parsing regexp: invalid character class range: `z-a`");
    check_error("a\\", "error parsing regexp: trailing backslash at end of expression: ``");
    check_error("\\y", "error parsing regexp: invalid escape sequence: `\\y`");
    check_error("\\C", "error parsing regexp: invalid escape sequence: `\\C`");
    check_error("(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`");
    check_error("(?P<n!>a)", "error parsing regexp: invalid named capture: `(?P<n!>`");
}

static void test_full_quotes_the_whole_pattern(void **state)
{
    (void)state;
    struct regex *regex = NULL;
    err *e AUTO(err_done) = regex_compile_full(STR("a("), &regex);
    assert_string_equal(e->message, "error parsing regexp: missing closing ): `^(?:a()$`");
}

static void test_full_matches_all_or_nothing(void **state)
{
    (void)state;
    struct regex *regex AUTO(regex_free_done) = NULL;
    err *e AUTO(err_done) = regex_compile_full(STR("a|bc"), &regex);
    assert_null(e);
    assert_true(regex_match(regex, STR("a")));
    assert_true(regex_match(regex, STR("bc")));
    assert_false(regex_match(regex, STR("abc")));
    assert_false(regex_match(regex, STR("")));
    assert_false(regex_match(regex, STR("a\n")));
}

static void test_find_gives_groups(void **state)
{
    (void)state;
    struct regex *regex AUTO(regex_free_done) = compiled("(?P<key>[a-z]+)=(\\d+)?(;)?");
    str groups[6];
    assert_int_equal(regex_groups(regex), 3);
    assert_int_equal(regex_group(regex, STR("key")), 1);
    assert_int_equal(regex_group(regex, STR("nope")), 0);

    assert_true(regex_find(regex, STR("..ab=1;c="), 0, groups, COUNT(groups)));
    assert_true(str_is(groups[0], "ab=1;"));
    assert_true(str_is(groups[1], "ab"));
    assert_true(str_is(groups[2], "1"));
    assert_null(groups[4].data);

    assert_true(regex_find(regex, STR("..ab=1;c="), 4, groups, COUNT(groups)));
    assert_true(str_is(groups[0], "c="));
    assert_null(groups[2].data);
    assert_false(regex_find(regex, STR("a=1"), 4, groups, COUNT(groups)));
}

static void test_go_group_names_without_p(void **state)
{
    (void)state;
    struct regex *regex AUTO(regex_free_done) = compiled("[(?<]\\(\\Q(?<\\E(?<n>x)");
    str groups[2];
    assert_true(regex_find(regex, STR("<((?<x"), 0, groups, COUNT(groups)));
    assert_true(str_is(groups[regex_group(regex, STR("n"))], "x"));
}

static void check_replace(const char *pattern, const char *text, const char *form,
                          const char *expected)
{
    arena a AUTO(arena_done) = {0};
    struct regex *regex AUTO(regex_free_done) = compiled(pattern);
    str result = regex_replace(&a, regex, str_of(text), str_of(form));
    assert_string_equal(str_z(&a, result), expected);
}

static void test_replace_is_that_of_go(void **state)
{
    (void)state;
    check_replace("a+", "baaac", "x", "bxc");
    check_replace("a*", "baaac", "x", "xbxcx");
    check_replace("", "é!", "-", "-é-!-");
    check_replace("", "", "-", "-");
    check_replace("^", "aa", "-", "-aa");
    check_replace("(a)(b)?", "ac", "[$1|$2|$0|$3]", "[a||a|]c");
    check_replace("(?P<n>a)", "a", "${n}x $nx $$n ${n $ $", "ax  $n ${n $ $");
    check_replace("(a)", "a", "$01 $1x ${1}x $", "  ax $");
}

static void test_bad_utf8_is_safe(void **state)
{
    (void)state;
    struct regex *regex AUTO(regex_free_done) = compiled("^.$");
    assert_false(regex_match(regex, STR("\xff")));
    check_replace("b", "\xff" "b\xc3", "x", "\xff" "x\xc3");
    err *e AUTO(err_done) = regex_compile(STR("\xff"), &(struct regex *){NULL});
    assert_non_null(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_those_of_go),
        cmocka_unit_test(test_full_quotes_the_whole_pattern),
        cmocka_unit_test(test_full_matches_all_or_nothing),
        cmocka_unit_test(test_find_gives_groups),
        cmocka_unit_test(test_go_group_names_without_p),
        cmocka_unit_test(test_replace_is_that_of_go),
        cmocka_unit_test(test_bad_utf8_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
