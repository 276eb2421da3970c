/* doc: trees, their values, repeated keys. */
#include "doc/doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "doc/json.h"

static node *parsed(arena *a, const char *text)
{
    node *n = NULL;
    err *e AUTO(err_done) =
        json_parse(a, str_of(text), (struct json_options){.last_wins = true}, &n);
    if (e) fail_msg("%s: %s", text, e->message);
    return n;
}

static void expect_json(arena *a, const node *n, const char *text)
{
    assert_string_equal(str_z(a, json_text(a, n)), text);
}

static void test_null_reads_as_nothing(void **state)
{
    (void)state;
    int64_t i;
    double d;
    bool b;
    str s;
    assert_null(node_get(NULL, STR("a")));
    assert_null(node_at(NULL, 0));
    assert_null(node_find(NULL, "a", "b", NULL));
    assert_int_equal(node_get_str(NULL, STR("a")).len, 0);
    assert_int_equal(node_find_str(NULL, "a", NULL).len, 0);
    assert_true(node_get_bool(NULL, STR("a"), true));
    assert_int_equal(node_get_int(NULL, STR("a"), 7), 7);
    assert_false(node_to_int(NULL, &i) || node_to_double(NULL, &d) || node_to_bool(NULL, &b));
    assert_false(node_to_str(NULL, &s) || node_is_map(NULL) || node_is_list(NULL));
    assert_false(node_is_scalar(NULL) || node_is_too_deep(NULL) || node_unset(NULL, STR("a")));
    assert_true(node_is_null(NULL) && node_equal(NULL, NULL));
    assert_string_equal(node_kind_name(NULL), "null");
    node *nothing = NULL;
    NODE_EACH (nothing, item)
        fail_msg("an item of nothing: %p", (void *)item);
    PAIR_EACH (nothing, pair)
        fail_msg("a pair of nothing: %p", (void *)pair);
    doc_unref(NULL);
}

static void test_changes_keep_the_order(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *map = node_map(&a), *list = node_list(&a);
    node_set_str(&a, map, STR("z"), STR("1"));
    node_set_int(&a, map, STR("a"), -5);
    node_set_bool(&a, map, STR("m"), true);
    node_set(&a, map, STR("l"), list);
    node_set_str(&a, map, STR("z"), STR("2"));
    for (int i = 0; i < 6; i++)
        node_push(&a, list, node_int(&a, i));
    node_remove_at(list, 0);
    node_insert_at(&a, list, 5, node_null(&a));
    node_insert_at(&a, list, 0, node_map(&a));
    expect_json(&a, map, "{\"z\":\"2\",\"a\":-5,\"m\":true,\"l\":[{},1,2,3,4,5,null]}");
    assert_true(node_unset(map, STR("a")));
    assert_false(node_unset(map, STR("a")));
    expect_json(&a, map, "{\"z\":\"2\",\"m\":true,\"l\":[{},1,2,3,4,5,null]}");
}

static void test_make_map(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *map = parsed(&a, "{\"null\":null,\"map\":{\"k\":1},\"text\":\"t\"}");
    node_set_int(&a, node_make_map(&a, map, STR("null")), STR("x"), 1);
    node_set_int(&a, node_make_map(&a, map, STR("map")), STR("x"), 1);
    node_set_int(&a, node_make_map(&a, map, STR("new")), STR("x"), 1);
    assert_null(node_make_map(&a, map, STR("text")));
    assert_null(node_make_map(&a, node_list(&a), STR("text")));
    expect_json(&a, map,
                "{\"null\":{\"x\":1},\"map\":{\"k\":1,\"x\":1},\"text\":\"t\",\"new\":{\"x\":1}}");
}

