/* yaml: errors and values. The tables were recorded from go-yaml 3.0.4 and 2.4.3. */
#include "doc/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "doc/json.h"
#include "doc/yaml_block.h"

static const struct {
    const char *text, *v3, *v2; /* v2 is NULL: as v3 */
} errors[] = {
    {"a: b: c", "yaml: mapping values are not allowed in this context", NULL},
    {"a: 1\nb: c: d", "yaml: line 2: mapping values are not allowed in this context", NULL},
    {"a: [1, 2\nb: 3", "yaml: line 1: did not find expected ',' or ']'", NULL},
    {"a: {b: 1\n\nc: 2}}", "yaml: line 2: did not find expected ',' or '}'", NULL},
    {"x:\na: 1\nb c\n\nd: 2\n", "yaml: line 3: could not find expected ':'",
     "yaml: line 5: could not find expected ':'"},
    {"a: 'x", "yaml: found unexpected end of stream", NULL},
    {"a:\n  b: \"x", "yaml: line 2: found unexpected end of stream", NULL},
    {"a: *b", "yaml: unknown anchor 'b' referenced", NULL},
    {"a: &b [*b]", "yaml: anchor 'b' value contains itself", NULL},
    {"a: &b {c: {d: *b}}", "yaml: anchor 'b' value contains itself", NULL},
    {"a: \"\\/\"", "yaml: found unknown escape character", NULL},
    {"\xef\xbb\xbf\xc3\xa9: \"\\\\/\"\nb: c\nd: \"\xc3\xa9\n\\/\"",
     "yaml: line 3: found unknown escape character",
     "yaml: line 4: found unknown escape character"},
    {"a: \"\\/\"\nb: c: d", "yaml: found unknown escape character", NULL},
    {"x: 1\ny: \"\\ud83d\\ude00\"", "yaml: line 2: found invalid Unicode character escape code",
     NULL},
    {"a:\n- @c", "yaml: line 2: found character that cannot start any token", NULL},
    {"a: 1\n\tb: 2", "yaml: line 2: found a tab character that violates indentation", NULL},
    {"a: \x01", "yaml: control characters are not allowed", NULL},
    {"a: \xff", "yaml: invalid leading UTF-8 octet", NULL},
    {"- a\n- b\nc: d", "yaml: line 2: did not find expected '-' indicator", NULL},
    {"a: 1\n  b: 2\n c: 3", "yaml: line 2: mapping values are not allowed in this context", NULL},
    {"a:\n  b: 1\n c: 3", "yaml: line 2: did not find expected key", NULL},
    {"? [a, b]\n: c", "yaml: line 1: invalid map key: a map or a list cannot be a key", NULL},
    {"x:\n  {{ .Values.y }}: c", "yaml: line 2: invalid map key: a map or a list cannot be a key",
     NULL},
    {"<<: 1", "yaml: line 1: map merge requires map or sequence of maps as the value", NULL},
    {"<<: [{a: 1}, 2]", "yaml: line 1: map merge requires map or sequence of maps as the value",
     NULL},
    {"a: &x 1\n<<: *x", "yaml: line 2: map merge requires map or sequence of maps as the value",
     NULL},
    {"a: !!int secret", "yaml: line 1: cannot decode a !!str as a !!int", NULL},
    {"a: !!binary '?'", "yaml: line 1: !!binary value contains invalid base64 data", NULL},
    {"%YAML 3.0\n---\na: 1", "yaml: found incompatible YAML document", NULL},
    {" a: 1\nb: 2", "yaml: line 1: did not find expected <document start>", NULL},
    /* What is wrong with the syntax goes before what is wrong with the content. */
    {"k: *x\nb: c: d", "yaml: unknown anchor 'x' referenced", NULL},
    {"[a]: 1\nb: c: d", "yaml: line 2: mapping values are not allowed in this context", NULL},
};

