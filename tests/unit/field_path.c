#include "render/field_path.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/yaml.h"

static void check_split(const char *text, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    struct field_path path = field_path_parse(&a, str_of(text));
    assert_string_equal(str_z(&a, str_join(&a, path.parts, path.count, STR("|"))), expected);
}

static void test_split(void **state)
{
    (void)state;
    check_split("", "");
    check_split("a.b.c", "a|b|c");
    check_split(".a.b", "a|b");
    check_split("a..b.", "a||b|");
    check_split("data.a\\.b\\.c.d", "data|a.b.c|d");
    check_split("a\\", "a\\");
    check_split("a.[name=x.y].b", "a|[name=x.y]|b");
    check_split("m.[a.b/c].d", "m|a.b/c|d");
    check_split("m.[x].d", "m|[x]|d");
    check_split("m.[a.b", "m|a.b");
    check_split("m.[a=b.c", "m|[a=b.c");
}

static void test_split_of_vars(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct field_path path = field_path_parse_var(&a, STR("a.b[0].[1].c[x].d[]"));
    assert_string_equal(str_z(&a, str_join(&a, path.parts, path.count, STR("|"))),
                        "a|b|0|1|c[x]|d[]");
}

static void test_parts(void **state)
{
    (void)state;
    struct field_path_part part;
    err *e AUTO(err_done) = field_path_part(STR("[name=a=b]"), &part);
    assert_null(e);
    assert_int_equal(part.kind, FIELD_PATH_SELECT);
    assert_true(str_is(part.key, "name"));
    assert_true(str_is(part.value, "a=b"));

    static const struct {
        const char *text;
        enum field_path_kind kind;
    } kinds[] = {
        {"0", FIELD_PATH_INDEX}, {"12", FIELD_PATH_INDEX},    {"-1", FIELD_PATH_KEY},
        {"-", FIELD_PATH_KEY},   {"*", FIELD_PATH_ALL},       {"a*", FIELD_PATH_KEY},
        {"", FIELD_PATH_KEY},    {"[=x]", FIELD_PATH_SELECT}, {"[", FIELD_PATH_KEY},
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        err *none AUTO(err_done) = field_path_part(str_of(kinds[i].text), &part);
        assert_null(none);
        assert_int_equal(part.kind, kinds[i].kind);
    }
    err *bad AUTO(err_done) = field_path_part(STR("[name]"), &part);
    assert_string_equal(bad->message, "list path element must contain fieldName=fieldValue for "
                                      "element to match");
}

static const char text[] = "{a: {b: [x, {n: 1}, {n: '2', m: z}], c: null}, list: []}";

static void check_get(const char *path, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *root, *found = NULL;
    err *e AUTO(err_done) =
        yaml_parse(&a, str_of(text), (struct yaml_options){.dialect = YAML_V3}, &root);
    assert_null(e);
    err *got AUTO(err_done) = field_path_get(field_path_parse(&a, str_of(path)), root, &found);
    const char *result = got                     ? got->message
                         : !found                ? "missing"
                         : node_is_scalar(found) ? str_z(&a, found->text)
                                                 : "collection";
    assert_string_equal(result, expected);
}

static void test_get(void **state)
{
    (void)state;
    check_get("a.b.*", "wildcard is not supported in PathGetter");
    check_get("a.b.-1", "array index -1 cannot be negative");
    check_get("a.b.[n]",
              "list path element must contain fieldName=fieldValue for element to match");
    check_get("a.b.n",
              "wrong node kind: expected MappingNode but got SequenceNode: node contents:\n"
              "[x, {n: 1}, {n: '2', m: z}]\n");
    check_get("a.0", "wrong node kind: expected SequenceNode but got MappingNode: node contents:\n"
                     "{b: [x, {n: 1}, {n: '2', m: z}], c: null}\n");
    check_get("a.b.0", "x");
    check_get("a.b.-.m", "z");
    check_get("a.b.[n=2].m", "z");
    check_get("a.b.[=x]", "x");
    check_get("a. b .1.n", "1");
    check_get("a..b.0", "x");
    check_get("a.b.9", "missing");
    check_get("a.b.[n=3].m", "missing");
    check_get("a.x.y", "missing");
    check_get("a.c", "null");
    check_get("a.c.d", "missing");
    check_get("list.-", "missing");
    check_get("", "collection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_of_vars),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
