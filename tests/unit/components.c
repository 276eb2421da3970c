/* components: the objects of an installation are complete, labelled, and hold no unfilled variable.
 */
#include "cli/components.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "control/kind.h"
#include "doc/json.h"

static struct components_options defaults(void)
{
    return (struct components_options){
        .namespace = STR("gitops"),
        .image = STR("registry.example.com/fixpoint:v1"),
        .log_level = STR("info"),
        .cluster_domain = STR("cluster.local"),
        .watch_all_namespaces = true,
        .network_policy = true,
    };
}

static const node *find(node **objects, size_t count, const char *kind, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(node_get_str(objects[i], STR("kind")), kind) &&
            str_is(node_find_str(objects[i], "metadata", "name", NULL), name)) {
            return objects[i];
        }
    }
    fail_msg("there is no %s %s", kind, name);
    return NULL;
}

static void test_objects(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct components_options options = defaults();
    node **objects;
    size_t count;
    assert_null(components_build(&a, &options, &objects, &count));
    assert_true(str_is(node_get_str(objects[0], STR("kind")), "Namespace"));
    assert_true(str_is(node_get_str(objects[1], STR("kind")), "CustomResourceDefinition"));
    for (size_t i = 0; i < count; i++) {
        const node *labels = node_find(objects[i], "metadata", "labels", NULL);
        assert_true(str_is(node_get_str(labels, STR("app.kubernetes.io/part-of")), "flux"));
        assert_true(str_is(node_get_str(labels, STR("app.kubernetes.io/instance")), "gitops"));
        assert_true(str_find(json_text(&a, objects[i]), STR("${")) < 0);
    }
    find(objects, count, "Namespace", "gitops");
    find(objects, count, "Service", "source-controller");
    find(objects, count, "Service", "notification-controller");
    find(objects, count, "Service", "webhook-receiver");
    find(objects, count, "NetworkPolicy", "allow-egress");
    find(objects, count, "ClusterRoleBinding", "cluster-reconciler-gitops");
    ROSTER_EACH (kind, struct kind, row) {
        find(objects, count, "CustomResourceDefinition", str_z(&a, kind_crd_name(&a, *row)));
    }
}

/* The pods carry the selector's labels, the container is called manager and has the image. */
static void test_deployment(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct components_options options = defaults();
    options.image_pull_secret = STR("pull");
    options.toleration_keys = (str[]){STR("infra")};
    options.toleration_count = 1;
    node **objects;
    size_t count;
    assert_null(components_build(&a, &options, &objects, &count));
    const node *deployment = find(objects, count, "Deployment", COMPONENTS_DEPLOYMENT);
    const node *labels = node_find(deployment, "spec", "template", "metadata", "labels", NULL);
    PAIR_EACH (node_find(deployment, "spec", "selector", "matchLabels", NULL), pair) {
        assert_true(str_eq(node_get_str(labels, pair->key), pair->value->text));
    }
    assert_true(str_is(node_get_str(labels, STR("app.kubernetes.io/part-of")), "flux"));
    const node *pod = node_find(deployment, "spec", "template", "spec", NULL);
    const node *container = node_at(node_get(pod, STR("containers")), 0);
    assert_true(str_is(node_get_str(container, STR("name")), "manager"));
    assert_true(str_eq(node_get_str(container, STR("image")), options.image));
    assert_true(
        str_is(json_text(&a, node_get(pod, STR("imagePullSecrets"))), "[{\"name\":\"pull\"}]"));
    assert_true(str_is(json_text(&a, node_get(pod, STR("tolerations"))),
                       "[{\"key\":\"infra\",\"operator\":\"Exists\"}]"));
}

static void test_no_policy(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct components_options options = defaults();
    options.network_policy = false;
    node **objects;
    size_t count;
    assert_null(components_build(&a, &options, &objects, &count));
    for (size_t i = 0; i < count; i++) {
        assert_false(str_is(node_get_str(objects[i], STR("kind")), "NetworkPolicy"));
    }
}

/* Pods of other namespaces reach metrics and webhooks, and nothing else: whoever reaches the intake
 * of events may post what he likes. */
static void test_who_may_post_events(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct components_options options = defaults();
    node **objects;
    size_t count, policies = 0;
    assert_null(components_build(&a, &options, &objects, &count));
    for (size_t i = 0; i < count; i++) {
        if (!str_is(node_get_str(objects[i], STR("kind")), "NetworkPolicy")) continue;
        policies++;
        NODE_EACH (node_find(objects[i], "spec", "ingress", NULL), rule) {
            const node *from = node_at(node_get(rule, STR("from")), 0);
            const node *ports = node_get(rule, STR("ports"));
            if (node_get(from, STR("podSelector")) && !node_get(from, STR("namespaceSelector")))
                continue; /* our own namespace */
            assert_true(node_is_list(ports) && ports->count == 1);
            int64_t port = node_get_int(node_at(ports, 0), STR("port"), 0);
            assert_true(port == 8080 || port == 9292);
        }
    }
    assert_true(policies >= 3);
}

/* Nothing gets into the manifests by way of an option. */
static void test_injection(void **state UNUSED)
{
    static const char *const images[] = {"",  "a b", "x\"", "x\nprivileged: true", "${NAMESPACE}",
                                         "-x"};
    for (size_t i = 0; i < COUNT(images); i++) {
        arena a AUTO(arena_done) = {0};
        struct components_options options = defaults();
        options.image = str_of(images[i]);
        node **objects;
        size_t count;
        err *e AUTO(err_done) = components_build(&a, &options, &objects, &count);
        assert_non_null(e);
        assert_true(str_starts(err_text(e), STR("image: ")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),   cmocka_unit_test(test_deployment),
        cmocka_unit_test(test_no_policy), cmocka_unit_test(test_who_may_post_events),
        cmocka_unit_test(test_injection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