/* A plain or tagged scalar, and the JSON of what it means in each dialect; NULL is an error. */
static const struct {
    const char *text, *json[2];
} scalars[] = {
    {"y", {"\"y\"", "true"}},
    {"Y", {"\"Y\"", "true"}},
    {"yes", {"\"yes\"", "true"}},
    {"Yes", {"\"Yes\"", "true"}},
    {"YES", {"\"YES\"", "true"}},
    {"true", {"true", "true"}},
    {"True", {"true", "true"}},
    {"TRUE", {"true", "true"}},
    {"on", {"\"on\"", "true"}},
    {"On", {"\"On\"", "true"}},
    {"ON", {"\"ON\"", "true"}},
    {"n", {"\"n\"", "false"}},
    {"N", {"\"N\"", "false"}},
    {"no", {"\"no\"", "false"}},
    {"No", {"\"No\"", "false"}},
    {"NO", {"\"NO\"", "false"}},
    {"false", {"false", "false"}},
    {"False", {"false", "false"}},
    {"FALSE", {"false", "false"}},
    {"off", {"\"off\"", "false"}},
    {"Off", {"\"Off\"", "false"}},
    {"OFF", {"\"OFF\"", "false"}},
    {"yEs", {"\"yEs\"", "\"yEs\""}},
    {"nil", {"\"nil\"", "\"nil\""}},
    {"~", {"null", "null"}},
    {"null", {"null", "null"}},
    {"Null", {"null", "null"}},
    {"NULL", {"null", "null"}},
    {"nuLL", {"\"nuLL\"", "\"nuLL\""}},
    {".InF", {"\".InF\"", "\".InF\""}},
    {"NaN", {"\"NaN\"", "\"NaN\""}},
    {"inf", {"\"inf\"", "\"inf\""}},
    {".", {"\".\"", "\".\""}},
    {"..", {"\"..\"", "\"..\""}},
    {"...", {"\"...\"", "\"...\""}},
    {".5", {"0.5", "0.5"}},
    {".5e3", {"500", "500"}},
    {".e5", {"\".e5\"", "\".e5\""}},
    {".5_0", {"0.5", "0.5"}},
    {"._5", {"\"._5\"", "\"._5\""}},
    {"-.5", {"-0.5", "-0.5"}},
    {"+.5", {"0.5", "0.5"}},
    {"+.", {"\"+.\"", "\"+.\""}},
    {"-", {NULL, NULL}},
    {"+", {"\"+\"", "\"+\""}},
    {"--", {"\"--\"", "\"--\""}},
    {"5.", {"5", "5"}},
    {"5.e3", {"5000", "5000"}},
    {"1e3", {"1000", "1000"}},
    {"1e", {"\"1e\"", "\"1e\""}},
    {"1e+", {"\"1e+\"", "\"1e+\""}},
    {"1e+5", {"100000", "100000"}},
    {"1E-5", {"0.00001", "0.00001"}},
    {"1.5e400", {"\"1.5e400\"", "\"1.5e400\""}},
    {"1e400", {"\"1e400\"", "\"1e400\""}},
    {"-1e400", {"\"-1e400\"", "\"-1e400\""}},
    {"1e-400", {"0", "0"}},
    {"0", {"0", "0"}},
    {"00", {"0", "0"}},
    {"-0", {"0", "0"}},
    {"+0", {"0", "0"}},
    {"010", {"8", "8"}},
    {"-010", {"-8", "-8"}},
    {"+010", {"8", "8"}},
    {"08", {"8", "8"}},
    {"09", {"9", "9"}},
    {"-08", {"-8", "-8"}},
    {"0o7", {"7", "7"}},
    {"0o8", {"\"0o8\"", "\"0o8\""}},
    {"0O17", {"15", "15"}},
    {"-0o7", {"-7", "-7"}},
    {"0o-7", {"-7", "\"0o-7\""}},
    {"0o+7", {"7", "\"0o+7\""}},
    {"-0o-7", {"\"-0o-7\"", "\"-0o-7\""}},
    {"0x", {"\"0x\"", "\"0x\""}},
    {"0x1F", {"31", "31"}},
    {"0X1f", {"31", "31"}},
    {"-0x1f", {"-31", "-31"}},
    {"+0x1F", {"31", "31"}},
    {"0x1g", {"\"0x1g\"", "\"0x1g\""}},
    {"0x1p3", {"\"0x1p3\"", "\"0x1p3\""}},
    {"0b", {"\"0b\"", "\"0b\""}},
    {"0b101", {"5", "5"}},
    {"0B1", {"1", "1"}},
    {"-0b11", {"-3", "-3"}},
    {"0b-1", {"-1", "-1"}},
    {"0b+1", {"1", "1"}},
    {"0b2", {"\"0b2\"", "\"0b2\""}},
    {"0_x1F", {"31", "31"}},
    {"0x_1F", {"31", "31"}},
    {"_1", {"\"_1\"", "\"_1\""}},
    {"1_", {"1", "1"}},
    {"1_000", {"1000", "1000"}},
    {"1__0", {"10", "10"}},
    {"+_5", {"5", "5"}},
    {"-_010", {"-8", "-8"}},
    {"1e_5", {"100000", "100000"}},
    {"1e_-5", {"0.00001", "0.00001"}},
    {"1_.5", {"1.5", "1.5"}},
    {"9223372036854775807", {"9223372036854775807", "9223372036854775807"}},
    {"9223372036854775808", {"9223372036854775808", "9223372036854775808"}},
    {"-9223372036854775808", {"-9223372036854775808", "-9223372036854775808"}},
    {"18446744073709551615", {"18446744073709551615", "18446744073709551615"}},
    {"+9223372036854775807", {"9223372036854775807", "9223372036854775807"}},
    {"+9223372036854775808", {"9223372036854776000", "9223372036854776000"}},
    {"0xffffffffffffffff", {"18446744073709551615", "18446744073709551615"}},
    {"0x1ffffffffffffffff", {"\"0x1ffffffffffffffff\"", "\"0x1ffffffffffffffff\""}},
    {"-0x8000000000000000", {"-9223372036854775808", "-9223372036854775808"}},
    {"-0x8000000000000001", {"\"-0x8000000000000001\"", "\"-0x8000000000000001\""}},
    {"0777777777777777777777", {"9223372036854775807", "9223372036854775807"}},
    {"9007199254740993", {"9007199254740993", "9007199254740993"}},
    {"9007199254740993.0", {"9007199254740992", "9007199254740992"}},
    {"1.0", {"1", "1"}},
    {"1e20", {"100000000000000000000", "100000000000000000000"}},
    {"1e21", {"1e+21", "1e+21"}},
    {"1.9e19", {"19000000000000000000", "19000000000000000000"}},
    {"123456.5", {"123456.5", "123456.5"}},
    {"1234567.5", {"1234567.5", "1234567.5"}},
    {"0.0001", {"0.0001", "0.0001"}},
    {"9.5e-5", {"0.000095", "0.000095"}},
    {"1.5e15", {"1500000000000000", "1500000000000000"}},
    {"1e15", {"1000000000000000", "1000000000000000"}},
    {"100000000000000000000.0", {"100000000000000000000", "100000000000000000000"}},
    {"0.1", {"0.1", "0.1"}},
    {"0.30000000000000004", {"0.30000000000000004", "0.30000000000000004"}},
    {"1.7976931348623157e308", {"1.7976931348623157e+308", "1.7976931348623157e+308"}},
    {"5e-324", {"5e-324", "5e-324"}},
    {"2001-12-14", {"\"2001-12-14T00:00:00Z\"", "\"2001-12-14\""}},
    {"2001-1-2", {"\"2001-01-02T00:00:00Z\"", "\"2001-1-2\""}},
    {"2001-13-45", {"\"2001-13-45\"", "\"2001-13-45\""}},
    {"2001-02-29", {"\"2001-02-29\"", "\"2001-02-29\""}},
    {"2000-02-29", {"\"2000-02-29T00:00:00Z\"", "\"2000-02-29\""}},
    {"1900-02-29", {"\"1900-02-29\"", "\"1900-02-29\""}},
    {"0000-01-01", {"\"0000-01-01T00:00:00Z\"", "\"0000-01-01\""}},
    {"2001-12-14T21:59:43Z", {"\"2001-12-14T21:59:43Z\"", "\"2001-12-14T21:59:43Z\""}},
    {"2001-12-14t21:59:43.10-05:00",
     {"\"2001-12-14T21:59:43.1-05:00\"", "\"2001-12-14t21:59:43.10-05:00\""}},
    {"2001-12-14T21:59:43+00:00", {"\"2001-12-14T21:59:43Z\"", "\"2001-12-14T21:59:43+00:00\""}},
    {"2001-12-14T1:2:3Z", {"\"2001-12-14T01:02:03Z\"", "\"2001-12-14T1:2:3Z\""}},
    {"2001-12-14T24:00:00Z", {"\"2001-12-14T24:00:00Z\"", "\"2001-12-14T24:00:00Z\""}},
    {"2001-12-14T21:59:43", {"\"2001-12-14T21:59:43\"", "\"2001-12-14T21:59:43\""}},
    {"2001-12-14T21:59:43.Z", {"\"2001-12-14T21:59:43.Z\"", "\"2001-12-14T21:59:43.Z\""}},
    {"2001-12-14T21:59:43.123456789123Z",
     {"\"2001-12-14T21:59:43.123456789Z\"", "\"2001-12-14T21:59:43.123456789123Z\""}},
    {"2001-12-14T21:59:43,5Z", {"\"2001-12-14T21:59:43.5Z\"", "\"2001-12-14T21:59:43,5Z\""}},
    {"2001-12-14T21:59:43+25:00",
     {"\"2001-12-14T21:59:43+25:00\"", "\"2001-12-14T21:59:43+25:00\""}},
    {"2001-12-14T21:59:43-00:00", {"\"2001-12-14T21:59:43Z\"", "\"2001-12-14T21:59:43-00:00\""}},
    {"2001-12-14T21:59:60Z", {"\"2001-12-14T21:59:60Z\"", "\"2001-12-14T21:59:60Z\""}},
    {"12001-12-14", {"\"12001-12-14\"", "\"12001-12-14\""}},
    {"2001-012-14", {"\"2001-012-14\"", "\"2001-012-14\""}},
    {"12:30", {"\"12:30\"", "\"12:30\""}},
    {"1:60", {"\"1:60\"", "\"1:60\""}},
    {"22:22", {"\"22:22\"", "\"22:22\""}},
    {"1:2:3:4", {"\"1:2:3:4\"", "\"1:2:3:4\""}},
    {"190:20:30.15", {"\"190:20:30.15\"", "\"190:20:30.15\""}},
    {"=", {"\"=\"", "\"=\""}},
    {"<<", {"\"\\u003c\\u003c\"", "\"\\u003c\\u003c\""}},
    {"8080:80", {"\"8080:80\"", "\"8080:80\""}},
    {"1.2.3", {"\"1.2.3\"", "\"1.2.3\""}},
    {"0.0.0.0", {"\"0.0.0.0\"", "\"0.0.0.0\""}},
    {"-", {NULL, NULL}},
    {"0x8_0", {"128", "128"}},
    {"0b1_1", {"3", "3"}},
    {"_", {"\"_\"", "\"_\""}},
    {"__", {"\"__\"", "\"__\""}},
    {"1a", {"\"1a\"", "\"1a\""}},
    {"1-2", {"\"1-2\"", "\"1-2\""}},
    {"+1", {"1", "1"}},
    {"-1", {"-1", "-1"}},
    {"+12:30", {"\"+12:30\"", "\"+12:30\""}},
    {"1,000", {"\"1,000\"", "\"1,000\""}},
    {"a,b", {"\"a,b\"", "\"a,b\""}},
    {"0e0", {"0", "0"}},
    {"-0.0", {"-0", "-0"}},
    {"00.5", {"0.5", "0.5"}},
    {"01.5", {"1.5", "1.5"}},
    {"01e2", {"100", "100"}},
    {"2001-12-14 21:59:43", {"\"2001-12-14T21:59:43Z\"", "\"2001-12-14 21:59:43\""}},
    {"2001-12-14 21:59:43.10", {"\"2001-12-14T21:59:43.1Z\"", "\"2001-12-14 21:59:43.10\""}},
    {"2001-12-14 21:59:43.10 -5",
     {"\"2001-12-14 21:59:43.10 -5\"", "\"2001-12-14 21:59:43.10 -5\""}},
    {"2001-12-14 1:2:3", {"\"2001-12-14T01:02:03Z\"", "\"2001-12-14 1:2:3\""}},
    {"!!str 12", {"\"12\"", "\"12\""}},
    {"!!int 5", {"5", "5"}},
    {"!!int \"5\"", {"5", "5"}},
    {"!!int x", {NULL, NULL}},
    {"!!int 5.0", {NULL, NULL}},
    {"!!float 3", {"3", "3"}},
    {"!!float \"3.5\"", {"3.5", "3.5"}},
    {"!!float 0x1F", {"31", "31"}},
    {"!!float x", {NULL, NULL}},
    {"!!bool true", {"true", "true"}},
    {"!!bool yes", {NULL, "true"}},
    {"!!bool x", {NULL, NULL}},
    {"!!null \"\"", {"null", "null"}},
    {"!!null x", {NULL, NULL}},
    {"!!null ~", {"null", "null"}},
    {"!!str", {"\"\"", "\"\""}},
    {"!!str ~", {"\"~\"", "\"~\""}},
    {"!foo 12", {"\"12\"", "\"12\""}},
    {"!foo \"12\"", {"\"12\"", "\"12\""}},
    {"! \"12\"", {"\"12\"", "\"12\""}},
    {"!!binary aGVsbG8=", {"\"hello\"", "\"hello\""}},
    {"!!binary \"a\"", {NULL, NULL}},
    {"!!binary aGVs\n  bG8=", {NULL, NULL}},
    {"!!timestamp 2001-01-01", {"\"2001-01-01T00:00:00Z\"", "\"2001-01-01\""}},
    {"!!timestamp \"2001-01-01\"", {"\"2001-01-01T00:00:00Z\"", "\"2001-01-01\""}},
    {"!!timestamp x", {NULL, NULL}},
    {"!!merge x", {"\"x\"", "\"x\""}},
    {"!!map {a: 1}", {"{\"a\":1}", "{\"a\":1}"}},
    {"!!seq [1]", {"[1]", "[1]"}},
    {"!foo {a: 1}", {"{\"a\":1}", "{\"a\":1}"}},
    {"!foo [1]", {"[1]", "[1]"}},
    {"!!set {a, b}", {"{\"a\":null,\"b\":null}", "{\"a\":null,\"b\":null}"}},
    {"!!int", {NULL, NULL}},
    {"\"12\"", {"\"12\"", "\"12\""}},
    {"'12'", {"\"12\"", "\"12\""}},
    {"\"2001-01-01\"", {"\"2001-01-01\"", "\"2001-01-01\""}},
    {"|\n  12", {"\"12\\n\"", "\"12\\n\""}},
    {">\n  12\n", {"\"12\\n\"", "\"12\\n\""}},
};

