#include "doc/patch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "doc/json.h"

static node *parsed(arena *a, const char *text)
{
    node *root = NULL;
    err *e AUTO(err_done) = json_parse(a, str_of(text), (struct json_options){0}, &root);
    if (e) fail_msg("%s: %s", text, e->message);
    return root;
}

static err *patched(arena *a, const char *document, const char *ops, node **root)
{
    struct patch patch;
    *root = parsed(a, document);
    TRY(patch_read(a, parsed(a, ops), &patch));
    return patch_apply(a, &patch, root);
}

static void check(const char *document, const char *ops, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *root;
    err *e AUTO(err_done) = patched(&a, document, ops, &root);
    if (e) fail_msg("%s: %s", ops, e->message);
    buf b = BUF(&a);
    json_write(&b, root, (struct json_style){.sorted = true});
    assert_string_equal(str_z(&a, buf_str(&b)), expected);
}

static void check_error(const char *document, const char *ops, const char *message)
{
    arena a AUTO(arena_done) = {0};
    node *root;
    err *e AUTO(err_done) = patched(&a, document, ops, &root);
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_true(err_is(e, ERR_INVALID));
}

static void test_what_is_no_patch(void **state)
{
    (void)state;
    check_error("{}", "{}", "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
    check_error("{}", "[1]",
                "json: cannot unmarshal number into Go value of type jsonpatch.Operation");
    check_error("{}", "[null]", "Unexpected kind: unknown");
    check_error("{}", "[{\"op\":\"ad\"}]", "Unexpected kind: ad");
    check_error("{}", "[{\"op\":\"add\"}]", "add operation failed to decode path: missing value");
    check_error(
        "{}", "[{\"op\":\"move\",\"path\":\"/a\"}]",
        "move operation failed to decode from: operation, missing from field: missing value");
    check_error(
        "{}", "[{\"op\":\"test\"}]",
        "test operation failed to decode path: operation missing path field: missing value");
    check_error("{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/a\"}]",
                "copy operation failed to decode path: missing value");
}

static void test_missing_parents(void **state)
{
    (void)state;
    check_error("{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]",
                "add operation does not apply: doc is missing path: \"/a/b\": missing value");
    check_error("{\"a\":null}", "[{\"op\":\"remove\",\"path\":\"/a/b\"}]",
                "remove operation does not apply: doc is missing path: \"/a/b\": missing value");
    check_error("{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a/b\",\"value\":1}]",
                "replace operation does not apply: doc is missing path: /a/b: missing value");
    check_error("{}", "[{\"op\":\"test\",\"path\":\"/a/b\",\"value\":1}]",
                "test operation does not apply: is missing path: /a/b: missing value");
    check_error("{}", "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/c\"}]",
                "move operation does not apply: doc is missing from path: /a/b: missing value");
    check_error("{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/c/d\"}]",
                "move operation does not apply: doc is missing destination path: /c/d: missing "
                "value");
    check_error("{}", "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/c\"}]",
                "copy operation does not apply: doc is missing from path: : missing value");
}

static void test_missing_keys(void **state)
{
    (void)state;
    check_error("{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]",
                "error in remove for path: '/a': Unable to remove nonexistent key: a: missing "
                "value");
    check_error("{}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/c\"}]",
                "error in move for path: 'a': Unable to remove nonexistent key: a: missing value");
    /* compat: keys of maps need not be there for these. */
    check("{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1}");
    check("{}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"}]", "{\"c\":null}");
}

static void test_bad_indices(void **state)
{
    (void)state;
    check_error("{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/9\",\"value\":1}]",
                "error in add for path: '/a/9': Unable to access invalid index: 9: invalid index "
                "referenced");
    check_error("{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-3\",\"value\":1}]",
                "error in add for path: '/a/-3': Unable to access invalid index: -3: invalid index "
                "referenced");
    check_error("{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]",
                "error in remove for path: '/a/1': Unable to access invalid index: 1: invalid "
                "index referenced");
    check_error("{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]",
                "error in remove for path: '/a/-': strconv.Atoi: parsing \"-\": invalid syntax");
    check_error("{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/x\",\"value\":1}]",
                "error in add for path: '/a/x': value was not a proper array index: 'x': "
                "strconv.Atoi: parsing \"x\": invalid syntax");
    check_error("{\"a\":[1]}",
                "[{\"op\":\"test\",\"path\":\"/a/99999999999999999999\",\"value\":1}]",
                "error in test for path: '/a/99999999999999999999': strconv.Atoi: parsing "
                "\"99999999999999999999\": value out of range");
    check_error("{\"a\":[1]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":1}]",
                "replace operation does not apply: doc is missing key: /a/1: missing value");
}

