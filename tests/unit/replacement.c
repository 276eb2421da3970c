#include "render/replacement.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/yaml.h"
#include "doc/yaml_print.h"
#include "render/scalar.h"

static node *parsed(arena *a, const char *text)
{
    node *root = NULL;
    err *e AUTO(err_done) =
        yaml_parse(a, str_of(text), (struct yaml_options){.dialect = YAML_V3}, &root);
    if (e) fail_msg("%s: %s", text, e->message);
    return root;
}

/* The object after the value was written to the path, or the error. */
static void check_set(const char *object, const char *path, struct replacement_options options,
                      const char *value, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *root = parsed(&a, object);
    err *e AUTO(err_done) = replacement_set(&a, root, str_of(path), options, parsed(&a, value));
    buf b = BUF(&a);
    yaml_print(&b, root);
    assert_string_equal(e ? e->message : str_z(&a, buf_str(&b)), expected);
}

#define NONE   ((struct replacement_options){0})
#define CREATE ((struct replacement_options){.create = true})
#define PIECE(delimiter_, index_)                                                                  \
    ((struct replacement_options){.delimiter = STR(delimiter_), .index = (index_)})

static void test_missing_targets(void **state)
{
    (void)state;
    check_set("{a: {b: 1}}", "a.c", NONE, "x",
              "unable to find field \"a.c\" in replacement target");
    check_set("{a: [1]}", "a.3", NONE, "x",
              "unable to find field \"a.3\" in replacement target: index 3 specified but only 1 "
              "elements found");
    check_set("{a: []}", "a.3", CREATE, "x",
              "unable to find or create field \"a.3\" in replacement target: index 3 specified but "
              "only 0 elements found");
    check_set("{a: [1]}", "a.-", NONE, "x",
              "unable to find field \"a.-\" in replacement target: wrong node kind: expected "
              "MappingNode but got SequenceNode: node contents:\n[1]\n");
    check_set("{a: {b: 1}}", "a.b.c", NONE, "x",
              "unable to find field \"a.b.c\" in replacement target: wrong node kind: expected "
              "MappingNode but got ScalarNode: node contents:\n1\n");
    check_set("{a: \"\"}", "a.b", CREATE, "x",
              "unable to find or create field \"a.b\" in replacement target: wrong node kind: "
              "expected MappingNode but got : node contents:\nnull\n");
    check_set("{a: [{n: x}]}", "a.[n=(].b", NONE, "x",
              "unable to find field \"a.[n=(].b\" in replacement target: error parsing regexp: "
              "missing closing ): `(`");
    check_set(
        "{a: [x]}", "a.[x]", NONE, "x",
        "unable to find field \"a.[x]\" in replacement target: list path element must contain "
        "fieldName=fieldValue for element to match");
    check_set("{a: []}", "a.[n=^x$y].b", CREATE, "x",
              "unable to find or create field \"a.[n=^x$y].b\" in replacement target");
}

static void test_secrets_stay_secret(void **state)
{
    (void)state;
    check_set("{kind: Secret, data: {password: hunter2}}", "data.password.x", NONE, "x",
              "unable to find field \"data.password.x\" in replacement target: wrong node kind: "
              "expected MappingNode but got ScalarNode: node contents:\n***");
}

static void test_scalars_keep_kind_and_quotes(void **state)
{
    (void)state;
    check_set("{a: x}", "a", NONE, "8080", "{a: \"8080\"}\n");
    check_set("{a: 'x'}", "a", NONE, "8080", "{a: '8080'}\n");
    check_set("{a: 1}", "a", NONE, "\"8080\"", "{a: 8080}\n");
    check_set("{a: {b: 1}}", "a", NONE, "'x'", "{a: 'x'}\n");
    check_set("{a: 1}", "a", NONE, "{x: y}", "{a: !!int ''}\n");
    check_set("{metadata: {name: a}}", "", NONE, "b", "{metadata: {name: b}}\n");
}

static void test_collections_are_copied(void **state)
{
    (void)state;
    check_set("{a: {b: 1}}", "a", NONE, "[x, y]", "{a: [x, y]}\n");
    check_set("{a: [{}, {}]}", "a.*", NONE, "{x: 1}", "{a: [{x: 1}, {x: 1}]}\n");
}

static void test_create(void **state)
{
    (void)state;
    check_set("{}", "a.b.c", CREATE, "8080", "{a: {b: {c: 8080}}}\n");
    check_set("{}", "a.b", CREATE, "{x: y}", "{a: {b: {x: y}}}\n");
    check_set("{}", "a.0.b", CREATE, "x", "{a: [{b: x}]}\n");
    check_set("{a: [1]}", "a.1", CREATE, "x", "{a: [1, x]}\n");
    check_set("{a: [{n: p}]}", "a.[n=q].v", CREATE, "x", "{a: [{n: p}, {n: q, v: x}]}\n");
    check_set("{a: [p]}", "a.[=q]", CREATE, "x", "{a: [p, x]}\n");
    check_set("{a: null}", "a.b", CREATE, "x", "{a: null}\n"); /* compat: in vain */
}

static void test_select(void **state)
{
    (void)state;
    /* compat: an expression for any part of the YAML text, quotes included. */
    check_set("[{n: app, v: 1}, {n: my-app-2, v: 1}, {n: x, v: 1}]", "[n=app].v", NONE, "2",
              "[{n: app, v: 2}, {n: my-app-2, v: 2}, {n: x, v: 1}]\n");
    check_set("[{n: app, v: 1}, {n: \"app\", v: 1}]", "[n=^app$].v", NONE, "2",
              "[{n: app, v: 2}, {n: \"app\", v: 1}]\n");
    check_set("[a, ab, c]", "[=a].ignored", NONE, "x", "[x, x, c]\n");
    check_set("[{n: p}, {n: q, v: z}]", "*.v", CREATE, "x", "[{n: p, v: x}, {n: q, v: x}]\n");
}

