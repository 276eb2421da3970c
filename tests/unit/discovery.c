#include "kube/discovery.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Paths and what is answered to them; the body NULL is a server that is down. */
struct answer {
    const char *path, *body;
};
struct server {
    const struct answer *answers;
    size_t count;
    int requests;
};

static err *get(void *context, arena *a, str path, str accept, str *body_out)
{
    struct server *server = context;
    (void)a;
    server->requests++;
    bool root = str_is(path, "/api") || str_is(path, "/apis");
    assert_int_equal(str_find(accept, STR("as=APIGroupDiscoveryList")) >= 0, root);
    for (size_t i = 0; i < server->count; i++) {
        if (!str_is(path, server->answers[i].path)) continue;
        if (!server->answers[i].body) return err_transient("503");
        *body_out = str_of(server->answers[i].body);
        return NULL;
    }
    return err_not_found("404");
}

#define RESOURCE(plural, kind, scope)                                                              \
    "{\"resource\":\"" plural                                                                      \
    "\",\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":\"" kind                        \
    "\"},\"scope\":\"" scope "\",\"verbs\":[\"get\",\"list\",\"watch\"]}"

static const struct answer aggregated[] = {
    {"/api",
     "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{},\"versions\":["
     "{\"version\":\"v1\",\"freshness\":\"Current\",\"resources\":[" RESOURCE(
         "namespaces", "Namespace",
         "Cluster") "," RESOURCE("pods", "Pod",
                                 "Namespaced") ",{\"resource\":\"bindings\",\"responseKind\":{"
                                               "\"kind\":\"Binding\"},\"scope\":"
                                               "\"Namespaced\",\"verbs\":[\"create\"]}]}]}]}"},
    {"/apis",
     "{\"kind\":\"APIGroupDiscoveryList\",\"items\":["
     "null,7,{\"versions\":[null]},{\"metadata\":{\"name\":\"broken\"},\"versions\":{}},"
     "{\"metadata\":{\"name\":\"autoscaling\"},\"versions\":["
     "{\"version\":\"v2\",\"resources\":[" RESOURCE(
         "horizontalpodautoscalers", "HorizontalPodAutoscaler",
         "Namespaced") "]},"
                       "{\"version\":\"v1\",\"resources\":[" RESOURCE(
                           "horizontalpodautoscalers", "HorizontalPodAutoscaler",
                           "Namespaced") "," RESOURCE("olds", "Old",
                                                      "Namespaced") "]}]},"
                                                                    "{\"metadata\":{\"name\":"
                                                                    "\"metrics.k8s.io\"},"
                                                                    "\"versions\":["
                                                                    "{\"version\":\"v1beta1\","
                                                                    "\"freshness\":\"Stale\"}]}]}"},
};