static void test_failed_tests(void **state)
{
    (void)state;
    check_error("{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
                "testing value /a failed: test failed");
    check_error("{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\"}]",
                "testing value /a failed: test failed");
    check_error("{\"a\":null}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":false}]",
                "testing value /a failed: test failed");
    check_error("{\"a\":1}", "[{\"op\":\"test\",\"path\":\"\",\"value\":{}}]",
                "testing value  failed: test failed");
}

static void test_operations(void **state)
{
    (void)state;
    check("{}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":{\"b\":[]}}]", "{\"a\":{\"b\":[]}}");
    check("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\"}]", "{\"a\":null}");
    check("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":9}]", "{\"a\":[1,9,2]}");
    check("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":9}]", "{\"a\":[1,2,9]}");
    check("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":9}]", "{\"a\":[1,2,9]}");
    check("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-1\",\"value\":9}]", "{\"a\":[1,2,9]}");
    check("{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-2\",\"value\":9}]", "{\"a\":[1,9,2]}");
    check("{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-1\"}]", "{\"a\":[1]}");
    check("{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/0\",\"value\":{}}]",
          "{\"a\":[{},2]}");
    check("{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/c\"}]",
          "{\"a\":{},\"c\":1}");
    check("{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c\"}]",
          "{\"a\":{\"b\":1,\"c\":{\"b\":1}}}");
    check("{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":2}}]", "{\"b\":2}");
    check_error("{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":7}]",
                "replace operation value must be object or array");
    check("{\"a\":{\"b\":1,\"c\":[2.0]}}",
          "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"c\":[2],\"b\":1}},"
          "{\"op\":\"test\",\"path\":\"/x\",\"value\":null},{\"op\":\"test\",\"path\":\"/y\"}]",
          "{\"a\":{\"b\":1,\"c\":[2.0]}}");
}

static void test_paths(void **state)
{
    (void)state;
    check("{}", "[{\"op\":\"add\",\"path\":\"/a~1b~01\",\"value\":1}]", "{\"a/b~1\":1}");
    check("{}", "[{\"op\":\"add\",\"path\":\"/\",\"value\":1}]", "{\"\":1}");
    check("{}", "[{\"op\":\"add\",\"path\":\"ignored/a\",\"value\":1}]", "{\"a\":1}");
    check("{\"a\":[{\"b\":1}]}", "[{\"op\":\"remove\",\"path\":\"/a/-1/b\"}]", "{\"a\":[{}]}");
    check_error("{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]",
                "add operation does not apply: doc is missing path: \"a\": missing value");
}

static void test_copies_are_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    buf ops = BUF(&a);
    BUF_ADD(&ops, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":[0]}");
    for (int i = 0; i < 40; i++)
        BUF_ADD(&ops, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/0\"}");
    BUF_ADD(&ops, "]");
    node *root;
    err *e AUTO(err_done) = patched(&a, "{}", str_z(&a, buf_str(&ops)), &root);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "patch copies more than"));
    assert_true(a.used_bytes < (size_t)16 * LIMIT_PATCH_COPY_BYTES);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    buf ops = BUF(&a);
    BUF_ADD(&ops, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":{}}");
    for (int i = 0; i < 8; i++)
        BUF_ADD(&ops, ",{\"op\":\"add\",\"path\":\"/b\",\"value\":{}}"
                      ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b/b\"}"
                      ",{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/a/a\"}");
    BUF_ADD(&ops, "]");
    node *root;
    err *e AUTO(err_done) = patched(&a, "{}", str_z(&a, buf_str(&ops)), &root);
    assert_null(e);

    buf deep = BUF(&a);
    BUF_ADD(&deep, "[{\"op\":\"add\",\"path\":\"");
    for (int i = 0; i < LIMIT_DOC_DEPTH - 1; i++)
        BUF_ADD(&deep, "/a");
    BUF_ADD(&deep, "\",\"value\":{\"b\":{\"b\":{}}}}]");
    buf document = BUF(&a);
    for (int i = 0; i < LIMIT_DOC_DEPTH - 2; i++)
        BUF_ADD(&document, "{\"a\":");
    BUF_ADD(&document, "{}");
    buf_fill(&document, '}', LIMIT_DOC_DEPTH - 2);
    err *too_deep AUTO(err_done) =
        patched(&a, str_z(&a, buf_str(&document)), str_z(&a, buf_str(&deep)), &root);
    assert_non_null(too_deep);
    assert_string_equal(too_deep->message, "patch nests deeper than 200 levels");
}

