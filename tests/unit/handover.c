/* handover: whose claims on fields are taken over, and whom a field belongs to. */
#include "apply/handover.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/json.h"

static node *parsed(arena *a, const char *json)
{
    node *n = NULL;
    err *e = json_parse(a, str_of(json), (struct json_options){0}, &n);
    if (e) fail_msg("%s", e->message);
    return n;
}

static void test_claims(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *fields =
        parsed(&a, "{\"f:spec\":{\"f:replicas\":{},\"f:template\":{\"f:spec\":{\"f:containers\":"
                   "{\"k:{\\\"name\\\":\\\"app\\\"}\":{\".\":{},\"f:image\":{}}}}}},"
                   "\"f:data\":{}}");
    static const struct {
        const char *path;
        bool claimed;
    } cases[] = {
        {"spec.replicas", true},
        {"spec.paused", false},
        {"spec.template.spec.containers[name=app].image", true},
        {"spec.template.spec.containers[name=app].command", false},
        {"spec.template.spec.containers[name=other].image", false},
        {"spec.template", true},
        {"data.anything", true},
        {"status", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (handover_claims(fields, str_of(cases[i].path)) != cases[i].claimed) {
            fail_msg("%s", cases[i].path);
        }
    }
    assert_false(handover_claims(NULL, STR("spec")));
}

#define HEAD "{\"metadata\":{\"resourceVersion\":\"7\",\"managedFields\":["
#define OURS                                                                                       \
    "{\"manager\":\"kustomize-controller\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:a\":{}}}"

static void test_nothing(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    assert_null(handover_patch(&a, parsed(&a, HEAD OURS "]}}"), "kustomize-controller"));
    assert_null(handover_patch(&a, parsed(&a, "{\"metadata\":{}}"), "kustomize-controller"));
    /* Another controller's fields, and those of a subresource, stay theirs. */
    assert_null(handover_patch(&a,
                               parsed(&a, HEAD OURS
                                      ",{\"manager\":\"kube-controller-manager\",\"operation\":"
                                      "\"Update\",\"fieldsV1\":{}},{\"manager\":\"kubectl\","
                                      "\"operation\":\"Update\",\"subresource\":\"scale\"}]}}"),
                               "kustomize-controller"));
}

static void test_union(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *patch = handover_patch(&a,
                                 parsed(&a, HEAD OURS
                                        ",{\"manager\":\"kubectl-edit\",\"operation\":\"Update\","
                                        "\"fieldsV1\":{\"f:a\":{\"f:b\":{}},\"f:c\":{}}}]}}"),
                                 "kustomize-controller");
    node *expected =
        parsed(&a, "[{\"op\":\"replace\",\"path\":\"/metadata/managedFields\",\"value\":"
                   "[{\"manager\":\"kustomize-controller\",\"operation\":\"Apply\","
                   "\"fieldsV1\":{\"f:a\":{\"f:b\":{}},\"f:c\":{}}}]},"
                   "{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"7\"}]");
    if (!node_equal(patch, expected)) fail_msg("got " STR_FMT, STR_ARG(json_text(&a, patch)));
}

static void test_first(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *patch = handover_patch(
        &a,
        parsed(&a,
               "{\"metadata\":{\"resourceVersion\":\"7\",\"annotations\":"
               "{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"},\"managedFields\":"
               "[{\"manager\":\"before-first-apply\",\"operation\":\"Update\",\"fieldsV1\":{\"f:"
               "x\":{}}}]}}"),
        "kustomize-controller");
    node *entry = node_at(node_get(node_at(patch, 0), STR("value")), 0);
    assert_true(str_is(node_get_str(entry, STR("manager")), "kustomize-controller"));
    assert_true(str_is(node_get_str(entry, STR("operation")), "Apply"));
    assert_true(str_is(node_get_str(node_at(patch, 1), STR("path")),
                       "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_union),
        cmocka_unit_test(test_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
