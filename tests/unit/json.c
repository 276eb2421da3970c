/* json: the reader's errors first, then values, then the writer against Go's encoder. */
#include "doc/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text, *message;
} errors[] = {
    {"", "json: line 1, column 1: unexpected end of the text"},
    {"  \n ", "json: line 2, column 2: unexpected end of the text"},
    {"{", "json: line 1, column 2: unexpected end of the text"},
    {"{\"a\"", "json: line 1, column 5: unexpected end of the text"},
    {"{\"a\":", "json: line 1, column 6: unexpected end of the text"},
    {"{\"a\":1", "json: line 1, column 7: unexpected end of the text"},
    {"\"abc", "json: line 1, column 5: unexpected end of the text"},
    {"\"abc\\", "json: line 1, column 6: unexpected end of the text"},
    {"{a:1}", "json: line 1, column 2: expected a key in double quotes"},
    {"{\"a\":1,}", "json: line 1, column 8: expected a key in double quotes"},
    {"{\"a\" 1}", "json: line 1, column 6: expected ':'"},
    {"{\"a\":1;}", "json: line 1, column 7: expected ',' or '}'"},
    {"[1,]", "json: line 1, column 4: expected a value"},
    {"[1\n 2]", "json: line 2, column 2: expected ',' or ']'"},
    {"[1] 2", "json: line 1, column 5: unexpected text after the value"},
    {"nul", "json: line 1, column 1: expected a value"},
    {"nulls", "json: line 1, column 5: unexpected text after the value"},
    {"// c\n1", "json: line 1, column 1: expected a value"},
    {"01", "json: line 1, column 1: not a number"},
    {"-", "json: line 1, column 1: not a number"},
    {"1.", "json: line 1, column 1: not a number"},
    {"[1,.5]", "json: line 1, column 4: expected a value"},
    {"1e", "json: line 1, column 1: not a number"},
    {"+1", "json: line 1, column 1: expected a value"},
    {"\"a\tb\"", "json: line 1, column 3: control character in a string"},
    {"\"a\\x\"", "json: line 1, column 3: unknown escape in a string"},
    {"\"\\u12g4\"", "json: line 1, column 2: unknown escape in a string"},
    {"\"\\u12", "json: line 1, column 2: unknown escape in a string"},
    {"{\"a\":1,\n\"\\u0061\":2}", "json: line 2: a key is repeated, first on line 1"},
    {"\xef\xbb\xbf{}", "json: line 1, column 1: expected a value"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        arena a AUTO(arena_done) = {0};
        node *n = NULL;
        err *e AUTO(err_done) =
            json_parse(&a, str_of(errors[i].text), (struct json_options){0}, &n);
        assert_null(n);
        if (!e) fail_msg("no error: %s", errors[i].text);
        assert_string_equal(e->message, errors[i].message);
        assert_int_equal(e->kind, ERR_INVALID);
    }
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    for (int levels = LIMIT_DOC_DEPTH; levels <= 100000; levels += 99800) {
        buf text = BUF(&a);
        for (int i = 0; i < levels; i++)
            buf_add(&text, i % 2 ? STR("[") : STR("{\"k\":"));
        BUF_ADD(&text, "1");
        for (int i = levels - 1; i >= 0; i--)
            buf_add_char(&text, i % 2 ? ']' : '}');
        node *n = NULL;
        err *e AUTO(err_done) = json_parse(&a, buf_str(&text), (struct json_options){0}, &n);
        if (levels == LIMIT_DOC_DEPTH) {
            assert_null(e);
            assert_false(node_is_too_deep(n));
        } else {
            assert_string_equal(e->message,
                                "json: line 1: nested deeper than the limit of 200 levels");
        }
    }
    node *n = NULL;
    err *e AUTO(err_done) = json_parse(&a, STR("[[]]"), (struct json_options){.depth_max = 1}, &n);
    assert_true(err_is(e, ERR_INVALID));
}

