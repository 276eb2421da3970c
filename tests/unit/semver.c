/* semver: the tables were recorded from the reference, Masterminds semver 3.5.0. */
#include "base/semver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"

static const char *const versions[] = {
    "0.0.0",      "0.0.3", "0.1.0", "0.2.3",   "0.2.9",  "0.3.0-rc.1", "0.3.0",  "1.0.0-alpha",
    "1.0.0",      "1.1.9", "1.2.0", "1.2.3-0", "1.2.3",  "1.2.3+b",    "1.2.9",  "1.3.0",
    "2.0.0-rc.1", "2.0.0", "2.0.1", "3.0.0",   "11.0.0", "11.1.9",     "11.2.0", "12.0.0",
};

static const struct {
    const char *range, *has;
} ranges[] = {
    {"*", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"x", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"X", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"v*", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {">=0.0.0-0", "yyyyyyyyyyyyyyyyyyyyyyyy"},
    {"1.2.3", "------------yy----------"},
    {"=1.2.3", "------------yy----------"},
    {"v1.2.3", "------------yy----------"},
    {"= v1.2.3", "------------yy----------"},
    {"!=1.2.3", "yyyyy-y-yyy---yy-yyyyyyy"},
    {"!=1.2", "yyyyy-y-yy-----y-yyyyyyy"},
    {"!=1", "yyyyy-y----------yyyyyyy"},
    {"!=1.2.x-0", "yyyyyyyyyyy-yyyyyyyyyyyy"},
    {"!=*", "-yyyy-y-yyy-yyyy-yyyyyyy"},
    {">1.2.3", "--------------yy-yyyyyyy"},
    {">1.2", "---------------y-yyyyyyy"},
    {">1", "-----------------yyyyyyy"},
    {">11", "-----------------------y"},
    {">11.1", "----------------------yy"},
    {">*", "-yyyy-y-yyy-yyyy-yyyyyyy"},
    {">=1.2.3", "------------yyyy-yyyyyyy"},
    {"=>1.2", "----------y-yyyy-yyyyyyy"},
    {">=1", "--------yyy-yyyy-yyyyyyy"},
    {"<1.2.3", "yyyyy-y-yyy-------------"},
    {"<1.2", "yyyyy-y-yy--------------"},
    {"<11", "yyyyy-y-yyy-yyyy-yyy----"},
    {"<*", "------------------------"},
    {"<=1.2.3", "yyyyy-y-yyy-yy----------"},
    {"=<1.2", "yyyyy-y-yyy-yyy---------"},
    {"<=11", "yyyyy-y-yyy-yyyy-yyyyyy-"},
    {"<=11.1", "yyyyy-y-yyy-yyyy-yyyyy--"},
    {"<=*", "yy----------------------"},
    {"~1.2.3", "------------yyy---------"},
    {"~>1.2", "----------y-yyy---------"},
    {"~1", "--------yyy-yyyy--------"},
    {"~0.0.0", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"~*", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"~0", "yyyyy-y-----------------"},
    {"~0.0", "yy----------------------"},
    {"^1.2.3", "------------yyyy--------"},
    {"^1.2", "----------y-yyyy--------"},
    {"^1", "--------yyy-yyyy--------"},
    {"^0.2.3", "---yy-------------------"},
    {"^0.2", "---yy-------------------"},
    {"^0.0.3", "-y----------------------"},
    {"^0.0", "yy----------------------"},
    {"^0", "yyyyy-y-----------------"},
    {"^*", "y-----------------------"},
    {"^0.0.0", "y-----------------------"},
    {"1", "--------yyy-yyyy--------"},
    {"1.2", "----------y-yyy---------"},
    {"1.x", "--------yyy-yyyy--------"},
    {"1.2.x", "----------y-yyy---------"},
    {"1.2.*", "----------y-yyy---------"},
    {"1.X.3", "--------yyy-yyyy--------"},
    {"01.02.03", "------------yy----------"},
    {">=1.2 <2", "----------y-yyyy--------"},
    {">=1.2, <2", "----------y-yyyy--------"},
    {">=1.2,<2", "----------y-yyyy--------"},
    {">=1.2 , <2", "----------y-yyyy--------"},
    {"  >= 1.2   < 2  ", "----------y-yyyy--------"},
    {"^1.2 !=1.2.9", "----------y-yy-y--------"},
    {">2 || <0.2", "yyy----------------yyyyy"},
    {"~0.2.3||^11.1", "---yy----------------yy-"},
    {"1.2 - 2", "----------y-yyyy-yy-----"},
    {"1.2.3 - 1.2.9", "------------yyy---------"},
    {"1 - 2 || 11.1 - 11.1.9", "--------yyy-yyyy-yy--y--"},
    {"1.2-3", "----------yyyyy---------"},
    {">=1.0.0-0", "-------yyyyyyyyyyyyyyyyy"},
    {">=1.0.0-0 <2", "-------yyyyyyyyyy-------"},
    {">=1.0.0-0 <2.0.0-0", "-------yyyyyyyyy--------"},
    {"^1.2.3-0", "-----------yyyyy--------"},
    {"~1.2.3-0", "-----------yyyy---------"},
    {"^2.0.0-rc.0", "----------------yyy-----"},
    {">=1.2.3-1 || 0.3", "------y-----yyyyyyyyyyyy"},
    {"<1.0.0-beta", "yyyyyyyy----------------"},
    {"1.0.0-alpha", "-------y----------------"},
    {"1.0.0-alpha+x", "-------y----------------"},
    {">1.2.3-0 <1.2.9-0", "------------yy----------"},
    /* Every operator with every form of a version. */
    {"0", "yyyyy-y-----------------"},
    {"0.0.3", "-y----------------------"},
    {"0.2", "---yy-------------------"},
    {"0.2.x", "---yy-------------------"},
    {"0.3.0-rc.1", "-----y------------------"},
    {"1.x.x", "--------yyy-yyyy--------"},
    {"1.2.3-0", "-----------y------------"},
    {"2.0.0-rc.1", "----------------y-------"},
    {"2.*", "-----------------yy-----"},
    {"11.1", "---------------------y--"},
    {"12.0.0", "-----------------------y"},
    {"v3", "-------------------y----"},
    {"1.2.3+b", "------------yy----------"},
    {"=0", "yyyyy-y-----------------"},
    {"=0.0.3", "-y----------------------"},
    {"=0.2", "---yy-------------------"},
    {"=0.2.x", "---yy-------------------"},
    {"=0.3.0-rc.1", "-----y------------------"},
    {"=1", "--------yyy-yyyy--------"},
    {"=1.x.x", "--------yyy-yyyy--------"},
    {"=1.2", "----------y-yyy---------"},
    {"=1.2.3-0", "-----------y------------"},
    {"=2.0.0-rc.1", "----------------y-------"},
    {"=2.*", "-----------------yy-----"},
    {"=11.1", "---------------------y--"},
    {"=12.0.0", "-----------------------y"},
    {"=v3", "-------------------y----"},
    {"=1.2.3+b", "------------yy----------"},
    {"!=0", "--------yyy-yyyy-yyyyyyy"},
    {"!=0.0.3", "y-yyy-y-yyy-yyyy-yyyyyyy"},
    {"!=0.2", "yyy---y-yyy-yyyy-yyyyyyy"},
    {"!=0.2.x", "yyy---y-yyy-yyyy-yyyyyyy"},
    {"!=0.3.0-rc.1", "yyyyy-yyyyyyyyyyyyyyyyyy"},
    {"!=1.x.x", "yyyyy-y----------yyyyyyy"},
    {"!=1.2.3-0", "yyyyyyyyyyy-yyyyyyyyyyyy"},
    {"!=2.0.0-rc.1", "yyyyyyyyyyyyyyyy-yyyyyyy"},
    {"!=2.*", "yyyyy-y-yyy-yyyy---yyyyy"},
    {"!=11.1", "yyyyy-y-yyy-yyyy-yyyy-yy"},
    {"!=12.0.0", "yyyyy-y-yyy-yyyy-yyyyyy-"},
    {"!=v3", "yyyyy-y-yyy-yyyy-yy-yyyy"},
    {"!=1.2.3+b", "yyyyy-y-yyy---yy-yyyyyyy"},
    {">0", "--------yyy-yyyy-yyyyyyy"},
    {">0.0.3", "--yyy-y-yyy-yyyy-yyyyyyy"},
    {">0.2", "------y-yyy-yyyy-yyyyyyy"},
    {">0.2.x", "------y-yyy-yyyy-yyyyyyy"},
    {">0.3.0-rc.1", "------yyyyyyyyyyyyyyyyyy"},
    {">1.x.x", "-----------------yyyyyyy"},
    {">1.2.3-0", "------------yyyyyyyyyyyy"},
    {">2.0.0-rc.1", "-----------------yyyyyyy"},
    {">2.*", "-------------------yyyyy"},
    {">12.0.0", "------------------------"},
    {">v3", "--------------------yyyy"},
    {">1.2.3+b", "--------------yy-yyyyyyy"},
    {"<0", "------------------------"},
    {"<0.0.3", "y-----------------------"},
    {"<0.2", "yyy---------------------"},
    {"<0.2.x", "yyy---------------------"},
    {"<0.3.0-rc.1", "yyyyy-------------------"},
    {"<1", "yyyyy-y-----------------"},
    {"<1.x.x", "yyyyy-y-----------------"},
    {"<1.2.3-0", "yyyyyyyyyyy-------------"},
    {"<2.0.0-rc.1", "yyyyyyyyyyyyyyyy--------"},
    {"<2.*", "yyyyy-y-yyy-yyyy--------"},
    {"<11.1", "yyyyy-y-yyy-yyyy-yyyy---"},
    {"<12.0.0", "yyyyy-y-yyy-yyyy-yyyyyy-"},
    {"<v3", "yyyyy-y-yyy-yyyy-yy-----"},
    {"<1.2.3+b", "yyyyy-y-yyy-------------"},
    {">=0", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {">=0.0.3", "-yyyy-y-yyy-yyyy-yyyyyyy"},
    {">=0.2", "---yy-y-yyy-yyyy-yyyyyyy"},
    {">=0.2.x", "---yy-y-yyy-yyyy-yyyyyyy"},
    {">=0.3.0-rc.1", "-----yyyyyyyyyyyyyyyyyyy"},
    {">=1.x.x", "--------yyy-yyyy-yyyyyyy"},
    {">=1.2", "----------y-yyyy-yyyyyyy"},
    {">=1.2.3-0", "-----------yyyyyyyyyyyyy"},
    {">=2.0.0-rc.1", "----------------yyyyyyyy"},
    {">=2.*", "-----------------yyyyyyy"},
    {">=11.1", "---------------------yyy"},
    {">=12.0.0", "-----------------------y"},
    {">=v3", "-------------------yyyyy"},
    {">=1.2.3+b", "------------yyyy-yyyyyyy"},
    {"=>0", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"=>0.0.3", "-yyyy-y-yyy-yyyy-yyyyyyy"},
    {"=>0.2", "---yy-y-yyy-yyyy-yyyyyyy"},
    {"=>0.2.x", "---yy-y-yyy-yyyy-yyyyyyy"},
    {"=>0.3.0-rc.1", "-----yyyyyyyyyyyyyyyyyyy"},
    {"=>1", "--------yyy-yyyy-yyyyyyy"},
    {"=>1.x.x", "--------yyy-yyyy-yyyyyyy"},
    {"=>1.2.3", "------------yyyy-yyyyyyy"},
    {"=>1.2.3-0", "-----------yyyyyyyyyyyyy"},
    {"=>2.0.0-rc.1", "----------------yyyyyyyy"},
    {"=>2.*", "-----------------yyyyyyy"},
    {"=>11.1", "---------------------yyy"},
    {"=>12.0.0", "-----------------------y"},
    {"=>v3", "-------------------yyyyy"},
    {"=>1.2.3+b", "------------yyyy-yyyyyyy"},
    {"<=0", "yyyyy-y-----------------"},
    {"<=0.0.3", "yy----------------------"},
    {"<=0.2", "yyyyy-------------------"},
    {"<=0.2.x", "yyyyy-------------------"},
    {"<=0.3.0-rc.1", "yyyyyy------------------"},
    {"<=1", "yyyyy-y-yyy-yyyy--------"},
    {"<=1.x.x", "yyyyy-y-yyy-yyyy--------"},
    {"<=1.2", "yyyyy-y-yyy-yyy---------"},
    {"<=1.2.3-0", "yyyyyyyyyyyy------------"},
    {"<=2.0.0-rc.1", "yyyyyyyyyyyyyyyyy-------"},
    {"<=2.*", "yyyyy-y-yyy-yyyy-yy-----"},
    {"<=12.0.0", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"<=v3", "yyyyy-y-yyy-yyyy-yyy----"},
    {"<=1.2.3+b", "yyyyy-y-yyy-yy----------"},
    {"=<0", "yyyyy-y-----------------"},
    {"=<0.0.3", "yy----------------------"},
    {"=<0.2", "yyyyy-------------------"},
    {"=<0.2.x", "yyyyy-------------------"},
    {"=<0.3.0-rc.1", "yyyyyy------------------"},
    {"=<1", "yyyyy-y-yyy-yyyy--------"},
    {"=<1.x.x", "yyyyy-y-yyy-yyyy--------"},
    {"=<1.2.3", "yyyyy-y-yyy-yy----------"},
    {"=<1.2.3-0", "yyyyyyyyyyyy------------"},
    {"=<2.0.0-rc.1", "yyyyyyyyyyyyyyyyy-------"},
    {"=<2.*", "yyyyy-y-yyy-yyyy-yy-----"},
    {"=<11.1", "yyyyy-y-yyy-yyyy-yyyyy--"},
    {"=<12.0.0", "yyyyy-y-yyy-yyyy-yyyyyyy"},
    {"=<v3", "yyyyy-y-yyy-yyyy-yyy----"},
    {"=<1.2.3+b", "yyyyy-y-yyy-yy----------"},
    {"~0.0.3", "-y----------------------"},
    {"~0.2", "---yy-------------------"},
    {"~0.2.x", "---yy-------------------"},
    {"~0.3.0-rc.1", "-----yy-----------------"},
    {"~1.x.x", "--------yyy-yyyy--------"},
    {"~1.2", "----------y-yyy---------"},
    {"~2.0.0-rc.1", "----------------yyy-----"},
    {"~2.*", "-----------------yy-----"},
    {"~11.1", "---------------------y--"},
    {"~12.0.0", "-----------------------y"},
    {"~v3", "-------------------y----"},
    {"~1.2.3+b", "------------yyy---------"},
    {"~>0", "yyyyy-y-----------------"},
    {"~>0.0.3", "-y----------------------"},
    {"~>0.2", "---yy-------------------"},
    {"~>0.2.x", "---yy-------------------"},
    {"~>0.3.0-rc.1", "-----yy-----------------"},
    {"~>1", "--------yyy-yyyy--------"},
    {"~>1.x.x", "--------yyy-yyyy--------"},
    {"~>1.2.3", "------------yyy---------"},
    {"~>1.2.3-0", "-----------yyyy---------"},
    {"~>2.0.0-rc.1", "----------------yyy-----"},
    {"~>2.*", "-----------------yy-----"},
    {"~>11.1", "---------------------y--"},
    {"~>12.0.0", "-----------------------y"},
    {"~>v3", "-------------------y----"},
    {"~>1.2.3+b", "------------yyy---------"},
    {"^0.2.x", "---yy-------------------"},
    {"^0.3.0-rc.1", "-----yy-----------------"},
    {"^1.x.x", "--------yyy-yyyy--------"},
    {"^2.0.0-rc.1", "----------------yyy-----"},
    {"^2.*", "-----------------yy-----"},
    {"^11.1", "---------------------yy-"},
    {"^12.0.0", "-----------------------y"},
    {"^v3", "-------------------y----"},
    {"^1.2.3+b", "------------yyyy--------"},
};

static const struct {
    const char *range, *message;
} bad_ranges[] = {
    {"", "improper constraint: \"\""},
    {" ", "improper constraint: \" \""},
    {"||", "improper constraint: \"\""},
    {"1 ||", "improper constraint: \"\""},
    {"|| 1", "improper constraint: \"\""},
    {"a", "improper constraint: \"a\""},
    {">", "improper constraint: \">\""},
    {">=", "improper constraint: \">=\""},
    {"=", "improper constraint: \"=\""},
    {"1.2.3.4", "improper constraint: \"1.2.3.4\""},
    {"1.2.", "improper constraint: \"1.2.\""},
    {".1", "improper constraint: \".1\""},
    {"1..2", "improper constraint: \"1..2\""},
    {"==1", "improper constraint: \"==1\""},
    {">>1", "improper constraint: \">>1\""},
    {"=!1", "improper constraint: \"=!1\""},
    {"1,,2", "improper constraint: \"1,,2\""},
    {",1", "improper constraint: \",1\""},
    {"1,", "improper constraint: \"1,\""},
    {">1<2", "improper constraint: \">1<2\""},
    {"latest", "improper constraint: \"latest\""},
    {"1.2.3-", "improper constraint: \"1.2.3-\""},
    {"1.2.3-a..b", "improper constraint: \"1.2.3-a..b\""},
    {"1.2.3-01", "constraint parser error"},
    {"1x", "constraint parser error"},
    {"1.xx", "constraint parser error"},
    {"18446744073709551616", "constraint parser error"},
    {">=1 - 2", "improper constraint: \">=>= 1, <= 2 \""},
    {"1 -2", "improper constraint: \"1 -2\""},
    {"1- 2", "improper constraint: \"1- 2\""},
    {"v", "improper constraint: \"v\""},
    {"vv1", "improper constraint: \"vv1\""},
    {"V1", "improper constraint: \"V1\""},
    {"^^1", "improper constraint: \"^^1\""},
    {"1 2 |", "constraint parser error"},
    {"\\\"", "improper constraint: \"\\\\\\\"\""},
    {"1.2.3+", "improper constraint: \"1.2.3+\""},
    {"-1", "improper constraint: \"-1\""},
    {"~-1", "improper constraint: \"~-1\""},
    {"1 - 2||3 - 4", "improper constraint: \"3 - 4\""},
};

static const struct {
    const char *text, *loose;
    bool strict;
} parses[] = {
    {"1.2.3", "1.2.3", true},
    {"v1.2.3", "1.2.3", false},
    {"V1.2.3", "!invalid semantic version", false},
    {"1.2", "1.2.0", false},
    {"1", "1.0.0", false},
    {"v1", "1.0.0", false},
    {"01.2.3", "1.2.3", false},
    {"1.02.3", "1.2.3", false},
    {"1.2.3-rc.1", "1.2.3-rc.1", true},
    {"1.2.3-rc.1+b.7", "1.2.3-rc.1+b.7", true},
    {"1.2.3+b", "1.2.3+b", true},
    {"1.2.3+01", "1.2.3+01", true},
    {"1.2.3-01", "!version segment starts with 0", false},
    {"1.2.3-0", "1.2.3-0", true},
    {"1.2.3-0a", "1.2.3-0a", true},
    {"1.2.3-", "!invalid semantic version", false},
    {"1.2.3+", "!invalid semantic version", false},
    {"1.2.3-a..b", "!invalid semantic version", false},
    {"1.2.3-a_b", "!invalid semantic version", false},
    {"1.2.3--", "1.2.3--", true},
    {"1.2.3-a.-", "1.2.3-a.-", true},
    {"1.2.3.4", "!invalid semantic version", false},
    {"", "!invalid semantic version", false},
    {" 1.2.3", "!invalid semantic version", false},
    {"1.2.3 ", "!invalid semantic version", false},
    {"1.2.3\n", "!invalid semantic version", false},
    {"a.b.c", "!invalid semantic version", false},
    {"1.-2.3", "!invalid semantic version", false},
    {"1..3", "!invalid semantic version", false},
    {".1.2", "!invalid semantic version", false},
    {"18446744073709551615.0.0", "18446744073709551615.0.0", true},
    {"18446744073709551616.0.0",
     "!error parsing version segment: strconv.ParseUint: parsing \"18446744073709551616\": value "
     "out of range",
     false},
    {"1.2.18446744073709551616",
     "!error parsing version segment: strconv.ParseUint: parsing \"18446744073709551616\": value "
     "out of range",
     false},
    {"1.2.3-99999999999999999999", "1.2.3-99999999999999999999", true},
    {"1-a.b.c", "1.0.0-a.b.c", false},
    {"2025.02.03-rc.1", "2025.2.3-rc.1", false},
    {"x.1.2", "!invalid semantic version", false},
    {"1.2.3+a+b", "!invalid semantic version", false},
    {"1.2.3+a-b", "1.2.3+a-b", true},
    {"é.1.2", "!invalid semantic version", false},
};

static void test_ranges(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct semver_range *range;
        err *e = semver_range_parse(&a, str_of(ranges[i].range), &range);
        if (e) fail_msg("'%s': %s", ranges[i].range, e->message);
        for (size_t k = 0; k < COUNT(versions); k++) {
            struct semver v;
            assert_null(semver_parse(str_of(versions[k]), &v));
            bool want = ranges[i].has[k] == 'y';
            if (semver_range_has(range, &v) != want) {
                fail_msg("'%s' %s '%s'", ranges[i].range, want ? "must have" : "must not have",
                         versions[k]);
            }
        }
    }
}

static void test_bad_ranges(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(bad_ranges); i++) {
        struct semver_range *range;
        err *e AUTO(err_done) = semver_range_parse(&a, str_of(bad_ranges[i].range), &range);
        if (!e) fail_msg("'%s' was taken", bad_ranges[i].range);
        assert_string_equal(e->message, bad_ranges[i].message);
        assert_true(err_is(e, ERR_INVALID));
    }
}