static node *parsed(arena *a, const char *text, struct yaml_options options)
{
    node *n = NULL;
    err *e AUTO(err_done) = yaml_parse(a, str_of(text), options, &n);
    if (e) fail_msg("%s: %s", text, e->message);
    return n;
}

static void expect(const char *yaml, const char *json, struct yaml_options options)
{
    arena a AUTO(arena_done) = {0};
    assert_string_equal(str_z(&a, json_text(&a, parsed(&a, yaml, options))), json);
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors) * 2; i++) {
        arena a AUTO(arena_done) = {0};
        node *n = NULL;
        struct yaml_options options = {.dialect = i % 2 ? YAML_V2 : YAML_V3};
        err *e AUTO(err_done) = yaml_parse(&a, str_of(errors[i / 2].text), options, &n);
        if (!e) fail_msg("no error: %s", errors[i / 2].text);
        const char *want = i % 2 && errors[i / 2].v2 ? errors[i / 2].v2 : errors[i / 2].v3;
        assert_string_equal(e->message, want);
        assert_int_equal(e->kind, ERR_INVALID);
        assert_null(n);
    }
}

/* Integers compare exactly; a float is what its double is. */
static bool means(const node *n, const node *want)
{
    double x, y;
    if (n->kind == NODE_FLOAT && node_to_double(n, &x)) return node_to_double(want, &y) && x == y;
    return node_equal(n, want);
}

