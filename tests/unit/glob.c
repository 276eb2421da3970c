/* glob: shell patterns. Expectations agree with Go's filepath.Match. */
#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_match(void **state UNUSED)
{
    static const struct {
        const char *pattern, *name;
        bool match;
    } rows[] = {
        {"abc", "abc", true},
        {"*", "abc", true},
        {"*c", "abc", true},
        {"a*", "a", true},
        {"a*", "ab/c", false},
        {"a*/b", "abc/b", true},
        {"a*/b", "a/c/b", false},
        {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
        {"a*b?c*x", "abxbbxdbxebxczzx", true},
        {"a*b?c*x", "abxbbxdbxebxczzy", false},
        {"ab[c]", "abc", true},
        {"ab[b-d]", "abc", true},
        {"ab[e-g]", "abc", false},
        {"ab[^c]", "abc", false},
        {"ab[^e-g]", "abc", true},
        {"a\\*b", "a*b", true},
        {"a\\*b", "ab", false},
        {"a?b",
         "a\xe2\x98\xbb"
         "b",
         true},
        {"a[^a]b",
         "a\xe2\x98\xbb"
         "b",
         true},
        {"a???b",
         "a\xe2\x98\xbb"
         "b",
         false},
        {"[a-\xce\xb6]*", "\xce\xb1", true},
        {"*[a-\xce\xb6]", "A", false},
        {"a?b", "a/b", false},
        {"a*b", "a/b", false},
        {"[\\]a]", "]", true},
        {"[\\-]", "-", true},
        {"[x\\-]", "z", false},
        {"[\\-x]", "a", false},
        {"[]a]", "]", false},
        {"[-]", "-", false},
        {"[a-b-c]", "a", false},
        {"[", "a", false},
        {"[^", "a", false},
        {"[^bc", "a", false},
        {"a[", "a", false},
        {"a[", "ab", false},
        {"*x", "xxx", true},
        {"", "", true},
        {"", "a", false},
        {"\\", "a", false},
        {"[!a]", "!", true},
        {"**", "abc", true},
        {"*?", "", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (glob_match(str_of(rows[i].pattern), str_of(rows[i].name)) != rows[i].match) {
            fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].name);
        }
    }
}

static void test_malformed(void **state UNUSED)
{
    static const char *const bad[] = {"[",   "[]",   "[a",  "[a-", "[^",  "[-]",
                                      "a\\", "[a-]", "[\\", "x[",  "[]a]"};
    static const char *const good[] = {"", "*", "]", "[a]", "[^a-c]x", "\\[", "[\\]]", "a]b"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (glob_is_valid(str_of(bad[i]))) fail_msg("'%s' was taken", bad[i]);
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        if (!glob_is_valid(str_of(good[i]))) fail_msg("'%s' was refused", good[i]);
    }
}

/* Patterns that are slow for a matcher that tries everything. */
static void test_is_not_exponential(void **state UNUSED)
{
    char name[2001], pattern[201];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < sizeof pattern - 1; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof pattern - 2] = 'b';
    pattern[sizeof pattern - 1] = '\0';
    assert_false(glob_match(str_of(pattern), str_of(name)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_is_not_exponential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
