/* strategic_patch: the cases of tests/golden/strategic_patch.json are what StrategicMergeMapPatch
 * of k8s.io/apimachinery 0.36.3 makes of them. */
#include "sandbox/strategic_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "doc/json.h"
#include "sandbox/served.h"

static void patches_as_upstream(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str text;
    node *cases;
    assert_null(fs_read(&a, STR("tests/golden/strategic_patch.json"), 1024 * 1024, &text));
    assert_null(json_parse(&a, text, (struct json_options){0}, &cases));
    assert_true(cases->count >= 40);
    struct store *store = store_new();
    struct served_table *table = served_new(store);
    NODE_EACH (cases, item) {
        str kind = node_get_str(item, STR("kind"));
        str group = str_is(kind, "services") ? STR("") : STR("apps");
        const struct served *served = served_find(table, group, STR("v1"), kind);
        node *object = doc_copy(&a, node_get(item, STR("object")));
        const node *patch = node_get(item, STR("patch")), *wanted = node_get(item, STR("result"));
        str shown = json_text(&a, patch);
        err *e AUTO(err_done) = strategic_patch_apply(&a, served->typing, patch, object);
        if (node_get_bool(item, STR("refused"), false)) {
            if (!e) fail_msg("%.*s was not refused", STR_ARG(shown));
            continue;
        }
        if (e) fail_msg("%.*s: %s", STR_ARG(shown), e->message);
        if (!node_equal(object, wanted))
            fail_msg("%.*s:\n%.*s\nis not\n%.*s", STR_ARG(shown), STR_ARG(json_text(&a, object)),
                     STR_ARG(json_text(&a, wanted)));
    }
    served_free(table);
    store_free(store);
}

static void says_why(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"$patch\":\"x\"}", "unknown patch type: x in map: map[$patch:x]"},
        {"{\"$retainKeys\":\"x\"}", "$retainKeys: a list of texts is expected"},
        {"{\"$retainKeys\":[],\"b\":1}", "invalid patch format of retainKeys: 'b' is not listed"},
        {"{\"$setElementOrder/b\":1}", "$setElementOrder/b: a list is expected"},
        {"{\"$setElementOrder/b\":[],\"b\":1}", "$setElementOrder/b: a list is expected"},
        {"{\"$deleteFromPrimitiveList/b\":1}", "$deleteFromPrimitiveList/b: a list is expected"},
        {"[]", "the patch is no object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        node *patch, *object = node_map(&a);
        assert_null(json_parse(&a, str_of(cases[i][0]), (struct json_options){0}, &patch));
        err *e AUTO(err_done) = strategic_patch_apply(&a, (struct typing){0}, patch, object);
        assert_non_null(e);
        assert_string_equal(e->message, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_as_upstream),
        cmocka_unit_test(says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
