/* order: stages and ranks of Flux. */
#include "apply/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kube_ref ref(const char *group, const char *kind, const char *name)
{
    return (struct kube_ref){{str_of(group), STR("v1"), str_of(kind)}, STR("n"), str_of(name)};
}

static void test_stages(void **state UNUSED)
{
    static const struct {
        const char *group, *kind;
        enum order_stage stage;
    } cases[] = {
        {"apiextensions.k8s.io", "CustomResourceDefinition", ORDER_DEFINITIONS},
        {"", "Namespace", ORDER_DEFINITIONS},
        {"example.com", "Namespace", ORDER_CONFIG},
        {"rbac.authorization.k8s.io", "ClusterRole", ORDER_DEFINITIONS},
        {"storage.k8s.io", "StorageClass", ORDER_CLASSES},
        {"example.com", "FancyClass", ORDER_CLASSES},
        {"", "ConfigMap", ORDER_CONFIG},
        {"", "Service", ORDER_CONFIG},
        {"apps", "Deployment", ORDER_REST},
        {"example.com", "Widget", ORDER_REST},
        {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", ORDER_WEBHOOKS},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum order_stage stage = order_stage_of(ref(cases[i].group, cases[i].kind, "x"));
        if (stage != cases[i].stage) fail_msg("%s: %d", cases[i].kind, (int)stage);
    }
}

/* Every pair of the list, both ways round. */
static void test_compare(void **state UNUSED)
{
    const struct kube_ref sorted[] = {
        ref("apiextensions.k8s.io", "CustomResourceDefinition", "x"),
        ref("", "Namespace", "x"),
        ref("rbac.authorization.k8s.io", "ClusterRole", "x"),
        ref("storage.k8s.io", "StorageClass", "x"),
        ref("rbac.authorization.k8s.io", "ClusterRoleBinding", "x"),
        ref("", "ServiceAccount", "x"),
        ref("", "ConfigMap", "a"),
        ref("", "ConfigMap", "b"),
        ref("", "Secret", "a"),
        ref("", "Service", "a"),
        ref("apps", "Deployment", "a"),
        ref("apps", "StatefulSet", "a"),
        ref("policy", "PodDisruptionBudget", "a"),
        ref("batch", "Job", "a"),
        ref("example.com", "Alpha", "a"),
        ref("networking.k8s.io", "Ingress", "a"),
        ref("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "a"),
        ref("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "a"),
    };
    for (size_t i = 0; i < COUNT(sorted); i++) {
        assert_int_equal(order_compare(sorted[i], sorted[i]), 0);
        for (size_t k = i + 1; k < COUNT(sorted); k++) {
            assert_true(order_compare(sorted[i], sorted[k]) < 0);
            assert_true(order_compare(sorted[k], sorted[i]) > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stages),
                                       cmocka_unit_test(test_compare)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