static const struct answer plain[] = {
    {"/api", "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}"},
    {"/api/v1", "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":["
                "{\"name\":\"namespaces\",\"kind\":\"Namespace\",\"namespaced\":false,"
                "\"verbs\":[\"list\",\"watch\"]},"
                "{\"name\":\"namespaces/status\",\"kind\":\"Namespace\",\"namespaced\":false,"
                "\"verbs\":[\"get\"]},"
                "{\"name\":\"pods\",\"kind\":\"Pod\",\"namespaced\":true,\"verbs\":[\"list\"]}]}"},
    {"/apis", "{\"kind\":\"APIGroupList\",\"groups\":["
              "{\"name\":\"metrics.k8s.io\",\"versions\":[{\"version\":\"v1beta1\"}]},"
              "{\"name\":\"autoscaling\",\"versions\":[{\"version\":\"v1\"},{\"version\":\"v2\"}],"
              "\"preferredVersion\":{\"version\":\"v2\"}}]}"},
    {"/apis/metrics.k8s.io/v1beta1", NULL},
    {"/apis/autoscaling/v1", "{\"resources\":[{\"name\":\"horizontalpodautoscalers\",\"kind\":"
                             "\"HorizontalPodAutoscaler\",\"namespaced\":true,\"verbs\":[]},"
                             "{\"name\":\"olds\",\"kind\":\"Old\",\"namespaced\":true}]}"},
    {"/apis/autoscaling/v2", "{\"resources\":[{\"name\":\"horizontalpodautoscalers\",\"kind\":"
                             "\"HorizontalPodAutoscaler\",\"namespaced\":true,\"verbs\":[]}]}"},
};

static const struct discovery_row *find(const struct discovery *table, const char *group,
                                        const char *version, const char *kind)
{
    return discovery_find(table, (struct kube_kind){str_of(group), str_of(version), str_of(kind)});
}

/* Both forms of discovery describe the same server. */
static void check_table(const struct discovery *table)
{
    const struct discovery_row *row = find(table, "", "v1", "Namespace");
    assert_non_null(row);
    assert_true(str_is(row->plural, "namespaces"));
    assert_false(row->namespaced);
    assert_true(row->can_list && row->can_watch);
    assert_true(find(table, "", "v1", "Pod")->namespaced);
    assert_null(find(table, "", "v2", "Pod"));
    assert_null(find(table, "", "v1", "Po"));
    assert_null(find(table, "apps", "v1", "Pod"));
    assert_null(find(table, "", "v1", ""));

    /* The preferred version, and of what it does not have, the next one. */
    assert_true(str_is(find(table, "autoscaling", "", "HorizontalPodAutoscaler")->version, "v2"));
    assert_true(str_is(find(table, "autoscaling", "v1", "HorizontalPodAutoscaler")->version, "v1"));
    assert_true(str_is(find(table, "autoscaling", "", "Old")->version, "v1"));

    assert_true(discovery_is_stale(table, STR("metrics.k8s.io"), STR("v1beta1")));
    assert_true(discovery_is_stale(table, STR("metrics.k8s.io"), STR("")));
    assert_false(discovery_is_stale(table, STR("metrics.k8s.io"), STR("v1")));
    assert_false(discovery_is_stale(table, STR("autoscaling"), STR("")));
}

static void aggregated_discovery_takes_two_requests(void **state)
{
    (void)state;
    struct server server = {aggregated, COUNT(aggregated), 0};
    struct discovery *table AUTO(discovery_unref_done) = NULL;
    assert_null(discovery_load(get, &server, &table));
    assert_int_equal(server.requests, 2);
    check_table(table);
    const struct discovery_row *binding = find(table, "", "v1", "Binding");
    assert_false(binding->can_list || binding->can_watch);
    size_t count;
    assert_non_null(discovery_rows(table, &count));
    assert_int_equal(count, 6);
}

static void plain_discovery_says_the_same(void **state)
{
    (void)state;
    struct server server = {plain, COUNT(plain), 0};
    struct discovery *table AUTO(discovery_unref_done) = NULL;
    assert_null(discovery_load(get, &server, &table));
    assert_int_equal(server.requests, 6);
    check_table(table);
}

static void a_server_that_is_down_gives_no_table(void **state)
{
    (void)state;
    static const struct answer no_groups[] = {
        {"/api", "{\"kind\":\"APIVersions\",\"versions\":[]}"}, {"/apis", NULL}};
    static const struct answer no_json[] = {{"/api", "<html>"}};
    static const struct answer no_core[] = {{"/api", NULL}};
    struct server servers[] = {{no_groups, COUNT(no_groups), 0},
                               {no_json, COUNT(no_json), 0},
                               {no_core, COUNT(no_core), 0}};
    for (size_t i = 0; i < COUNT(servers); i++) {
        struct discovery *table = NULL;
        err *e AUTO(err_done) = discovery_load(get, &servers[i], &table);
        assert_non_null(e);
        assert_null(table);
    }
}

static void a_table_outlives_its_replacement(void **state)
{
    (void)state;
    struct server server = {aggregated, COUNT(aggregated), 0};
    struct discovery *table;
    assert_null(discovery_load(get, &server, &table));
    struct discovery *reader = discovery_ref(table);
    discovery_unref(table);
    assert_non_null(find(reader, "", "v1", "Pod"));
    discovery_unref(reader);
    discovery_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregated_discovery_takes_two_requests),
        cmocka_unit_test(plain_discovery_says_the_same),
        cmocka_unit_test(a_server_that_is_down_gives_no_table),
        cmocka_unit_test(a_table_outlives_its_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
