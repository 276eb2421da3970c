/* diff: paths, limits, and what must not be shown. */
#include "doc/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"
#include "doc/yaml.h"

static node *parsed(arena *a, const char *text)
{
    node *n = NULL;
    err *e AUTO(err_done) = yaml_parse(a, str_of(text), (struct yaml_options){0}, &n);
    if (e) fail_msg("%s: %s", text, e->message);
    return n;
}

static const struct {
    const char *before, *after, *text;
} rows[] = {
    {"a: 1", "a: 1.0", ""},
    {"{a: 1, b: 2}", "{b: 2, a: 1}", ""},
    {"a: {b: 1}", "a: {b: 2}", "  ± a.b\n    - 1\n    + 2\n"},
    {"a: 1", "{}", "  ± a\n    - 1\n"},
    {"{}", "a: [1]", "  ± a\n    + [1]\n"},
    {"a: null", "{}", "  ± a\n    - null\n"},
    {"a: {b: 1}", "a: [1]", "  ± a\n    - {\"b\":1}\n    + [1]\n"},
    {"a: [1, 2, 3]", "a: [1, 3]", "  ± a[1]\n    - 2\n    + 3\n  ± a[2]\n    - 3\n"},
    {"l: [{name: a, v: 1}, {name: b, v: 2}]", "l: [{name: b, v: 3}, {name: a, v: 1}, {name: c}]",
     "  ± l[name=b].v\n    - 2\n    + 3\n  ± l[name=c]\n    + {\"name\":\"c\"}\n"},
    {"l: [{name: a, v: 1}, {name: a, v: 2}]", "l: [{name: a, v: 1}, {name: b, v: 2}]",
     "  ± l[1].name\n    - \"a\"\n    + \"b\"\n"},
    {"m: {labels: {app.kubernetes.io/name: x, '': y}}", "m: {labels: {}}",
     "  ± m.labels.\"app.kubernetes.io/name\"\n    - \"x\"\n  ± m.labels.\"\"\n    - \"y\"\n"},
    {"1", "'1'", "  ± \n    - 1\n    + \"1\"\n"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct diff diff;
        buf b = BUF(&a);
        diff_nodes(&a, parsed(&a, rows[i].before), parsed(&a, rows[i].after), 100, &diff);
        diff_write(&b, &diff);
        assert_string_equal(str_z(&a, buf_str(&b)), rows[i].text);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct diff diff;
    diff_nodes(&a, NULL, NULL, 10, &diff);
    assert_int_equal(diff.count, 0);
    diff_nodes(&a, NULL, parsed(&a, "a: 1"), 10, &diff);
    assert_int_equal(diff.count, 1);
    assert_null(diff.entries[0].before);
    node *none = NULL, *nobody = NULL;
    diff_mask_secrets(&a, &none, &nobody);
    assert_null(none);
    assert_true(str_is(diff_value(&a, NULL, 10), "(nothing)"));
}

static node *wide(arena *a, int count, const char *value)
{
    node *map = node_map(a);
    for (int i = 0; i < count; i++) {
        node_add_pair(a, map, str_printf(a, "k%d", i), node_str(a, str_of(value)));
    }
    return map;
}

static void test_the_limit_counts_what_is_left_out(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct diff diff;
    diff_nodes(&a, wide(&a, 100000, "x"), wide(&a, 100001, "y"), 3, &diff);
    assert_int_equal(diff.count, 3);
    assert_int_equal(diff.left_out, 99998);
    buf b = BUF(&a);
    diff_write(&b, &diff);
    assert_true(str_ends(buf_str(&b), STR("  ... and 99998 more fields\n")));
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str text = diff_value(&a, node_str(&a, STR("\xc3\xa9\xc3\xa9\xc3\xa9")), 4);
    assert_true(str_is(text, "\"\xc3\xa9..."));
}

static void test_secrets_do_not_show(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    const char *form =
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n"
        "    a: b\n    kubectl.kubernetes.io/last-applied-configuration: hidden%d\n"
        "data: {same: hidden0, other: hidden%d, %s: hidden3}\nstringData: {t: hidden%d}\n";
    node *before = parsed(&a, str_z(&a, str_printf(&a, form, 1, 1, "gone", 1)));
    node *after = parsed(&a, str_z(&a, str_printf(&a, form, 2, 2, "come", 2))), *old = before;
    diff_mask_secrets(&a, &before, &after);
    struct diff diff;
    buf b = BUF(&a);
    diff_nodes(&a, before, after, 100, &diff);
    diff_write(&b, &diff);
    assert_string_equal(str_z(&a, buf_str(&b)),
                        "  ± data.other\n    - \"*** (before)\"\n    + \"*** (after)\"\n"
                        "  ± data.gone\n    - \"***\"\n  ± data.come\n    + \"***\"\n"
                        "  ± stringData.t\n    - \"*** (before)\"\n    + \"*** (after)\"\n");
    assert_int_equal(str_find(json_text(&a, before), STR("hidden")), -1);
    assert_int_equal(str_find(json_text(&a, after), STR("hidden")), -1);
    assert_true(str_find(json_text(&a, old), STR("hidden")) >= 0);
    /* A value of a form that no Secret should have shows no more than the others. */
    node *odd = parsed(&a, "{apiVersion: v1, kind: Secret, data: hidden, stringData: [hidden]}");
    node *none = NULL;
    diff_mask_secrets(&a, &none, &odd);
    assert_int_equal(str_find(json_text(&a, odd), STR("hidden")), -1);
}

static void test_desired_part(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = parsed(
        &a, "{kind: A, metadata: {name: n, uid: u, labels: {a: b}}, status: {c: d}, spec: 1}");
    assert_string_equal(
        str_z(&a, json_text(&a, diff_desired_part(&a, n))),
        "{\"kind\":\"A\",\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":\"b\"}},\"spec\":1}");
    assert_null(diff_desired_part(&a, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_the_limit_counts_what_is_left_out),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_secrets_do_not_show),
        cmocka_unit_test(test_desired_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
