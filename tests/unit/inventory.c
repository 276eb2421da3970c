/* inventory: the ids of the Flux API, and what is new, kept and gone. */
#include "apply/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct kube_ref ref(const char *group, const char *version, const char *kind,
                           const char *namespace, const char *name)
{
    return (struct kube_ref){
        {str_of(group), str_of(version), str_of(kind)}, str_of(namespace), str_of(name)};
}

static void test_ids(void **state UNUSED)
{
    static const struct {
        const char *group, *kind, *namespace, *name, *id;
    } cases[] = {
        {"", "Namespace", "", "apps", "_apps__Namespace"},
        {"apps", "Deployment", "default", "podinfo", "default_podinfo_apps_Deployment"},
        {"", "Service", "default", "podinfo", "default_podinfo__Service"},
        {"rbac.authorization.k8s.io", "ClusterRole", "", "a:b:c",
         "_a__b__c_rbac.authorization.k8s.io_ClusterRole"},
        {"", "ConfigMap", "x", "with_under_score", "x_with_under_score__ConfigMap"},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kube_ref out,
            in = ref(cases[i].group, "v1", cases[i].kind, cases[i].namespace, cases[i].name);
        str id = inventory_id(&a, in);
        assert_true(str_is(id, cases[i].id));
        assert_true(inventory_parse_id(&a, id, STR("v1"), &out));
        assert_true(str_eq(out.kind.group, in.kind.group) && str_eq(out.kind.kind, in.kind.kind));
        assert_true(str_eq(out.namespace, in.namespace) && str_eq(out.name, in.name));
    }
}

static void test_bad_ids(void **state UNUSED)
{
    static const char *const bad[] = {"", "a", "a_b", "a_b_c", "___", "_a__", "a___K"};
    arena a AUTO(arena_done) = {0};
    struct kube_ref out;
    assert_false(inventory_parse_id(&a, STR("n_a_g\0x_K"), STR("v1"), &out));
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (inventory_parse_id(&a, str_of(bad[i]), STR("v1"), &out))
            fail_msg("accepted: %s", bad[i]);
    }
}

static void test_sets(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct inventory old = {0}, now = {0}, out;
    inventory_add(&a, &old, ref("", "v1", "ConfigMap", "n", "a"));
    inventory_add(&a, &old, ref("apps", "v1beta1", "Deployment", "n", "b"));
    inventory_add(&a, &now, ref("apps", "v1", "Deployment", "n", "b"));
    inventory_add(&a, &now, ref("", "v1", "Secret", "n", "c"));

    inventory_minus(&a, &old, &now, &out); /* another version is the same object */
    assert_int_equal(out.count, 1);
    assert_true(str_is(out.refs[0].name, "a"));
    inventory_union(&a, &old, &now, &out);
    assert_int_equal(out.count, 3);
    assert_true(inventory_has(&a, &out, ref("", "v1", "Secret", "n", "c")));
    assert_false(inventory_has(&a, &out, ref("", "v1", "Secret", "m", "c")));
}

static void test_status(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct inventory in = {0}, out;
    size_t bad;
    inventory_add(&a, &in, ref("apps", "v1", "Deployment", "n", "b"));
    node *status = inventory_write(&a, &in);
    node *broken = node_map(&a);
    node_set_str(&a, broken, STR("id"), STR("nonsense"));
    node_push(&a, node_get(status, STR("entries")), broken);
    inventory_read(&a, status, &out, &bad);
    assert_int_equal(out.count, 1);
    assert_int_equal(bad, 1);
    assert_true(str_is(out.refs[0].kind.version, "v1"));
    inventory_read(&a, NULL, &out, &bad);
    assert_int_equal(out.count + bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_bad_ids),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
