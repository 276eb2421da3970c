#include "render/tables.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_unknown_is_nothing(void **state)
{
    (void)state;
    assert_false(tables_cluster_scoped(STR("example.com/v1"), STR("Namespace")));
    assert_false(tables_cluster_scoped(STR(""), STR("")));
    assert_int_equal(tables_kind_rank(STR("Widget")), 0);
    assert_int_equal(tables_type(STR("autoscaling/v2"), STR("HorizontalPodAutoscaler")), 0);
    assert_null(tables_merge_field(0, STR("metadata")));
    assert_null(tables_merge_field(tables_type(STR("v1"), STR("Pod")), STR("kind")));
}

static void test_scope(void **state)
{
    (void)state;
    assert_true(tables_cluster_scoped(STR("v1"), STR("Namespace")));
    assert_true(tables_cluster_scoped(STR("storage.k8s.io/v1beta1"), STR("VolumeAttachment")));
    assert_true(tables_cluster_scoped(STR("admissionregistration.k8s.io/v1"),
                                      STR("MutatingWebhookConfiguration")));
    assert_false(tables_cluster_scoped(STR("v1"), STR("Pod")));
    assert_false(tables_cluster_scoped(STR("rbac.authorization.k8s.io/v1"), STR("Role")));
}

static void test_ranks_run_up_to_and_from_zero(void **state)
{
    (void)state;
    assert_int_equal(tables_kind_rank(STR("Namespace")), -22);
    assert_int_equal(tables_kind_rank(STR("PodDisruptionBudget")), -1);
    assert_int_equal(tables_kind_rank(STR("MutatingWebhookConfiguration")), 1);
    assert_int_equal(tables_kind_rank(STR("ValidatingWebhookConfiguration")), 2);
}

static bool has_spec(enum tables_list list, const char *path, const char *kind, bool create)
{
    struct field_specs specs = tables_field_specs(list);
    for (size_t i = 0; i < specs.count; i++) {
        const struct field_spec *spec = &specs.items[i];
        if (str_is(spec->path, path) && str_is(spec->kind, kind) && spec->create == create)
            return true;
    }
    return false;
}

static void test_lists(void **state)
{
    (void)state;
    static const size_t counts[TABLES_LIST_COUNT] = {1, 1, 3, 32, 0, 9, 1, 9, 72, 7, 4};
    for (size_t i = 0; i < TABLES_LIST_COUNT; i++)
        assert_int_equal(tables_field_specs((enum tables_list)i).count, counts[i]);
    assert_true(has_spec(TABLES_NAME_PREFIX, "metadata/name", "", false));
    assert_true(has_spec(TABLES_COMMON_LABELS, "metadata/labels", "", true));
    assert_true(has_spec(TABLES_COMMON_LABELS, "spec/selector/matchLabels", "Job", false));
    assert_true(has_spec(TABLES_IMAGES, "spec/volumes[]/image/reference", "", true));
    assert_true(has_spec(TABLES_REPLICAS, "spec/replicas", "ReplicationController", true));
}

static void test_name_references(void **state)
{
    (void)state;
    size_t count, referrers = 0;
    const struct name_reference *references = tables_name_references(&count);
    assert_int_equal(count, 16);
    for (size_t i = 0; i < count; i++) {
        referrers += references[i].referrers.count;
        if (!str_is(references[i].kind, "Secret")) continue;
        assert_true(str_is(references[i].version, "v1"));
        assert_int_equal(references[i].group.len, 0);
        bool escaped = false;
        for (size_t k = 0; k < references[i].referrers.count; k++)
            escaped |= str_is(references[i].referrers.items[k].path,
                              "metadata/annotations/ingress.kubernetes.io\\/auth-secret");
        assert_true(escaped);
    }
    assert_int_equal(referrers, 167);
}

static const struct merge_field *field_at(const char *version, const char *kind, ...)
{
    uint16_t type = tables_type(str_of(version), str_of(kind));
    const struct merge_field *field = NULL;
    va_list names;
    va_start(names, kind);
    for (const char *name; (name = va_arg(names, const char *));) {
        field = tables_merge_field(type, str_of(name));
        type = field ? field->type : 0;
    }
    va_end(names);
    return field;
}

static void test_merge_keys(void **state)
{
    (void)state;
    const struct merge_field *ports =
        field_at("apps/v1", "Deployment", "spec", "template", "spec", "containers", "ports", NULL);
    assert_non_null(ports);
    assert_true(ports->list);
    assert_int_equal(ports->key_count, 2);
    assert_true(str_is(ports->keys[0], "containerPort"));
    assert_true(str_is(ports->keys[1], "protocol"));

    const struct merge_field *finalizers = field_at("v1", "Secret", "metadata", "finalizers", NULL);
    assert_true(finalizers->list);
    assert_int_equal(finalizers->key_count, 0);

    assert_null(field_at("networking.k8s.io/v1", "Ingress", "spec", NULL));
    assert_true(field_at("batch/v1beta1", "CronJob", "spec", "jobTemplate", "spec", "template",
                         "spec", "volumes", "ephemeral", "volumeClaimTemplate", "metadata",
                         "ownerReferences", NULL)
                    ->list);
    assert_false(field_at("v1", "Service", "spec", NULL)->list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_is_nothing),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_ranks_run_up_to_and_from_zero),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_name_references),
        cmocka_unit_test(test_merge_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