static void test_scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scalars) * 2; i++) {
        arena a AUTO(arena_done) = {0};
        str text = str_printf(&a, "v: %s\n", scalars[i / 2].text);
        const char *json = scalars[i / 2].json[i % 2];
        node *n = NULL, *want = NULL;
        struct yaml_options options = {.dialect = i % 2 ? YAML_V2 : YAML_V3};
        err *e AUTO(err_done) = yaml_parse(&a, text, options, &n);
        if (!e != !!json) fail_msg("%s: %s", scalars[i / 2].text, e ? e->message : "no error");
        if (!json) continue;
        err *none AUTO(err_done) = json_parse(&a, str_of(json), (struct json_options){0}, &want);
        assert_null(none);
        n = node_get(n, STR("v"));
        if (n->time) {
            assert_string_equal(str_z(&a, json_text(&a, n)), json);
        } else if (!means(n, want)) {
            fail_msg("%s as v%d", scalars[i / 2].text, i % 2 ? 2 : 3);
        }
    }
}

static void test_texts_styles_and_lines_are_kept(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = parsed(
        &a,
        "a: 0x1F\nb: ~\nc: 'q'\nd: \"e\"\nf: |\n  g\nh: >-\n  i\n  j\nk: [True, {l: 2001-1-2}]\n"
        "1: !x m\n2001-01-01:\n",
        (struct yaml_options){0});
    static const uint8_t styles[] = {NODE_PLAIN,   NODE_PLAIN,  NODE_SINGLE, NODE_DOUBLE,
                                     NODE_LITERAL, NODE_FOLDED, NODE_FLOW};
    for (uint32_t i = 0; i < COUNT(styles); i++)
        assert_int_equal(n->pairs[i].value->style, styles[i]);
    assert_true(str_is(node_get(n, STR("a"))->text, "0x1F"));
    assert_true(str_is(node_get(n, STR("b"))->text, "~"));
    assert_true(str_is(node_get_str(n, STR("f")), "g\n"));
    assert_true(str_is(node_get_str(n, STR("h")), "i j"));
    assert_true(str_is(node_at(node_get(n, STR("k")), 0)->text, "True"));
    assert_int_equal(node_get(n, STR("k"))->line, 10);
    assert_int_equal(n->pairs[4].line, 5);
    node *day = node_get(node_at(node_get(n, STR("k")), 1), STR("l"));
    assert_true(day->time && day->kind == NODE_STR && str_is(day->text, "2001-1-2"));
    assert_int_equal(n->pairs[7].key_kind, NODE_INT);
    assert_true(n->pairs[7].value->tagged);
    assert_true(n->pairs[8].key_time);
    node *v2 = parsed(&a, "t: 2001-1-2\n", (struct yaml_options){.dialect = YAML_V2});
    assert_false(node_get(v2, STR("t"))->time);
}