static void test_parse(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(parses); i++) {
        struct semver v;
        str text = str_of(parses[i].text);
        err *e AUTO(err_done) = semver_parse(text, &v);
        str got = e ? str_concat(&a, STR("!"), err_text(e)) : semver_text(&a, &v);
        assert_string_equal(str_z(&a, got), parses[i].loose);
        if (!e) assert_true(str_eq(v.original, text));
        err *strict AUTO(err_done) = semver_parse_strict(text, &v);
        if (!strict != parses[i].strict) fail_msg("strict: '%s'", parses[i].text);
    }
}

static void test_strict_messages(void **state UNUSED)
{
    static const char *const rows[][2] = {
        {"", "version string empty"},
        {"1.2", "invalid semantic version"},
        {"v1.2.3", "invalid characters in version"},
        {"1.02.3", "version segment starts with 0"},
        {"1.2.3-01", "version segment starts with 0"},
        {"1.2.3-a_b", "invalid prerelease string"},
        {"1.2.3+a_b", "invalid metadata string"},
        {"1.2.3+", "invalid metadata string"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct semver v;
        err *e AUTO(err_done) = semver_parse_strict(str_of(rows[i][0]), &v);
        assert_non_null(e);
        assert_string_equal(e->message, rows[i][1]);
    }
}

/* The chain of semver.org, section 11, and what the reference adds to it. */
static void test_order(void **state UNUSED)
{
    static const char *const rising[] = {
        "0.0.0-0",    "0.0.0-1",      "0.0.0-11",      "0.0.0-a",       "0.0.0",
        "0.0.1",      "0.1.0",        "1.0.0-alpha",   "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",    "1.0.0",
        "1.0.1",      "1.2.0",        "1.11.0",        "2.0.0",         "18446744073709551615.0.0",
    };
    struct semver v[COUNT(rising)];
    for (size_t i = 0; i < COUNT(rising); i++)
        assert_null(semver_parse(str_of(rising[i]), &v[i]));
    for (size_t i = 0; i < COUNT(rising); i++) {
        for (size_t k = 0; k < COUNT(rising); k++) {
            int want = i < k ? -1 : i > k;
            if (semver_cmp(&v[i], &v[k]) != want) fail_msg("'%s' to '%s'", rising[i], rising[k]);
        }
    }
    struct semver x, y;
    assert_null(semver_parse(STR("v1.2+a"), &x));
    assert_null(semver_parse(STR("1.02.0+b"), &y));
    assert_int_equal(semver_cmp(&x, &y), 0);
}

static void test_tags(void **state UNUSED)
{
    struct semver v;
    static const char *const good[] = {"1.2.3", "v1.2.3", "01.2.3-rc.1", "2025.02.03", "1-a.b.c"};
    static const char *const bad[] = {"",       "1",     "v1.2",   "1.2-rc",
                                      "latest", "a.b.c", "1.2.3 ", "v.1.2"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(semver_parse_tag(str_of(good[i]), &v));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(semver_parse_tag(str_of(bad[i]), &v));
}

static void test_limits(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    BUF_ADD(&b, "1.2.3-");
    buf_fill(&b, 'a', LIMIT_SEMVER_BYTES - b.len);
    struct semver v;
    struct semver_range *range;
    assert_null(semver_parse(buf_str(&b), &v));
    buf_add_char(&b, 'a');
    err *e AUTO(err_done) = semver_parse(buf_str(&b), &v);
    assert_string_equal(e->message, "version string is too long (max 256 bytes)");

    buf_clear(&b);
    for (int i = 0; i < LIMIT_SEMVER_RANGE_GROUPS; i++)
        buf_add(&b, i ? STR("||1") : STR("1"));
    assert_null(semver_range_parse(&a, buf_str(&b), &range));
    BUF_ADD(&b, "||1");
    err *groups AUTO(err_done) = semver_range_parse(&a, buf_str(&b), &range);
    assert_string_equal(groups->message, "too many constraint groups (max 32)");

    buf_fill(&b, ' ', LIMIT_SEMVER_RANGE_BYTES);
    err *bytes AUTO(err_done) = semver_range_parse(&a, buf_str(&b), &range);
    assert_string_equal(bytes->message, "constraint string is too long (max 512 bytes)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges), cmocka_unit_test(test_bad_ranges),
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_strict_messages),
        cmocka_unit_test(test_order),  cmocka_unit_test(test_tags),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
