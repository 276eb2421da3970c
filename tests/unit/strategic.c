#include "render/strategic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "doc/json.h"
#include "doc/yaml.h"

static node *parsed(arena *a, const char *text)
{
    node *root = NULL;
    err *e AUTO(err_done) =
        yaml_parse(a, str_of(text), (struct yaml_options){.dialect = YAML_V3}, &root);
    if (e) fail_msg("%s: %s", text, e->message);
    return root;
}

static void check_with(const struct openapi *schema, const char *target, const char *patch,
                       const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *root = parsed(&a, target);
    err *e AUTO(err_done) = strategic_merge(&a, schema, parsed(&a, patch), &root);
    if (e) fail_msg("%s: %s", patch, e->message);
    if (!root) {
        assert_string_equal("deleted", expected);
        return;
    }
    buf b = BUF(&a);
    json_write(&b, root, (struct json_style){.sorted = true});
    assert_string_equal(str_z(&a, buf_str(&b)), expected);
}

/* An object without a schema: only maps merge. */
static void check(const char *target, const char *patch, const char *expected)
{
    check_with(NULL, target, patch, expected);
}

static void check_error(const char *target, const char *patch, const char *message)
{
    arena a AUTO(arena_done) = {0};
    node *root = parsed(&a, target);
    err *e AUTO(err_done) = strategic_merge(&a, NULL, parsed(&a, patch), &root);
    assert_non_null(e);
    assert_true(err_is(e, ERR_INVALID));
    assert_string_equal(e->message, message);
}

/* `field` of the spec of a Pod, on both sides and in the result. */
static void check_pod(const char *target, const char *patch, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *root =
        parsed(&a, str_z(&a, str_printf(&a, "{apiVersion: v1, kind: Pod, spec: %s}", target)));
    node *merge =
        parsed(&a, str_z(&a, str_printf(&a, "{apiVersion: v1, kind: Pod, spec: %s}", patch)));
    err *e AUTO(err_done) = strategic_merge(&a, NULL, merge, &root);
    if (e) fail_msg("%s: %s", patch, e->message);
    buf b = BUF(&a);
    json_write(&b, node_get(root, STR("spec")), (struct json_style){.sorted = true});
    assert_string_equal(str_z(&a, buf_str(&b)), expected);
}

static void test_shapes_must_agree(void **state)
{
    (void)state;
    check_error(
        "a: {b: 1}", "a: [x]",
        "wrong node kind: expected MappingNode but got SequenceNode: node contents:\n[x]\n");
    check_error("a: [1]", "a:\n  b: 'q'\n",
                "wrong node kind: expected SequenceNode but got MappingNode: node contents:\n"
                "b: 'q'\n");
    check_error("a: 1", "a: {}",
                "wrong node kind: expected ScalarNode but got MappingNode: node contents:\n{}\n");
    check("a: null", "a: [x]", "{\"a\":[\"x\"]}");
}

static void test_unknown_directives(void **state)
{
    (void)state;
    check_error("a: {b: 1}", "a: {$patch: bogus}", "unknown patch strategy 'bogus'");
    check_error("a: {b: 1}", "a: {$patch: }", "unknown patch strategy ''");
    /* In a map that is new the word stays as it is. */
    check("a: 1", "b: {$patch: bogus}", "{\"a\":1,\"b\":{\"$patch\":\"bogus\"}}");
    check_error("{apiVersion: v1, kind: Pod, spec: {volumes: []}}",
                "{apiVersion: v1, kind: Pod, spec: {volumes: [{$patch: x}]}}",
                "unknown patch strategy 'x'");
}

static void test_too_many_items(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    BUF_ADD(&b, "{apiVersion: v1, kind: Pod, spec: {volumes: [{}");
    for (int i = 0; i < LIMIT_MERGE_ITEMS; i++)
        BUF_ADD(&b, ",{}");
    BUF_ADD(&b, "]}}");
    check_error("{apiVersion: v1, kind: Pod, spec: {volumes: []}}", str_z(&a, buf_str(&b)),
                "lists of 10001 items merge by key, the limit is 10000");
}

