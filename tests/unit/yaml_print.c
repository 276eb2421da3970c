#include "doc/yaml_print.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/yaml.h"

static void check(const char *text, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *root = NULL;
    err *e AUTO(err_done) =
        yaml_parse(&a, str_of(text), (struct yaml_options){.dialect = YAML_V3}, &root);
    if (e) fail_msg("%s: %s", text, e->message);
    buf b = BUF(&a);
    yaml_print(&b, root);
    assert_string_equal(str_z(&a, buf_str(&b)), expected);
}

static void test_nothing(void **state)
{
    (void)state;
    buf b AUTO(buf_done) = {0};
    yaml_print(&b, NULL);
    assert_int_equal(b.len, 0);
}

static void test_bytes_that_are_no_utf8_end_the_text(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    yaml_print(&b, node_str(&a, STR("\xff")));
    assert_true(str_valid_utf8(buf_str(&b)));
}

static void test_styles_stay(void **state)
{
    (void)state;
    check("b: {z: 1, a: [x, \"y\"]}\na:\n- 'q'\n- - 1\n  - 2\n",
          "b: {z: 1, a: [x, \"y\"]}\na:\n- 'q'\n- - 1\n  - 2\n");
    check("a: |\n  x\n  y\nb: >-\n  x\n\nc:\n    d: ~\n",
          "a: |\n  x\n  y\nb: >-\n  x\nc:\n  d: ~\n");
    check("[]", "[]\n");
    check("'x'", "'x'\n");
}

static void test_long_lines_stay_whole(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    BUF_ADD(&b, "a:");
    for (int i = 0; i < 60; i++) BUF_ADD(&b, " word");
    BUF_ADD(&b, "\n");
    char *text = str_z(&a, buf_str(&b));
    check(text, text);
}

static void check_scalar(enum node_kind kind, enum node_style style, const char *text,
                         const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *n = node_scalar(&a, kind, str_of(text));
    n->style = style;
    buf b = BUF(&a);
    yaml_print(&b, n);
    assert_string_equal(str_z(&a, buf_str(&b)), expected);
}

static void test_the_kind_survives(void **state)
{
    (void)state;
    check_scalar(NODE_STR, NODE_PLAIN, "8080", "\"8080\"\n");
    check_scalar(NODE_STR, NODE_PLAIN, "2001-12-14", "\"2001-12-14\"\n");
    check_scalar(NODE_STR, NODE_PLAIN, "", "\"\"\n");
    check_scalar(NODE_STR, NODE_PLAIN, "yes", "yes\n");
    check_scalar(NODE_STR, NODE_PLAIN, "a\nb", "|-\n  a\n  b\n");
    check_scalar(NODE_STR, NODE_PLAIN, "a: b", "'a: b'\n");
    check_scalar(NODE_INT, NODE_PLAIN, "8080", "8080\n");
    check_scalar(NODE_INT, NODE_PLAIN, "abc", "!!int abc\n");
    check_scalar(NODE_INT, NODE_DOUBLE, "5", "!!int \"5\"\n");
    check("2001-12-14", "2001-12-14\n");

    arena a AUTO(arena_done) = {0};
    node *day = node_str(&a, STR("x"));
    day->time = true;
    buf b = BUF(&a);
    yaml_print(&b, day);
    assert_string_equal(str_z(&a, buf_str(&b)), "!!timestamp x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_bytes_that_are_no_utf8_end_the_text),
        cmocka_unit_test(test_styles_stay),
        cmocka_unit_test(test_long_lines_stay_whole),
        cmocka_unit_test(test_the_kind_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
