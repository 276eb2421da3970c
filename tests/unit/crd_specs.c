#include "render/crd_specs.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"

static const char bee[] =
    "{\"x.v1.Bee\":{\"Schema\":{\"properties\":{\"apiVersion\":{},\"kind\":{},\"metadata\":{},"
    "\"spec\":{\"$ref\":\"x.v1.BeeSpec\"}}}},"
    "\"x.v1.BeeSpec\":{\"schema\":{\"properties\":{"
    "\"hive\":{\"x-kubernetes-object-ref-api-version\":\"v1\","
    "\"x-kubernetes-object-ref-kind\":\"Hive\"},"
    "\"queen\":{\"x-kubernetes-object-ref-api-version\":\"v1\","
    "\"x-kubernetes-object-ref-kind\":\"Hive\",\"x-kubernetes-object-ref-name-key\":\"id\"},"
    "\"half\":{\"x-kubernetes-object-ref-kind\":\"Hive\"},"
    "\"name\":{\"x-kubernetes-identity\":\"\"},"
    "\"tags\":{\"x-kubernetes-label-selector\":\"\"},"
    "\"notes\":{\"x-kubernetes-annotation\":\"\"}}}}}";

static void check_specs(struct field_specs specs, const char *kind, const char *path)
{
    assert_int_equal(specs.count, 1);
    assert_true(str_is(specs.items[0].kind, kind));
    assert_true(str_is(specs.items[0].path, path));
    assert_false(specs.items[0].create);
}

static void check_bee(str text)
{
    arena a AUTO(arena_done) = {0};
    struct crd_specs specs;
    err *e AUTO(err_done) = crd_specs_read(&a, text, &specs);
    assert_null(e);
    check_specs(specs.name_prefix, "Bee", "spec/name");
    check_specs(specs.labels, "Bee", "spec/tags");
    check_specs(specs.annotations, "Bee", "spec/notes");
    assert_int_equal(specs.reference_count, 1);
    assert_true(str_is(specs.references[0].kind, "Hive"));
    assert_true(str_is(specs.references[0].version, "v1"));
    assert_int_equal(specs.references[0].referrers.count, 2);
    assert_true(str_is(specs.references[0].referrers.items[0].path, "spec/hive/name"));
    assert_true(str_is(specs.references[0].referrers.items[1].path, "spec/queen/id"));
}

static void test_bad_files(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct crd_specs specs;
    err *json AUTO(err_done) = crd_specs_read(&a, STR("{\"a\":"), &specs);
    assert_non_null(json);
    err *yaml AUTO(err_done) = crd_specs_read(&a, STR("a: [b"), &specs);
    assert_non_null(yaml);
    err *empty AUTO(err_done) = crd_specs_read(&a, STR(""), &specs);
    assert_null(empty);
    assert_int_equal(specs.reference_count, 0);
}

static void test_circles_end(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct crd_specs specs;
    err *e AUTO(err_done) = crd_specs_read(
        &a,
        STR("X:\n  Schema:\n    properties:\n      apiVersion: {}\n      kind: {}\n"
            "      metadata: {}\n      next: {$ref: X}\n"),
        &specs);
    assert_non_null(e);
    assert_string_equal(e->message, "type 'X' nests deeper than 200 levels");
}

static void test_wide_circles_end(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    buf text = BUF(&a);
    BUF_ADD(&text, "T0: {Schema: {properties: {apiVersion: {}, kind: {}, metadata: {}, "
                   "a: {$ref: T1}, b: {$ref: T1}}}}\n");
    for (int i = 1; i < 40; i++)
        buf_printf(&text, "T%d: {Schema: {properties: {a: {$ref: T%d}, b: {$ref: T%d}}}}\n", i,
                   i + 1, i + 1);
    struct crd_specs specs;
    err *e AUTO(err_done) = crd_specs_read(&a, buf_str(&text), &specs);
    assert_non_null(e);
    assert_string_equal(e->message, "more than 100000 fields of custom types");
}

static void test_marks(void **state)
{
    (void)state;
    check_bee(str_of(bee));
    arena a AUTO(arena_done) = {0};
    check_bee(str_concat(&a, STR("# the same as YAML\n"), str_of(bee)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_circles_end),
        cmocka_unit_test(test_wide_circles_end),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