static void test_copies_are_apart(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *tree = parsed(&a, "{\"a\":{\"b\":[1,{\"c\":\"text\"}]}}");
    node *deep = doc_copy(&a, tree), *top = doc_copy_top(&a, tree);
    node_set_int(&a, node_find(deep, "a", NULL), STR("new"), 1);
    node_push(&a, node_find(deep, "a", "b", NULL), node_null(&a));
    node_set_int(&a, top, STR("top"), 1);
    expect_json(&a, tree, "{\"a\":{\"b\":[1,{\"c\":\"text\"}]}}");
    expect_json(&a, deep, "{\"a\":{\"b\":[1,{\"c\":\"text\"},null],\"new\":1}}");
    expect_json(&a, top, "{\"a\":{\"b\":[1,{\"c\":\"text\"}]},\"top\":1}");
    assert_ptr_equal(node_get(top, STR("a")), node_get(tree, STR("a")));
    str text = node_get_str(node_at(node_find(doc_copy(&a, tree), "a", "b", NULL), 1), STR("c"));
    assert_ptr_not_equal(text.data,
                         node_get_str(node_at(node_find(tree, "a", "b", NULL), 1), STR("c")).data);
}

static void test_a_doc_outlives_its_parse(void **state)
{
    (void)state;
    doc *d = doc_new();
    d->root = parsed(&d->arena, "{\"a\":[1,2,3]}");
    doc *again AUTO(doc_unref_done) = doc_ref(d);
    doc_unref(d);
    assert_int_equal(node_find(again->root, "a", NULL)->count, 3);
}

static void test_scalars(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n =
        parsed(&a, "{\"i\":-12,\"f\":2.50e1,\"half\":0.5,\"big\":9223372036854775808,\"b\":true,"
                   "\"s\":\"12\",\"z\":null}");
    int64_t i = 0;
    double d = 0;
    assert_int_equal(node_get_int(n, STR("i"), 0), -12);
    assert_int_equal(node_get_int(n, STR("f"), 0), 25);
    assert_int_equal(node_get_int(n, STR("s"), 3), 3);
    assert_false(node_to_int(node_get(n, STR("half")), &i));
    assert_false(node_to_int(node_get(n, STR("big")), &i));
    assert_true(node_to_double(node_get(n, STR("big")), &d) && d == 9223372036854775808.0);
    assert_true(node_get_bool(n, STR("b"), false));
    assert_string_equal(node_kind_name(node_get(n, STR("f"))), "number");
    assert_true(node_is_null(node_get(n, STR("z"))));
}

/* Each line: values that are all equal to each other, and to none of another line. */
static const char *const classes[][6] = {
    {"1", "1.0", "1e0", "10e-1", "0.1e1", "100000000000000000000e-20"},
    {"-1", "-1.00"},
    {"0", "-0", "0.0", "0e99", "-0.0e-5"},
    {"9007199254740993", "9007199254740993.0", "9.007199254740993e15"},
    {"9007199254740992", "9007199254740992e0"},
    {"123456789012345678901234567890", "12345678901234567890123456789e1"},
    {"123456789012345678901234567891"},
    {"1e400", "10e399"},
    {"1e-400"},
    {"\"1\""},
    {"\"\""},
    {"null"},
    {"true"},
    {"false"},
    {"[]"},
    {"{}"},
    {"[1,2]", "[1.0,2e0]"},
    {"[2,1]"},
    {"{\"a\":1,\"b\":null}", "{\"b\":null,\"a\":1.0}"},
    {"{\"a\":1}"},
    {"{\"a\":1,\"c\":null}"},
    {"{\"a\":null,\"b\":1}"},
};

static void test_equality_is_by_value(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(classes) * 6; i++) {
        const char *left = classes[i / 6][i % 6];
        if (!left) continue;
        node *x = parsed(&a, left);
        for (size_t j = 0; j < COUNT(classes) * 6; j++) {
            const char *right = classes[j / 6][j % 6];
            if (!right) continue;
            node *y = parsed(&a, right);
            if (node_equal(x, y) != (i / 6 == j / 6)) fail_msg("node_equal(%s, %s)", left, right);
            if ((node_hash(x) == node_hash(y)) != (i / 6 == j / 6)) {
                fail_msg("node_hash of %s and %s", left, right);
            }
        }
    }
}