static void test_pieces(void **state)
{
    (void)state;
    check_set("{a: x:y}", "a", PIECE(":", 1), "z", "{a: 'x:z'}\n");
    check_set("{a: x}", "a", PIECE("-", -1), "p", "{a: p-x}\n");
    check_set("{a: x}", "a", PIECE("-", 7), "s", "{a: x-s}\n");
    check_set("{a: x==y}", "a", PIECE("==", 0), "z", "{a: z==y}\n");
    check_set("{a: [x]}", "a", PIECE("-", 0), "p",
              "delimiter option can only be used with scalar nodes");
}

static void test_json_in_a_text(void **state)
{
    (void)state;
    check_set("{a: '{\"c\": 1.50, \"b\": {\"d\": [1, 2]}}'}", "a.b.d.1", NONE, "9",
              "{a: '{\"b\":{\"d\":[1,9]},\"c\":1.5}'}\n");
    check_set("a: |\n  {\n    \"b\": \"<x>\"\n  }\n", "a.b", NONE, "y&z",
              "a: |-\n  {\n    \"b\": \"y\\u0026z\"\n  }\n");
    check_set("{a: '[{\"n\":\"x\"}]'}", "a.[n=x].v", CREATE, "true",
              "{a: '[{\"n\":\"x\",\"v\":true}]'}\n");
    check_set("{a: '{\"b\": .nan}'}", "a.b.c", NONE, "1",
              "unable to find field \"a.b.c\" in replacement target: wrong node kind: expected "
              "MappingNode but got ScalarNode: node contents:\n.nan\n");
}

static void test_yaml_in_a_text(void **state)
{
    (void)state;
    check_set("a: |\n  z: 1\n  b:\n      - c: \"x\"\n", "a.b.0.c", NONE, "y",
              "a: |-\n  z: 1\n  b:\n  - c: \"y\"\n");
    check_set("a: |\n  b: x-y\n", "a.b", PIECE("-", 1), "z", "a: |-\n  b: x-z\n");
    /* compat: behind a star the text is found, and stays as it is. */
    check_set("[{a: 'b: x'}]", "*.a.b", NONE, "y", "[{a: 'b: x'}]\n");
}

static void check_value(const char *object, const char *path, struct replacement_options options,
                        const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *value = NULL;
    err *e AUTO(err_done) =
        replacement_value(&a, parsed(&a, object), str_of(path), options, STR("ID"), &value);
    buf b = BUF(&a);
    yaml_print(&b, value);
    assert_string_equal(e ? e->message : str_z(&a, buf_str(&b)), expected);
}

static void test_values(void **state)
{
    (void)state;
    check_value("{a: {}, b: null, c: []}", "a", NONE,
                "fieldPath `a` is missing for replacement "
                "source ID");
    check_value("{b: null}", "b", NONE, "fieldPath `b` is missing for replacement source ID");
    check_value("{}", "", NONE, "fieldPath `metadata.name` is missing for replacement source ID");
    check_value("{a: 1}", "a.*", NONE,
                "error looking up replacement source: wildcard is not supported in PathGetter");
    check_value("{a: {b: 1}}", "a", PIECE(":", 0),
                "delimiter option can only be used with scalar nodes");
    check_value("{a: x:y}", "a", PIECE(":", 2), "options.index 2 is out of bounds for value x:y");
    check_value("{kind: Secret, a: x:y}", "a", PIECE(":", -1),
                "options.index -1 is out of bounds for value ***");
    check_value("{a: x:y}", "a", PIECE(":", 1), "y\n");
    check_value("{a: [{n: p, v: 3}]}", "a.[n=p].v", NONE, "3\n");
    check_value("{metadata: {name: n}}", "", NONE, "n\n");
}

static void test_options(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct replacement_options options =
        replacement_options(parsed(&a, "{delimiter: ':', index: 2, create: true}"));
    assert_true(str_is(options.delimiter, ":"));
    assert_int_equal(options.index, 2);
    assert_true(options.create);
    assert_false(replacement_options(NULL).create);
}

static void test_scalars(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    assert_int_equal(scalar_new(&a, STR("8080"))->kind, NODE_INT);
    assert_int_equal(scalar_new(&a, STR("yes"))->kind, NODE_STR);
    node *quoted = parsed(&a, "'x'"), *map = parsed(&a, "{x: y}");
    scalar_put(quoted, STR("8080"));
    scalar_put(map, STR("8080"));
    assert_int_equal(quoted->kind, NODE_STR);
    assert_int_equal(map->kind, NODE_INT);
    err *e AUTO(err_done) = scalar_to_json(&a, parsed(&a, "{1: x}"), false);
    assert_non_null(e);
    err *inf AUTO(err_done) = scalar_to_json(&a, parsed(&a, "[-.inf]"), false);
    assert_string_equal(inf->message, "json: unsupported value: -Inf");
    node *small = parsed(&a, "1.5e-7");
    err *none AUTO(err_done) = scalar_to_json(&a, small, false);
    assert_null(none);
    assert_string_equal(str_z(&a, small->text), "1.5e-7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_targets),
        cmocka_unit_test(test_secrets_stay_secret),
        cmocka_unit_test(test_scalars_keep_kind_and_quotes),
        cmocka_unit_test(test_collections_are_copied),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_json_in_a_text),
        cmocka_unit_test(test_yaml_in_a_text),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_scalars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
