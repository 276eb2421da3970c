/* policy: which of many tags is chosen. */
#include "image/policy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "image/tag_store.h"

/* What Go's strconv.ParseFloat makes of a text, in its form %x; NULL: an error. */
static const struct {
    const char *text, *value;
} numbers[] = {
    {"0", "0x0p+00"},
    {"-0", "-0x0p+00"},
    {"1", "0x1p+00"},
    {"+1", "0x1p+00"},
    {"-1", "-0x1p+00"},
    {"1.", "0x1p+00"},
    {".", NULL},
    {" 1", NULL},
    {"1 ", NULL},
    {".5", "0x1p-01"},
    {"-.5", "-0x1p-01"},
    {"+.5e1", "0x1.4p+02"},
    {"1e5", "0x1.86ap+16"},
    {"1E5", "0x1.86ap+16"},
    {"1e+5", "0x1.86ap+16"},
    {"1e-5", "0x1.4f8b588e368f1p-17"},
    {"1e", NULL},
    {"1e+", NULL},
    {"e5", NULL},
    {"1e5.5", NULL},
    {"1_000", "0x1.f4p+09"},
    {"_1", NULL},
    {"1_", NULL},
    {"1__0", NULL},
    {"1_000.5_5", "0x1.f446666666666p+09"},
    {"1_.5", NULL},
    {"1._5", NULL},
    {"1e1_0", "0x1.2a05f2p+33"},
    {"1e_1", NULL},
    {"1_e1", NULL},
    {"0x1p4", "0x1p+04"},
    {"0x1", NULL},
    {"0x", NULL},
    {"0x.8p1", "0x1p+00"},
    {"0x1.8P+2", "0x1.8p+02"},
    {"0x_1p4", "0x1p+04"},
    {"0x1_fp4", "0x1.fp+08"},
    {"0x__1p4", NULL},
    {"0x1p", NULL},
    {"0xp1", NULL},
    {"0x1p4_0", "0x1p+40"},
    {"0_1", "0x1p+00"},
    {"0b1", NULL},
    {"0o7", NULL},
    {"inf", "+Inf"},
    {"Inf", "+Inf"},
    {"+inf", "+Inf"},
    {"-INFINITY", "-Inf"},
    {"infinity", "+Inf"},
    {"infinit", NULL},
    {"nan", "NaN"},
    {"NaN", "NaN"},
    {"+nan", NULL},
    {"-nan", NULL},
    {"1e308", "0x1.1ccf385ebc8ap+1023"},
    {"1e309", NULL},
    {"-1e309", NULL},
    {"1e-400", "0x0p+00"},
    {"20260102030405", "0x1.26d2c2f4445p+44"},
    {"9007199254740993", "0x1p+53"},
    {"1.2.3", NULL},
    {"v1", NULL},
    {"", NULL},
    {"latest", NULL},
    {"00012", "0x1.8p+03"},
    {"1,5", NULL},
    {"0x1.fffffffffffffp1023", "0x1.fffffffffffffp+1023"},
    {"0x1p1024", NULL},
    {"\xd9\xa1", NULL},
    {"1f", NULL},
    {"1d", NULL},
    {"0x1p-1100", "0x0p+00"},
    {"12345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890",
     "0x1.f07c2fae1ab2cp+295"},
    {"0.000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000001",
     "0x1.b5733cb32b111p-323"},
    {"+", NULL},
    {"-", NULL},
    {"--1", NULL},
    {"+-1", NULL},
    {"0X1P4", "0x1p+04"},
    {"1_0_0_0", "0x1.f4p+09"},
    {"0_x1p1", NULL},
    {"infi_nity", NULL},
};

/* The tags of a text separated by blanks, in the order of the store. */
static struct tag_list tags_of(arena *a, const char *text)
{
    str *items = NULL, rest = str_of(text), tag;
    size_t count = 0, room = 0;
    while (str_next(&rest, ' ', &tag))
        if (tag.len) *ARENA_PUSH(a, items, count, room) = str_dup(a, tag);
    return tag_store_order(a, items, count);
}

