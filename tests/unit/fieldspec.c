/* fieldspec: where a path leads, what is made on the way, and lists of specs. */
#include "render/fieldspec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"
#include "doc/yaml.h"

static err *mark(const struct fieldspec_visit *visit, node *value)
{
    if (visit->create == FIELDSPEC_MAP && node_is_map(value))
        node_set_str(visit->a, value, STR("set"), STR("x"));
    else
        fieldspec_put_str(value, STR("x"));
    return NULL;
}

static const struct {
    const char *yaml, *path;
    enum fieldspec_create create;
    const char *result; /* JSON, or an error */
} walks[] = {
    {"a: {b: c}", "a/b", FIELDSPEC_NOTHING, "{\"a\":{\"b\":\"x\"}}"},
    {"a: {b: c}", "/a/b", FIELDSPEC_NOTHING, "{\"a\":{\"b\":\"x\"}}"},
    {"a: {b: c}", "a/z", FIELDSPEC_NOTHING, "{\"a\":{\"b\":\"c\"}}"},
    {"a: [{b: 1}, {c: 2}, {b: 3}]", "a/b", FIELDSPEC_NOTHING,
     "{\"a\":[{\"b\":\"x\"},{\"c\":2},{\"b\":\"x\"}]}"},
    {"a: [[{b: 1}]]", "a/b", FIELDSPEC_NOTHING, "{\"a\":[[{\"b\":\"x\"}]]}"},
    {"a/b: {c: d}", "a\\/b/c", FIELDSPEC_NOTHING, "{\"a/b\":{\"c\":\"x\"}}"},
    {"a: null", "a/b", FIELDSPEC_NOTHING, "{\"a\":null}"},
    {"a: {}", "a/b/c", FIELDSPEC_SCALAR, "{\"a\":{\"b\":{\"c\":\"x\"}}}"},
    {"a: null", "a/b", FIELDSPEC_SCALAR, "{\"a\":{\"b\":\"x\"}}"},
    {"a: {b: null}", "a/b", FIELDSPEC_MAP, "{\"a\":{\"b\":{\"set\":\"x\"}}}"},
    {"a: [{}, {b: {}}]", "a[]/b", FIELDSPEC_MAP,
     "{\"a\":[{\"b\":{\"set\":\"x\"}},{\"b\":{\"set\":\"x\"}}]}"},
    {"z: 1", "a[]/b", FIELDSPEC_MAP, "{\"z\":1}"},
    {"a: 5", "a/b", FIELDSPEC_NOTHING,
     "considering field 'a/b' of object Foo.v1.x/n.[noNs]: expected sequence or mapping node"},
    {"a: [5]", "a/b/c", FIELDSPEC_NOTHING,
     "considering field 'a/b/c' of object Foo.v1.x/n.[noNs]: visit traversal on path: [b c]: "
     "expected "
     "sequence or mapping node"},
    {"a: {}", "a/", FIELDSPEC_NOTHING,
     "considering field 'a/' of object Foo.v1.x/n.[noNs]: cannot set or create an empty field "
     "name"},
};

static void paths_lead_to_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(walks); i++) {
        arena a AUTO(arena_done) = {0};
        struct gvk gvk = {.group = STR("x"), .version = STR("v1"), .kind = STR("Foo")};
        struct resource resource = {.id = {.gvk = &gvk, .name = STR("n")}};
        struct field_spec spec = {
            .path = str_of(walks[i].path),
            .create = walks[i].create != FIELDSPEC_NOTHING,
        };
        struct fieldspec_visit visit = {.a = &a, .create = walks[i].create, .set = mark};
        struct yaml_options options = {.dialect = YAML_V3};
        assert_null(yaml_parse(&a, str_of(walks[i].yaml), options, &resource.root));
        err *e AUTO(err_done) = fieldspec_walk(&visit, &spec, &resource);
        str got = e ? err_text(e) : json_text(&a, resource.root);
        assert_string_equal(str_z(&a, got), walks[i].result);
    }
}

static void specs_select_kinds(void **state)
{
    (void)state;
    struct gvk gvk = {.group = STR("apps"), .version = STR("v1"), .kind = STR("Deployment")};
    assert_true(fieldspec_selects(&(struct field_spec){0}, &gvk));
    assert_true(fieldspec_selects(&(struct field_spec){.kind = STR("Deployment")}, &gvk));
    assert_false(fieldspec_selects(&(struct field_spec){.kind = STR("Deploy")}, &gvk));
    assert_false(
        fieldspec_selects(&(struct field_spec){.group = STR("apps"), .version = STR("v2")}, &gvk));
}

static void lists_are_merged(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    static const struct field_spec items[] = {{.path = STR("a"), .kind = STR("K")},
                                              {.path = STR("b"), .create = true}};
    struct field_specs specs = {items, COUNT(items)}, merged;

    struct field_spec covered = {.path = STR("b"), .kind = STR("K")};
    assert_null(fieldspec_merge(&a, specs, (struct field_specs){&covered, 1}, &merged));
    assert_int_equal(merged.count, 3);

    struct field_spec wider = {.path = STR("a")};
    assert_null(fieldspec_merge(&a, specs, (struct field_specs){&wider, 1}, &merged));
    assert_int_equal(merged.count, 2);

    struct field_spec contrary = {.path = STR("b")};
    err *e AUTO(err_done) = fieldspec_merge(&a, specs, (struct field_specs){&contrary, 1}, &merged);
    assert_string_equal(e->message, "conflicting fieldspecs");

    assert_null(fieldspec_merge(&a, specs, specs, &merged));
    assert_ptr_equal(merged.items, items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_fields),
        cmocka_unit_test(specs_select_kinds),
        cmocka_unit_test(lists_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