static void test_scalars(void **state)
{
    (void)state;
    check("{a: 1, b: 2}", "{b: x, c: 3}", "{\"a\":1,\"b\":\"x\",\"c\":3}");
    check("{a: 1}", "{a: null, b: null}", "{}");
    /* A field that was quoted stays a text; a text stays one in a field that was not. */
    check("a: \"1\"", "a: 8080", "{\"a\":\"8080\"}");
    check("a: 1", "a: '8080'", "{\"a\":\"8080\"}");
    check("a: 1", "b: \"8080\"", "{\"a\":1,\"b\":\"8080\"}");
    check("a: 'x'", "a: 2001-12-14", "{\"a\":\"2001-12-14\"}");
    check("a: x", "a: 2001-12-14", "{\"a\":\"2001-12-14T00:00:00Z\"}");
}

static void test_nulls_that_are_there(void **state)
{
    (void)state;
    check("{a: null, b: ~, c: }", "d: 1", "{\"a\":null,\"b\":null,\"d\":1}");
    check("a: {b: null}", "a: {c: {d: null, e: 1}}", "{\"a\":{\"b\":null,\"c\":{\"e\":1}}}");
    check("{a: [null, {b: null}]}", "c: 1", "{\"a\":[null,{\"b\":null}],\"c\":1}");
}

static void test_map_directives(void **state)
{
    (void)state;
    check("{a: {b: 1}, c: 2}", "a: {$patch: delete}", "{\"c\":2}");
    check("a: {b: 1}", "a: {$patch: replace, c: 2, d: null}", "{\"a\":{\"c\":2}}");
    check("a: {b: 1}", "a: {$patch: merge, c: 2}", "{\"a\":{\"b\":1,\"c\":2}}");
    check("a: 1", "b: {$patch: replace, c: {$patch: delete}, d: 1}", "{\"a\":1,\"b\":{\"d\":1}}");
    check("a: 1", "b: {$patch: delete}", "{\"a\":1}");
    check("a: 1", "$patch: delete", "deleted");
    check("a: {b: 1}", "{$setElementOrder/x: [1], $retainKeys: [a]}",
          "{\"$retainKeys\":[\"a\"],\"$setElementOrder/x\":[1],\"a\":{\"b\":1}}");
}

static void test_lists_without_keys_are_replaced(void **state)
{
    (void)state;
    check("a: [1, 2]", "a: [3]", "{\"a\":[3]}");
    check("a: [1, 2]", "a: []", "{\"a\":[]}");
    check("a: [1, 2]", "a: null", "{}");
    check("a: [{name: x, b: 1}]", "a: [{name: x}]", "{\"a\":[{\"name\":\"x\"}]}");
}

static void test_items_merge_by_key(void **state)
{
    (void)state;
    check_pod("{containers: [{name: a, image: i}, {name: b}]}",
              "{containers: [{name: c}, {name: a, image: j}]}",
              "{\"containers\":[{\"name\":\"c\"},{\"image\":\"j\",\"name\":\"a\"},"
              "{\"name\":\"b\"}]}");
    check_pod("{containers: [{name: a, env: [{name: X, value: '1'}]}]}",
              "{containers: [{name: a, env: [{name: Y, value: '2'}, {name: X, value: null}]}]}",
              "{\"containers\":[{\"env\":[{\"name\":\"Y\",\"value\":\"2\"},{\"name\":\"X\"}],"
              "\"name\":\"a\"}]}");
    check_pod("{}", "{volumes: [{name: v, emptyDir: null}, {name: v}]}",
              "{\"volumes\":[{\"name\":\"v\"}]}");
    check_pod("{volumes: [{name: v}]}", "{volumes: []}", "{\"volumes\":[{\"name\":\"v\"}]}");
    check_pod("{volumes: [{name: v}]}", "{volumes: null}", "{}");
}