static void test_too_many_operations(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *list = node_list(&a);
    for (int i = 0; i <= LIMIT_PATCH_OPS; i++)
        node_push(&a, list, node_map(&a));
    struct patch patch;
    err *e AUTO(err_done) = patch_read(&a, list, &patch);
    assert_non_null(e);
    assert_string_equal(e->message, "a patch of 10001 operations, the limit is 10000");
}

static void check_number(const char *text, const char *expected, enum node_kind kind)
{
    arena a AUTO(arena_done) = {0};
    node *n =
        node_scalar(&a, str_has_char(str_of(text), '.') ? NODE_FLOAT : NODE_INT, str_of(text));
    n->style = NODE_DOUBLE;
    n->tagged = true;
    assert_null(patch_normalize(&a, n));
    assert_string_equal(str_z(&a, n->text), expected);
    assert_int_equal(n->kind, kind);
    assert_int_equal(n->style, NODE_PLAIN);
    assert_int_equal(n->tagged, 0);
}

static void test_numbers_become_doubles(void **state)
{
    (void)state;
    check_number("8080", "8080", NODE_INT);
    check_number("-3", "-3", NODE_INT);
    check_number("0x1F", "31", NODE_INT);
    check_number("1.0", "1", NODE_INT);
    check_number("0.1", "0.1", NODE_FLOAT);
    check_number("0.00001", "1e-05", NODE_FLOAT);
    check_number("123456.5", "123456.5", NODE_FLOAT);
    check_number("1000000", "1e+06", NODE_FLOAT);
    check_number("9007199254740993", "9.007199254740992e+15", NODE_FLOAT);
    check_number("0.0", "0", NODE_INT);
}

static void test_scalars_become_plain(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *root = node_map(&a), *day = node_str(&a, STR("2001-12-14"));
    day->time = true;
    node_set(&a, root, STR("day"), day);
    node_set(&a, root, STR("yes"), node_scalar(&a, NODE_BOOL, STR("True")));
    node_set(&a, root, STR("no"), node_scalar(&a, NODE_NULL, STR("~")));
    assert_null(patch_normalize(&a, root));
    assert_string_equal(str_z(&a, json_text(&a, root)),
                        "{\"day\":\"2001-12-14T00:00:00Z\",\"yes\":true,\"no\":null}");
    assert_true(str_is(node_get(root, STR("no"))->text, "null"));
    assert_int_equal(day->time, 0);
}

static void check_merge(const char *document, const char *patch, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *root = parsed(&a, document);
    patch_merge(&a, parsed(&a, patch), &root);
    assert_string_equal(str_z(&a, json_text(&a, root)), expected);
}

static void test_merge_patch(void **state)
{
    (void)state;
    check_merge("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
                "{\"b\":{\"c\":null,\"e\":4},\"f\":{\"g\":null}}",
                "{\"a\":1,\"b\":{\"d\":3,\"e\":4},\"f\":{}}");
    check_merge("{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\":[3]}");
    check_merge("{\"a\":1}", "[1]", "[1]");
    check_merge("1", "{\"a\":null}", "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_patch),
        cmocka_unit_test(test_missing_parents),
        cmocka_unit_test(test_missing_keys),
        cmocka_unit_test(test_bad_indices),
        cmocka_unit_test(test_failed_tests),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_copies_are_bounded),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_too_many_operations),
        cmocka_unit_test(test_numbers_become_doubles),
        cmocka_unit_test(test_scalars_become_plain),
        cmocka_unit_test(test_merge_patch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