static void test_keys(void **state)
{
    (void)state;
    struct yaml_options v2 = {.dialect = YAML_V2};
    expect("yes: 1\n0x10: 2\n1.50: 3\n.inf: 4\n'5': 6\n2001-1-2: 7",
           "{\"true\":1,\"16\":2,\"1.5\":3,\".inf\":4,\"5\":6,\"2001-1-2\":7}", v2);
    arena a AUTO(arena_done) = {0};
    node *n;
    err *e AUTO(err_done) = yaml_parse(&a, STR("~: 1"), v2, &n);
    assert_string_equal(e->message, "yaml: line 1: null is not supported as a map key");
    expect("? a\n: b\n? c\n", "{\"a\":\"b\",\"c\":null}", v2);
}

static void test_repeated_keys(void **state)
{
    (void)state;
    const char *text = "a: 1\nb: 2\na: {c: 3}\n";
    expect(text, "{\"a\":1,\"b\":2,\"a\":{\"c\":3}}", (struct yaml_options){0});
    expect(text, "{\"a\":{\"c\":3},\"b\":2}", (struct yaml_options){.last_wins = true});
    arena a AUTO(arena_done) = {0};
    node *n;
    err *e AUTO(err_done) =
        yaml_parse(&a, str_of(text), (struct yaml_options){.dup_error = true}, &n);
    assert_string_equal(e->message, "yaml: unmarshal errors:\n"
                                    "  line 3: mapping key \"a\" already defined at line 1");
}