static void test_list_directives(void **state)
{
    (void)state;
    check_pod("{volumes: [{name: v}, {name: w}]}", "{volumes: [{name: v, $patch: delete}]}",
              "{\"volumes\":[{\"name\":\"w\"}]}");
    check_pod("{volumes: [{name: v}]}", "{volumes: [{$patch: delete}]}", "{}");
    check_pod("{volumes: [{name: v}]}", "{volumes: [{$patch: replace}, {name: w}]}",
              "{\"volumes\":[{\"name\":\"w\"}]}");
    check_pod("{volumes: [{name: v}]}", "{volumes: [{name: w}, {$patch: merge}]}",
              "{\"volumes\":[{\"name\":\"w\"},{\"name\":\"v\"}]}");
    /* compat: an item that is to be replaced stays as it was. */
    check_pod("{volumes: [{name: v, a: 1}]}", "{volumes: [{name: v, $patch: replace, b: 2}]}",
              "{\"volumes\":[{\"a\":1,\"name\":\"v\"}]}");
}

static void check_ports(const char *target, const char *patch, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    check_pod(
        str_z(&a, str_printf(&a, "{containers: [{name: a, ports: %s}]}", target)),
        str_z(&a, str_printf(&a, "{containers: [{name: a, ports: %s}]}", patch)),
        str_z(&a, str_printf(&a, "{\"containers\":[{\"name\":\"a\",\"ports\":%s}]}", expected)));
}

static void test_several_keys(void **state)
{
    (void)state;
    check_ports("[{containerPort: 1, protocol: TCP}, {containerPort: 2, protocol: TCP}]",
                "[{containerPort: 3, protocol: TCP}, {containerPort: 2, protocol: TCP, name: n}]",
                "[{\"containerPort\":3,\"protocol\":\"TCP\"},"
                "{\"containerPort\":1,\"protocol\":\"TCP\"},"
                "{\"containerPort\":2,\"name\":\"n\",\"protocol\":\"TCP\"}]");
    check_ports("[{containerPort: 1}]", "[{containerPort: 1, name: n}]",
                "[{\"containerPort\":1,\"name\":\"n\"}]");
    /* compat: an item that is the same only in part is lost. */
    check_ports("[{containerPort: 1, protocol: TCP}]", "[{containerPort: 1, name: n}]",
                "[{\"containerPort\":1,\"protocol\":\"TCP\"}]");
    check_ports("[{containerPort: 1, protocol: TCP}, {containerPort: 1, protocol: UDP}]",
                "[{containerPort: 1, protocol: TCP, $patch: delete}]",
                "[{\"containerPort\":1,\"protocol\":\"UDP\"}]");
}

/* compat: what happens to items without their key, and to repeated ones. */
static void test_odd_items(void **state)
{
    (void)state;
    check_pod("{volumes: [{name: v}, {name: w}]}", "{volumes: [{emptyDir: {}}]}",
              "{\"volumes\":[]}");
    check_pod("{volumes: [{a: 1}, {name: w}]}", "{volumes: [{name: w, b: 1}]}",
              "{\"volumes\":[{\"a\":1}]}");
    check_pod("{}", "{volumes: [{name: v, a: 1}, {name: v, a: 2}]}",
              "{\"volumes\":[{\"a\":2,\"name\":\"v\"}]}");
    check_pod("{volumes: [{name: v}]}", "{volumes: [{name: v, a: 1}, {name: v, a: 2}]}",
              "{\"volumes\":[{\"a\":1,\"name\":\"v\"}]}");
    check_pod("{volumes: [null, {}, {name: v}]}", "{volumes: [{name: w}]}",
              "{\"volumes\":[{\"name\":\"w\"}]}");
}