static const struct {
    const char *text, *out, *html;
} values[] = {
    {" { } ", "{}", NULL},
    {"[ ]", "[]", NULL},
    {"[1,-2.50,1e+5 , 1E5,0,-0]", "[1,-2.50,1e+5,1E5,0,-0]", NULL},
    {"{\"b\":[true,false,null],\"a\":{}}", "{\"b\":[true,false,null],\"a\":{}}", NULL},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\"", NULL},
    {"\"<>&\"", "\"<>&\"", "\"\\u003c\\u003e\\u0026\""},
    {"\"\\u2028\\u2029\\u2027\"", "\"\\u2028\\u2029\xe2\x80\xa7\"", NULL},
    {"\"\\u00e9\\ud83d\\ude00\x7f\"", "\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"", NULL},
    {"\"\\ud800\\u0041\"", "\"\xef\xbf\xbd\x41\"", NULL},
    {"\"\\udc00\\ud800\"", "\"\xef\xbf\xbd\xef\xbf\xbd\"", NULL},
    {"\"\\ud800\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"", NULL},
    {"\"a\xff\xc3(\"", "\"a\xef\xbf\xbd\xef\xbf\xbd(\"", NULL},
    {"\"\\u0000\"", "\"\\u0000\"", NULL},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values) * 2; i++) {
        arena a AUTO(arena_done) = {0};
        node *n = NULL;
        str text = str_of(values[i / 2].text);
        err *e AUTO(err_done) = json_parse(&a, text, (struct json_options){.borrow = i % 2}, &n);
        if (e) fail_msg("%s: %s", values[i / 2].text, e->message);
        assert_string_equal(str_z(&a, json_text(&a, n)), values[i / 2].out);
        buf html = BUF(&a);
        json_write(&html, n, (struct json_style){.html = true});
        const char *want = values[i / 2].html ? values[i / 2].html : values[i / 2].out;
        assert_string_equal(str_z(&a, buf_str(&html)), want);
    }
}

static void test_kinds_lines_and_borrowing(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str text = STR("{\"i\": 1,\n\"f\": 1.0,\n\n \"s\": \"plain\",\n\"l\": [\n1]}");
    node *n = NULL;
    err *e AUTO(err_done) = json_parse(&a, text, (struct json_options){.borrow = true}, &n);
    assert_null(e);
    assert_int_equal(node_get(n, STR("i"))->kind, NODE_INT);
    assert_int_equal(node_get(n, STR("f"))->kind, NODE_FLOAT);
    assert_int_equal(node_get(n, STR("s"))->line, 4);
    assert_int_equal(node_at(node_get(n, STR("l")), 0)->line, 6);
    assert_int_equal(n->pairs[1].line, 2);
    const char *inside = node_get_str(n, STR("s")).data;
    assert_true(inside > text.data && inside < text.data + text.len);
}

static void test_last_wins(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = NULL;
    err *e AUTO(err_done) = json_parse(&a, STR("{\"a\":1,\"b\":2,\"a\":{\"c\":3}}"),
                                       (struct json_options){.last_wins = true}, &n);
    assert_null(e);
    assert_string_equal(str_z(&a, json_text(&a, n)), "{\"a\":{\"c\":3},\"b\":2}");
}

static void test_styles(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = NULL;
    err *e AUTO(err_done) = json_parse(&a, STR("{\"b\":[1,{}],\"a\":{\"z\":\"<\",\"y\":[]}}"),
                                       (struct json_options){0}, &n);
    assert_null(e);
    buf b = BUF(&a);
    json_write(&b, n, (struct json_style){.sorted = true, .indent = 2});
    assert_string_equal(str_z(&a, buf_str(&b)),
                        "{\n  \"a\": {\n    \"y\": [],\n    \"z\": \"<\"\n  },\n"
                        "  \"b\": [\n    1,\n    {}\n  ]\n}");
    assert_true(str_is(n->pairs[0].key, "b"));
}

static void test_texts_of_yaml(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    static const struct {
        enum node_kind kind;
        const char *text, *json;
    } rows[] = {
        {NODE_INT, "0x1F", "31"},
        {NODE_INT, "-0b11", "-3"},
        {NODE_FLOAT, ".5", "0.5"},
        {NODE_FLOAT, "5.", "5"},
        {NODE_FLOAT, ".inf", "null"},
        {NODE_FLOAT, ".nan", "null"},
        {NODE_FLOAT, "+1.5e+9", "1500000000"},
        {NODE_BOOL, "True", "true"},
        {NODE_BOOL, "off", "false"},
        {NODE_NULL, "~", "null"},
        {NODE_INT, "12345678901234567890123", "12345678901234567890123"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        node *n = node_scalar(&a, rows[i].kind, str_of(rows[i].text));
        assert_string_equal(str_z(&a, json_text(&a, n)), rows[i].json);
    }
    node *moment = node_str(&a, STR("2001-1-2"));
    moment->time = true;
    assert_string_equal(str_z(&a, json_text(&a, moment)), "\"2001-01-02T00:00:00Z\"");
    assert_string_equal(str_z(&a, json_text(&a, NULL)), "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_values),        cmocka_unit_test(test_kinds_lines_and_borrowing),
        cmocka_unit_test(test_last_wins),     cmocka_unit_test(test_styles),
        cmocka_unit_test(test_texts_of_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