static void test_anchors_are_expanded(void **state)
{
    (void)state;
    struct yaml_options v3 = {0}, v2 = {.dialect = YAML_V2};
    expect("a: &x {b: [1]}\nc: *x\nd: [*x, *x]\n",
           "{\"a\":{\"b\":[1]},\"c\":{\"b\":[1]},\"d\":[{\"b\":[1]},{\"b\":[1]}]}", v3);
    expect("a: &x 1\nb: &x 2\nc: *x\n&k d: *k\n", "{\"a\":1,\"b\":2,\"c\":2,\"d\":\"d\"}", v3);
    expect("- &k a\n- *k : b\n", "[\"a\",{\"a\":\"b\"}]", v3);
    /* Merging: the map's own pairs win; in v2, what comes later wins. */
    const char *text =
        "base: &b {x: 1, w: 2}\nother: &o {w: 3, z: 4}\nm:\n  w: 0\n  <<: [*b, *o]\n  x: 9\n";
    expect(text,
           "{\"base\":{\"x\":1,\"w\":2},\"other\":{\"w\":3,\"z\":4},"
           "\"m\":{\"w\":0,\"z\":4,\"x\":9}}",
           v3);
    expect(text,
           "{\"base\":{\"x\":1,\"w\":2},\"other\":{\"w\":3,\"z\":4},"
           "\"m\":{\"w\":2,\"z\":4,\"x\":9}}",
           v2);
    expect("<<: {a: 1}\nb: 2\n", "{\"a\":1,\"b\":2}", v3);
    expect("'<<': {a: 1}\nb: <<\n", "{\"<<\":{\"a\":1},\"b\":\"<<\"}", v3);
    /* Nothing is merged into nothing, and what comes of it can grow. */
    arena b AUTO(arena_done) = {0};
    node *grown = parsed(&b, "<<: [{}, {}]\n", v3);
    node_set_int(&b, grown, STR("a"), 1);
    assert_string_equal(str_z(&b, json_text(&b, grown)), "{\"a\":1}");
    /* A copy is its own: a change of one leaves the other. */
    arena a AUTO(arena_done) = {0};
    node *n = parsed(&a, "a: &x {b: {c: 1}}\nd: *x\ne: {<<: *x}\n", v3);
    node_set_int(&a, node_find(n, "d", "b", NULL), STR("c"), 2);
    node_set_int(&a, node_find(n, "e", "b", NULL), STR("c"), 3);
    assert_string_equal(
        str_z(&a, json_text(&a, n)),
        "{\"a\":{\"b\":{\"c\":1}},\"d\":{\"b\":{\"c\":2}},\"e\":{\"b\":{\"c\":3}}}");
}