static void test_plain_values_merge(void **state)
{
    (void)state;
    check("{apiVersion: v1, kind: Secret, metadata: {finalizers: [a, b]}}",
          "metadata: {finalizers: [c, a]}",
          "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"finalizers\":[\"c\",\"a\","
          "\"b\"]}}");
}

static void test_objects_inside_bring_their_schema(void **state)
{
    (void)state;
    check("{apiVersion: x/v1, kind: Box, in: {apiVersion: v1, kind: Pod, spec: {volumes: "
          "[{name: v}]}}}",
          "in: {spec: {volumes: [{name: w}]}}",
          "{\"apiVersion\":\"x/v1\",\"in\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":"
          "{\"volumes\":[{\"name\":\"w\"},{\"name\":\"v\"}]}},\"kind\":\"Box\"}");
}

static void test_custom_schema_replaces_the_other(void **state)
{
    (void)state;
    static const char text[] =
        "definitions:\n"
        "  x.Box:\n"
        "    x-kubernetes-group-version-kind: [{group: x, version: v1, kind: Box}]\n"
        "    properties:\n"
        "      items: {$ref: '#/definitions/x.Items'}\n"
        "      byName: {additionalProperties: {$ref: '#/definitions/x.Items'}}\n"
        "  x.Items:\n"
        "    type: array\n"
        "    items: {properties: {id: {type: string}}}\n"
        "    x-kubernetes-patch-strategy: retainKeys,merge\n"
        "    x-kubernetes-patch-merge-key: id\n";
    arena a AUTO(arena_done) = {0};
    const struct openapi *schema = NULL;
    err *e AUTO(err_done) = openapi_read(&a, str_of(text), &schema);
    assert_null(e);
    check_with(schema, "{apiVersion: x/v1, kind: Box, items: [{id: 1, a: 1}]}",
               "{items: [{id: 2}, {id: 1, b: 2}]}",
               "{\"apiVersion\":\"x/v1\",\"items\":[{\"id\":2},{\"a\":1,\"b\":2,\"id\":1}],"
               "\"kind\":\"Box\"}");
    check_with(schema, "{apiVersion: x/v1, kind: Box, byName: {n: [{id: 1}]}}",
               "{byName: {n: [{id: 2}]}}",
               "{\"apiVersion\":\"x/v1\",\"byName\":{\"n\":[{\"id\":2},{\"id\":1}]},"
               "\"kind\":\"Box\"}");
    check_with(
        schema, "{apiVersion: v1, kind: Pod, spec: {volumes: [{name: v}]}}",
        "{spec: {volumes: [{name: w}]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"volumes\":[{\"name\":\"w\"}]}}");
}

static void test_patch_is_not_changed(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *target = parsed(&a, "a: {b: {}}");
    node *patch = parsed(&a, "a: {b: {$patch: replace, c: {d: 1}}}");
    err *e AUTO(err_done) = strategic_merge(&a, NULL, patch, &target);
    assert_null(e);
    node_set_str(&a, node_find(target, "a", "b", "c", NULL), STR("d"), STR("new"));
    assert_string_equal(str_z(&a, json_text(&a, patch)),
                        "{\"a\":{\"b\":{\"$patch\":\"replace\",\"c\":{\"d\":1}}}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_must_agree),
        cmocka_unit_test(test_unknown_directives),
        cmocka_unit_test(test_too_many_items),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_nulls_that_are_there),
        cmocka_unit_test(test_map_directives),
        cmocka_unit_test(test_lists_without_keys_are_replaced),
        cmocka_unit_test(test_items_merge_by_key),
        cmocka_unit_test(test_list_directives),
        cmocka_unit_test(test_several_keys),
        cmocka_unit_test(test_odd_items),
        cmocka_unit_test(test_plain_values_merge),
        cmocka_unit_test(test_objects_inside_bring_their_schema),
        cmocka_unit_test(test_custom_schema_replaces_the_other),
        cmocka_unit_test(test_patch_is_not_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
