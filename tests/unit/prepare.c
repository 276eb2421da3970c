/* prepare: what is added, folded and dropped before an object is sent. */
#include "apply/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"

static node *parsed(arena *a, const char *json)
{
    node *n = NULL;
    err *e = json_parse(a, str_of(json), (struct json_options){0}, &n);
    if (e) fail_msg("%s", e->message);
    return n;
}

static const struct prepare_options owner = {.owner_name = {"apps", 4},
                                             .owner_namespace = {"flux", 4}};

static void expect(const char *in, const char *out)
{
    arena a AUTO(arena_done) = {0};
    node *object = parsed(&a, in);
    err *e = prepare_object(&a, object, &owner);
    if (e) fail_msg("%s", e->message);
    if (!node_equal(object, parsed(&a, out)))
        fail_msg("got " STR_FMT, STR_ARG(json_text(&a, object)));
}

#define OWNER                                                                                      \
    "\"labels\":{\"kustomize.toolkit.fluxcd.io/name\":\"apps\","                                   \
    "\"kustomize.toolkit.fluxcd.io/namespace\":\"flux\"}"

static void test_normal(void **state UNUSED)
{
    expect("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
           "\"creationTimestamp\":null,\"uid\":\"x\",\"resourceVersion\":\"1\"},\"status\":{}}",
           "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"," OWNER
           "}}");
    expect("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"},"
           "\"data\":{\"k\":\"eA==\",\"j\":\"eA==\"},\"stringData\":{\"k\":\"new\"}}",
           "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"," OWNER "},"
           "\"data\":{\"k\":\"bmV3\",\"j\":\"eA==\"}}");
    expect("{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a\"},"
           "\"spec\":{\"ports\":[{\"port\":1},{\"port\":2,\"protocol\":\"UDP\"}]}}",
           "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a\"," OWNER "},"
           "\"spec\":{\"ports\":[{\"port\":1,\"protocol\":\"TCP\"},{\"port\":2,\"protocol\":"
           "\"UDP\"}]}}");
    expect("{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\"a\"},"
           "\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{\"containers\":"
           "[{\"ports\":[{\"containerPort\":1}]}]}}}}}}",
           "{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\"a\"," OWNER
           "},"
           "\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{\"containers\":"
           "[{\"ports\":[{\"containerPort\":1,\"protocol\":\"TCP\"}]}]}}}}}}");
    expect("{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
           "\"metadata\":{\"name\":\"a\"},\"status\":{\"x\":1}}",
           "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
           "\"metadata\":{\"name\":\"a\"," OWNER "},\"status\":{\"x\":1}}");
}

/* A value of the wrong type in a Secret is refused here, where it is not quoted. */
static void test_secret_values(void **state UNUSED)
{
    static const char *const bad[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\",\"namespace\":"
        "\"n\"},"
        "\"stringData\":{\"pin\":424283171}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\",\"namespace\":"
        "\"n\"},"
        "\"data\":{\"pin\":424283171}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\",\"namespace\":"
        "\"n\"},"
        "\"stringData\":{\"pin\":{\"x\":424283171}}}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        arena a AUTO(arena_done) = {0};
        err *e AUTO(err_done) = prepare_object(&a, parsed(&a, bad[i]), &owner);
        assert_non_null(e);
        assert_non_null(strstr(e->message, "Secret/n/a: "));
        assert_non_null(strstr(e->message, ".pin is a"));
        assert_null(strstr(e->message, "424283171"));
    }
}

static void test_common_metadata(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *labels = parsed(&a, "{\"team\":\"x\",\"kustomize.toolkit.fluxcd.io/name\":\"mine\"}");
    struct prepare_options options = owner;
    options.common_labels = labels;
    node *object =
        parsed(&a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                   "\"labels\":{\"team\":\"y\"}}}");
    assert_null(prepare_object(&a, object, &options));
    assert_true(str_is(node_find_str(object, "metadata", "labels", "team", NULL), "x"));
    object =
        parsed(&a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                   "\"labels\":[]}}");
    err *e AUTO(err_done) = prepare_object(&a, object, &options);
    assert_string_equal(e->message, "ConfigMap/a: metadata.labels is no map");
}

static void test_switches(void **state UNUSED)
{
    static const struct {
        const char *place, *key, *value;
        enum prepare_policy policy;
        bool forced, kept;
    } cases[] = {
        {"labels", "ssa", "ignore", PREPARE_IGNORE, false, true},
        {"annotations", "ssa", "Ignore", PREPARE_IGNORE, false, true},
        {"annotations", "ssa", "Merge", PREPARE_MERGE, false, false},
        {"annotations", "ssa", "IfNotPresent", PREPARE_IF_NOT_PRESENT, false, false},
        {"annotations", "ssa", "Override", PREPARE_APPLY, false, false},
        {"annotations", "reconcile", "Disabled", PREPARE_IGNORE, false, true},
        {"annotations", "prune", "disabled", PREPARE_APPLY, false, true},
        {"labels", "force", "Enabled", PREPARE_APPLY, true, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        str json =
            str_printf(&a, "{\"metadata\":{\"%s\":{\"kustomize.toolkit.fluxcd.io/%s\":\"%s\"}}}",
                       cases[i].place, cases[i].key, cases[i].value);
        node *object = parsed(&a, json.data);
        assert_int_equal(prepare_policy_of(object), cases[i].policy);
        assert_int_equal(prepare_is_forced(object), cases[i].forced);
        assert_int_equal(prepare_is_prune_disabled(object), cases[i].kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_secret_values),
        cmocka_unit_test(test_common_metadata),
        cmocka_unit_test(test_switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