static const struct {
    struct policy policy;
    const char *tags, *want; /* "!": the error begins so */
} rows[] = {
#define SEMVER(range_)                                                                             \
    {                                                                                              \
        .rank = POLICY_SEMVER, .range = STR(range_)                                                \
    }
#define FILTERED(rank_, pattern_, extract_)                                                        \
    {                                                                                              \
        .rank = rank_, .range = STR("*"), .pattern = STR(pattern_), .extract = STR(extract_)       \
    }
    {SEMVER("1.x"), "1.0.0 1.2.0 2.0.0 latest", "1.2.0"},
    {SEMVER(">=1.0.0-0"), "1.0.0 1.1.0-rc.1", "1.1.0-rc.1"},
    {SEMVER("*"), "1.0.0 1.1.0-rc.1", "1.0.0"},
    {SEMVER("*"), "1.9.0 1.10.0", "1.10.0"},
    {SEMVER("*"), "v1.0.0 1.0.0", "v1.0.0"},
    {SEMVER("*"), "1 1.2 v3", "!unable to determine latest version from provided list"},
    {SEMVER(">2"), "1.0.0", "!unable to determine latest version from provided list"},
    {SEMVER("*"), "", "!version list argument cannot be empty"},
    {SEMVER("a"), "1.0.0", "!invalid policy: improper constraint: \"a\""},
    {{.rank = POLICY_ALPHABETICAL}, "a B c C", "c"},
    {{.rank = POLICY_ALPHABETICAL, .lowest = true}, "a B c C", "B"},
    {{.rank = POLICY_ALPHABETICAL}, "r.9 r.10", "r.9"},
    {{.rank = POLICY_ALPHABETICAL}, "", "!version list argument cannot be empty"},
    {{.rank = POLICY_NUMERICAL}, "9 10 1e1 -3", "10"},
    {{.rank = POLICY_NUMERICAL, .lowest = true}, "9 10 -3", "-3"},
    {{.rank = POLICY_NUMERICAL}, "1.5 1.25 inf", "inf"},
    {{.rank = POLICY_NUMERICAL}, "1 x", "!failed to parse invalid numeric value 'x'"},
    {{.rank = POLICY_NUMERICAL}, "1 1e999", "!failed to parse invalid numeric value '1e999'"},
    {FILTERED(POLICY_NUMERICAL, "^main-[a-f0-9]+-(?P<ts>[0-9]+)", "$ts"),
     "main-abc-100 main-def-99 dev-aaa-500", "main-abc-100"},
    {FILTERED(POLICY_NUMERICAL, "^main-[a-f0-9]+-(?<ts>[0-9]+)", "${ts}"),
     "main-abc-100 main-def-99", "main-abc-100"},
    {FILTERED(POLICY_SEMVER, "^v(.*)-alpine$", "$1"), "v1.0.0-alpine v1.1.0-alpine v2.0.0",
     "v1.1.0-alpine"},
    {FILTERED(POLICY_SEMVER, "-alpine$", ""), "1.0.0-alpine 1.1.0",
     "!unable to determine latest version from provided list"},
    {FILTERED(POLICY_ALPHABETICAL, "^RELEASE", ""), "RELEASE.1 RELEASE.2 Z", "RELEASE.2"},
    {FILTERED(POLICY_ALPHABETICAL, "(?i)^release", ""), "RELEASE.1 release.2 z", "release.2"},
    {FILTERED(POLICY_ALPHABETICAL, "none", ""), "a b", "!version list argument cannot be empty"},
    {FILTERED(POLICY_ALPHABETICAL, "(a)(b)?", "$2x"), "a ab",
     "a"}, /* $2x is a group that is not there: one value, the last tag counts */
    {FILTERED(POLICY_ALPHABETICAL, "([0-9]+)", "${1}x"), "a1 b2", "b2"},
    {FILTERED(POLICY_NUMERICAL, "([0-9]+)", "$1"), "a5 b5 c4", "a5"},
    {FILTERED(POLICY_ALPHABETICAL, "(", ""), "a",
     "!failed to filter tags: invalid regular expression pattern '('"},
    {FILTERED(POLICY_ALPHABETICAL, "(?=a)", ""), "a",
     "!failed to filter tags: invalid regular expression pattern '(?=a)'"},
};

static void chooses(void **state UNUSED)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct tag_list tags = tags_of(&a, rows[i].tags);
        str got, want = str_of(rows[i].want);
        err *e AUTO(err_done) = policy_choose(&a, &rows[i].policy, tags.items, tags.count, &got);
        if (e) got = str_concat(&a, STR("!"), err_text(e));
        bool fits = e ? str_starts(got, want) : str_eq(got, want);
        if (!fits) fail_msg("row %zu ('%s'): %s", i, rows[i].tags, str_z(&a, got));
    }
}

/* A number stands between its neighbours: `lowest` of it and its value's own decimal form. */
static void reads_numbers_as_go_does(void **state UNUSED)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        arena a AUTO(arena_done) = {0};
        struct policy policy = {.rank = POLICY_NUMERICAL};
        str tag = str_of(numbers[i].text), got;
        err *e AUTO(err_done) = policy_choose(&a, &policy, &tag, 1, &got);
        if (!e != (numbers[i].value != NULL)) fail_msg("'%s'", numbers[i].text);
        if (!numbers[i].value || str_is(str_of(numbers[i].value), "NaN")) continue;
        /* Of equal numbers the later one is chosen, so both orders have to give the second. */
        double value = strtod(numbers[i].value, NULL);
        if (isinf(value)) continue;
        str same = str_printf(&a, "%.17g", value);
        str pair[] = {tag, same}, back[] = {same, tag};
        assert_null(policy_choose(&a, &policy, pair, 2, &got));
        if (!str_eq(got, same)) fail_msg("'%s' is larger than %s", numbers[i].text, pair[1].data);
        assert_null(policy_choose(&a, &policy, back, 2, &got));
        if (!str_eq(got, tag)) fail_msg("'%s' is smaller than %s", numbers[i].text, pair[1].data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chooses),
                                       cmocka_unit_test(reads_numbers_as_go_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