/* Each line holds nine of the line before: 9^levels nodes if nobody counted. */
static str laughs(arena *a, int levels)
{
    buf b = BUF(a);
    BUF_ADD(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < levels; i++) {
        buf_printf(&b, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            buf_printf(&b, "%s*a%d", j ? "," : "", i - 1);
        BUF_ADD(&b, "]\n");
    }
    return buf_str(&b);
}

static void test_aliases_are_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = NULL;
    err *none AUTO(err_done) = yaml_parse(&a, laughs(&a, 4), (struct yaml_options){0}, &n);
    assert_null(none);
    for (int levels = 5; levels < 40; levels *= 2) {
        err *e AUTO(err_done) = yaml_parse(&a, laughs(&a, levels), (struct yaml_options){0}, &n);
        assert_true(err_is(e, ERR_INVALID));
        assert_string_equal(e->message,
                            "yaml: line 5: document contains excessive aliasing: aliases "
                            "may add 10000 nodes, and 10 for each that is written");
    }
    assert_true(a.used_bytes < 16 * 1024 * 1024);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = NULL;
    buf text = BUF(&a);
    buf_fill(&text, '[', LIMIT_DOC_DEPTH);
    buf_fill(&text, ']', LIMIT_DOC_DEPTH);
    err *none AUTO(err_done) = yaml_parse(&a, buf_str(&text), (struct yaml_options){0}, &n);
    assert_null(none);
    assert_false(node_is_too_deep(n));
    buf_clear(&text);
    buf_fill(&text, '[', LIMIT_DOC_DEPTH + 1);
    buf_fill(&text, ']', LIMIT_DOC_DEPTH + 1);
    err *e AUTO(err_done) = yaml_parse(&a, buf_str(&text), (struct yaml_options){0}, &n);
    assert_string_equal(e->message, "yaml: line 1: nested deeper than the limit of 200 levels");
    /* Aliases do not get around it. */
    buf_clear(&text);
    for (int i = 0; i < 3; i++) {
        buf_printf(&text, "- &a%d ", i);
        buf_fill(&text, '[', 100);
        if (i) buf_printf(&text, "*a%d", i - 1);
        buf_fill(&text, ']', 100);
        buf_add_char(&text, '\n');
    }
    err *deep AUTO(err_done) = yaml_parse(&a, buf_str(&text), (struct yaml_options){0}, &n);
    assert_string_equal(deep->message, "yaml: line 2: nested deeper than the limit of 200 levels");
}

