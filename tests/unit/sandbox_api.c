/* sandbox_api: requests to the router without a socket; what a real API server answered is the
 * golden of tests/cluster/test_probe.py, here are the edges. */
#include "sandbox/sandbox_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/json.h"

struct fixture {
    arena a;
    struct world world;
    struct sandbox_api api;
    int status;
};

static const str groups[] = {{"system:masters", 14}};
static const struct sandbox_api_user users[] = {
    {{"root", 4}, {"root", 4}, groups, 1},
    {{"guest", 5}, {"guest", 5}, NULL, 0},
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->world.store = store_new();
    f->world.served = served_new(f->world.store);
    f->api = (struct sandbox_api){
        .world = &f->world, .users = users, .user_count = COUNT(users), .audit_fd = -1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    served_free(f->world.served);
    store_free(f->world.store);
    arena_done(&f->a);
    test_free(f);
    return 0;
}

/* Quotes are written as ' in bodies. */
static node *ask(struct fixture *f, const char *token, const char *method, const char *target,
                 const char *type, const char *body)
{
    str path, query = {0};
    str_cut(str_of(target), '?', &path, &query);
    struct sandbox_api_request request = {
        .method = str_of(method),
        .path = path,
        .query = query,
        .body = str_replace(&f->a, str_of(body), STR("'"), STR("\"")),
        .authorization = str_printf(&f->a, "Bearer %s", token),
        .content_type = str_of(type),
        .user_agent = STR("tester/1"),
    };
    struct httpd_answer answer = {0};
    sandbox_api_answer(&f->api, &f->a, &request, &answer);
    f->status = answer.status;
    node *out = NULL;
    err *e = json_parse(&f->a, answer.body, (struct json_options){0}, &out);
    assert_null(e);
    return out;
}

#define JSON  "application/json"
#define APPLY "application/apply-patch+yaml"
#define MAPS  "/api/v1/namespaces/one/configmaps"

static void make_namespace(struct fixture *f)
{
    ask(f, "root", "POST", "/api/v1/namespaces", JSON, "{'metadata':{'name':'one'}}");
    assert_int_equal(f->status, 201);
}

static void assert_text(str have, const char *want)
{
    if (!str_is(have, want)) fail_msg("'%.*s' is not '%s'", STR_ARG(have), want);
}

static void applies_and_conflicts(void **state)
{
    struct fixture *f = *state;
    make_namespace(f);
    ask(f, "root", "PATCH", MAPS "/a?fieldManager=x", APPLY,
        "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'a'},'data':{'k':'1','l':'1'}}");
    assert_int_equal(f->status, 201);
    node *out = ask(f, "root", "PATCH", MAPS "/a?fieldManager=y", APPLY,
                    "{'apiVersion':'v1','kind':'ConfigMap','data':{'k':'2'}}");
    assert_int_equal(f->status, 409);
    assert_text(node_get_str(out, STR("message")),
                "Apply failed with 1 conflict: conflict with \"x\": .data.k");
    out = ask(f, "root", "PATCH", MAPS "/a?fieldManager=y&force=true", APPLY,
              "{'apiVersion':'v1','kind':'ConfigMap','data':{'k':'2'}}");
    assert_int_equal(f->status, 200);
    node *entries = node_find(out, "metadata", "managedFields", NULL);
    assert_int_equal(entries->count, 2);
    assert_text(json_text(&f->a, node_get(entries->items[0], STR("fieldsV1"))),
                "{\"f:data\":{\"f:l\":{}}}");
    out = ask(f, "root", "PATCH", MAPS "/a?fieldManager=x", APPLY,
              "{'apiVersion':'v1','kind':'ConfigMap'}");
    assert_text(json_text(&f->a, node_get(out, STR("data"))), "{\"k\":\"2\"}");
}

static void writes_nothing_when_nothing_changes(void **state)
{
    struct fixture *f = *state;
    make_namespace(f);
    const char *body = "{'apiVersion':'v1','kind':'ConfigMap','data':{'k':'1'}}";
    node *first = ask(f, "root", "PATCH", MAPS "/a?fieldManager=x", APPLY, body);
    node *again = ask(f, "root", "PATCH", MAPS "/a?fieldManager=x", APPLY, body);
    assert_true(node_equal(first, again));
    ask(f, "root", "PATCH", MAPS "/b?fieldManager=x&dryRun=All", APPLY, body);
    ask(f, "root", "GET", MAPS "/b", "", "");
    assert_int_equal(f->status, 404);
}

static void refuses(void **state)
{
    struct fixture *f = *state;
    make_namespace(f);
    ask(f, "nobody", "GET", MAPS, "", "");
    assert_int_equal(f->status, 401);
    ask(f, "guest", "GET", MAPS, "", "");
    assert_int_equal(f->status, 403);
    node *out = ask(f, "root", "POST", MAPS, JSON, "{'metadata':{'name':'X_y'}}");
    assert_int_equal(f->status, 422);
    assert_text(node_find_str(out, "details", "kind", NULL), "ConfigMap");
    ask(f, "root", "POST", MAPS, JSON, "[");
    assert_int_equal(f->status, 400);
    ask(f, "root", "GET", "/api/v1/a/b/c/d/e/f/g/h/i", "", "");
    assert_int_equal(f->status, 404);
    ask(f, "root", "GET", MAPS "?continue=!", "", "");
    assert_int_equal(f->status, 400);
}

static void roles_open_what_they_name(void **state)
{
    struct fixture *f = *state;
    make_namespace(f);
    const char *rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/one/";
    str roles = str_printf(&f->a, "%sroles", rbac),
        bindings = str_printf(&f->a, "%srolebindings", rbac);
    ask(f, "root", "POST", str_z(&f->a, roles), JSON,
        "{'metadata':{'name':'r'},'rules':[{'apiGroups':[''],'resources':['configmaps'],"
        "'verbs':['list']}]}");
    assert_int_equal(f->status, 201);
    ask(f, "root", "POST", str_z(&f->a, bindings), JSON,
        "{'metadata':{'name':'b'},'roleRef':{'kind':'Role','name':'r'},"
        "'subjects':[{'kind':'User','name':'guest'}]}");
    ask(f, "guest", "GET", MAPS, "", "");
    assert_int_equal(f->status, 200);
    ask(f, "guest", "GET", "/api/v1/namespaces/one/secrets", "", "");
    assert_int_equal(f->status, 403);
    ask(f, "guest", "GET", "/api/v1/configmaps", "", "");
    assert_int_equal(f->status, 403);
}

static void pages_and_selects(void **state)
{
    struct fixture *f = *state;
    make_namespace(f);
    for (int i = 0; i < 5; i++) {
        str body = str_printf(&f->a, "{'metadata':{'name':'m%d','labels':{'n':'%d'}}}", i, i % 2);
        ask(f, "root", "POST", MAPS, JSON, str_z(&f->a, body));
    }
    node *page = ask(f, "root", "GET", MAPS "?limit=2", "", "");
    assert_int_equal(node_get(page, STR("items"))->count, 2);
    str token = node_find_str(page, "metadata", "continue", NULL);
    str next = str_printf(&f->a, MAPS "?limit=9&continue=%.*s", STR_ARG(token));
    page = ask(f, "root", "GET", str_z(&f->a, next), "", "");
    assert_int_equal(node_get(page, STR("items"))->count, 3);
    page = ask(f, "root", "GET", MAPS "?labelSelector=n%3D1", "", "");
    assert_int_equal(node_get(page, STR("items"))->count, 2);
    page = ask(f, "root", "GET", MAPS "?fieldSelector=metadata.name%3Dm3", "", "");
    assert_int_equal(node_get(page, STR("items"))->count, 1);
}

static const char crd[] =
    "{'metadata':{'name':'things.example.com'},'spec':{'group':'example.com','scope':'Cluster',"
    "'names':{'plural':'things','kind':'Thing'},'versions':[{'name':'v1','served':true,"
    "'storage':true,'subresources':{'status':{}},'schema':{'openAPIV3Schema':{'type':'object',"
    "'properties':{'spec':{'type':'object','required':['size'],'properties':{'size':{'type':"
    "'integer','minimum':1},'color':{'type':'string','default':'red','enum':['red','blue']}}},"
    "'status':{'type':'object','x-kubernetes-preserve-unknown-fields':true}}}}}]}}";
#define THINGS "/apis/example.com/v1/things"

static void serves_custom_kinds(void **state)
{
    struct fixture *f = *state;
    ask(f, "root", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", JSON, crd);
    assert_int_equal(f->status, 201);
    node *out = ask(f, "root", "POST", THINGS, JSON,
                    "{'metadata':{'name':'a'},'spec':{'size':2,'gone':1},'status':{'x':1}}");
    assert_int_equal(f->status, 201);
    assert_text(json_text(&f->a, node_get(out, STR("spec"))), "{\"size\":2,\"color\":\"red\"}");
    assert_null(node_get(out, STR("status")));
    out = ask(f, "root", "POST", THINGS, JSON, "{'metadata':{'name':'b'},'spec':{'size':0}}");
    assert_int_equal(f->status, 422);
    assert_text(
        node_get_str(out, STR("message")),
        "Thing.example.com \"b\" is invalid: spec.size: Invalid value: 0: spec.size in body "
        "should be greater than or equal to 1");
    out = ask(f, "root", "PATCH", THINGS "/a/status", "application/merge-patch+json",
              "{'spec':{'size':9},'status':{'ok':true}}");
    assert_text(json_text(&f->a, node_get(out, STR("status"))), "{\"ok\":true}");
    assert_int_equal(node_get_int(node_get(out, STR("spec")), STR("size"), 0), 2);
}

static void finalizers_hold_and_versions_conflict(void **state)
{
    struct fixture *f = *state;
    make_namespace(f);
    ask(f, "root", "POST", MAPS, JSON, "{'metadata':{'name':'a','finalizers':['x.io/y']}}");
    ask(f, "root", "DELETE", MAPS "/a", "", "");
    node *out = ask(f, "root", "GET", MAPS "/a", "", "");
    assert_true(node_find_str(out, "metadata", "deletionTimestamp", NULL).len > 0);
    ask(f, "root", "PATCH", MAPS "/a", "application/merge-patch+json",
        "{'metadata':{'resourceVersion':'1','finalizers':null}}");
    assert_int_equal(f->status, 409);
    ask(f, "root", "PATCH", MAPS "/a", "application/merge-patch+json",
        "{'metadata':{'finalizers':null}}");
    assert_int_equal(f->status, 200);
    ask(f, "root", "GET", MAPS "/a", "", "");
    assert_int_equal(f->status, 404);
}

static void snapshots_come_back(void **state)
{
    struct fixture *f = *state;
    make_namespace(f);
    node *dump = store_dump(&f->a, f->world.store);
    struct store *other = store_new();
    assert_null(store_restore(other, dump));
    assert_int_equal(store_version(other), store_version(f->world.store));
    assert_non_null(store_get(store_collection(other, STR("/namespaces")), STR(""), STR("one")));
    store_free(other);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(applies_and_conflicts),
        T(writes_nothing_when_nothing_changes),
        T(refuses),
        T(roles_open_what_they_name),
        T(pages_and_selects),
        T(serves_custom_kinds),
        T(finalizers_hold_and_versions_conflict),
        T(snapshots_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