static void test_yaml_numbers(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    static const struct {
        enum node_kind kind;
        const char *text;
        int64_t value;
    } rows[] = {
        {NODE_INT, "0x1F", 31},    {NODE_INT, "-0X1f", -31},  {NODE_INT, "0o17", 15},
        {NODE_INT, "010", 8},      {NODE_FLOAT, "010", 10},   {NODE_FLOAT, "08", 8},
        {NODE_INT, "0b101", 5},    {NODE_INT, "1_000", 1000}, {NODE_INT, "+7", 7},
        {NODE_FLOAT, "1_0.0", 10}, {NODE_FLOAT, "5.", 5},     {NODE_FLOAT, "+1.e2", 100},
        {NODE_FLOAT, ".1e1", 1},   {NODE_INT, "0", 0},        {NODE_INT, "0x8_0", 128},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        node *n = node_scalar(&a, rows[i].kind, str_of(rows[i].text));
        int64_t value = -99;
        if (!node_to_int(n, &value) || value != rows[i].value) fail_msg("%s", rows[i].text);
        assert_true(node_equal(n, node_int(&a, rows[i].value)));
        assert_true(node_hash(n) == node_hash(node_int(&a, rows[i].value)));
    }
    double d;
    assert_true(node_to_double(node_scalar(&a, NODE_FLOAT, STR("-.Inf")), &d) && d < -1e308);
    assert_true(node_to_double(node_scalar(&a, NODE_FLOAT, STR(".nan")), &d) && d != d);
}

static node *wide_map(arena *a, int count, int step)
{
    node *map = node_map(a);
    for (int i = 0; i < count; i++) {
        int key = i * step % count;
        node_add_pair(a, map, str_printf(a, "key%d", key), node_int(a, key));
    }
    return map;
}

static void test_repeated_keys(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    uint32_t first, second;
    for (int count = 3; count < 200000; count *= 7) {
        node *map = wide_map(&a, count, 1);
        assert_false(node_find_twins(&a, map, &first, &second));
        node_add_pair(&a, map, STR("key1"), node_str(&a, STR("last")));
        assert_true(node_find_twins(&a, map, &first, &second));
        assert_int_equal(first, 1);
        assert_int_equal(second, count);
        node_keep_last(&a, map);
        assert_int_equal(map->count, count);
        assert_true(str_is(map->pairs[1].value->text, "last"));
        assert_true(str_is(map->pairs[2].key, "key2"));
    }
    assert_false(node_find_twins(&a, NULL, &first, &second));
}

static void test_wide_maps_compare_in_any_order(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *x = wide_map(&a, 100003, 1), *y = wide_map(&a, 100003, 1001);
    assert_true(node_equal(x, y));
    assert_true(node_hash(x) == node_hash(y));
    y->pairs[99].value = node_null(&a);
    assert_false(node_equal(x, y));
}

static void test_depth(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = node_list(&a);
    for (int i = 1; i < LIMIT_DOC_DEPTH; i++) {
        node *outer = node_list(&a);
        node_push(&a, outer, n);
        n = outer;
    }
    assert_false(node_is_too_deep(n));
    node *outer = node_map(&a);
    node_set(&a, outer, STR("k"), n);
    assert_true(node_is_too_deep(outer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_reads_as_nothing),
        cmocka_unit_test(test_changes_keep_the_order),
        cmocka_unit_test(test_make_map),
        cmocka_unit_test(test_copies_are_apart),
        cmocka_unit_test(test_a_doc_outlives_its_parse),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_equality_is_by_value),
        cmocka_unit_test(test_yaml_numbers),
        cmocka_unit_test(test_repeated_keys),
        cmocka_unit_test(test_wide_maps_compare_in_any_order),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