static void test_directives_are_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = NULL;
    buf text = BUF(&a);
    for (int i = 0; i < 50000; i++)
        buf_printf(&text, "%%TAG !t%d! x\n", i);
    BUF_ADD(&text, "---\na: 1\n");
    err *e AUTO(err_done) = yaml_parse(&a, buf_str(&text), (struct yaml_options){0}, &n);
    assert_string_equal(e->message, "yaml: more lines begin with '%' than the limit of 100");
}

/* The search for an error of the syntax behind another error has the same bounds. */
static void test_the_rest_of_a_bad_document_is_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = NULL;
    buf text = BUF(&a);
    BUF_ADD(&text, "[a]: 1\nb:\n");
    for (int i = 0; i < 200000; i++)
        BUF_ADD(&text, " [\n");
    err *e AUTO(err_done) = yaml_parse(&a, buf_str(&text), (struct yaml_options){0}, &n);
    assert_string_equal(e->message,
                        "yaml: line 1: invalid map key: a map or a list cannot be a key");
}

static void test_documents(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node **all = NULL, *n = NULL;
    size_t count = 0;
    str text = STR("# nothing\n---\n---\na: &x 1\n---\nnull\n---\n# c\n---\n- b\n...\n---\n{}\n");
    err *e AUTO(err_done) = yaml_parse_all(&a, text, (struct yaml_options){0}, &all, &count);
    assert_null(e);
    assert_int_equal(count, 3);
    assert_int_equal(all[1]->kind, NODE_LIST);
    static const char *const empty[] = {"", "\n", "# c\n", "---\n", "--- # c\n...\nx: y"};
    for (size_t i = 0; i < COUNT(empty); i++) {
        err *none AUTO(err_done) = yaml_parse(&a, str_of(empty[i]), (struct yaml_options){0}, &n);
        assert_null(none);
        assert_int_equal(n->kind, NODE_NULL);
    }
    /* An anchor belongs to its document. */
    err *unknown AUTO(err_done) =
        yaml_parse_all(&a, STR("a: &x 1\n---\nb: *x\n"), (struct yaml_options){0}, &all, &count);
    assert_string_equal(unknown->message, "yaml: unknown anchor 'x' referenced");
    expect("{\"a\": [1, true, null, \"\\u00e9\"]}", "{\"a\":[1,true,null,\"\xc3\xa9\"]}",
           (struct yaml_options){0});
    expect("\xef\xbb\xbf"
           "a: 1\r\nb: 2\r\n",
           "{\"a\":1,\"b\":2}", (struct yaml_options){0});
}

/* That both ways make the same tree is for tests/fuzz/yaml_block.c; here, which texts go which. */
static void test_what_is_read_without_libyaml(void **state)
{
    (void)state;
    static const char *const read[] = {
        "---\na: b # c\n\n# d\ne:\nf: {}\n",
        "a:\n- b: 'c'\n  d:\n    - \"e\"\n    - -1\n-  f/g.h: i:j#k\nl: []",
    };
    static const char *const left[] = {
        "",          "a",        "- a",         "a: |\n b",      "a: b\n c",      "a: \"\\n\"",
        "a: 'b''c'", "a: &b c",  "a: {b: c}",   "a: b\n---\nc:", "a:\n  b:\n c:", "a: \tb",
        "a: b: c",   "1: a",     "a: b\n...\n", "\"a\": b",      "a:\n- - b",     "a: \xc3\xa9",
        "? a",       "a: b\r\n", "a: \"b\"c",   "a: - b",        "a:\n-\n  b: c", "a: !!str b",
    };
    arena a AUTO(arena_done) = {0};
    node *n;
    for (size_t i = 0; i < COUNT(read); i++)
        assert_true(yaml_block_read(&a, str_of(read[i]), (struct yaml_options){0}, &n));
    for (size_t i = 0; i < COUNT(left); i++) {
        if (yaml_block_read(&a, str_of(left[i]), (struct yaml_options){0}, &n)) fail_msg("%zu", i);
    }
    str twins = STR("a: b\na: c\n");
    assert_true(yaml_block_read(&a, twins, (struct yaml_options){0}, &n));
    assert_false(yaml_block_read(&a, twins, (struct yaml_options){.dup_error = true}, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_texts_styles_and_lines_are_kept),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_repeated_keys),
        cmocka_unit_test(test_anchors_are_expanded),
        cmocka_unit_test(test_aliases_are_bounded),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_directives_are_bounded),
        cmocka_unit_test(test_the_rest_of_a_bad_document_is_bounded),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_what_is_read_without_libyaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
