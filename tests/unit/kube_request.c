#include "kube/kube_request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/json.h"

static const struct kube_request_client client = {
    .server = {"https://s:6443/prefix", 21},
    .field_manager = {"fixpoint", 8},
};
static const struct kube_resource deployments = {.plural = {"deployments", 11}, .namespaced = true};
static const struct kube_resource nodes = {.plural = {"nodes", 5}};
#define DEPLOYMENT                                                                                 \
    {                                                                                              \
        STR("apps"), STR("v1"), STR("Deployment")                                                  \
    }
#define NODE                                                                                       \
    {                                                                                              \
        STR(""), STR("v1"), STR("Node")                                                            \
    }

static str header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (str_is(request->headers[i].name, name)) return request->headers[i].value;
    return (str){0};
}

static struct http_request build(arena *a, struct kube_request request)
{
    struct http_request out;
    bool cluster = str_is(request.ref.kind.kind, "Node");
    assert_null(kube_request_build(a, client, &request, cluster ? &nodes : &deployments, &out));
    return out;
}

static const struct {
    struct kube_request request;
    const char *method, *url, *content_type, *body;
} forms[] = {
    {{.verb = KUBE_GET, .ref = {DEPLOYMENT, STR("ns"), STR("d")}},
     "GET",
     "/apis/apps/v1/namespaces/ns/deployments/d",
     "",
     ""},
    {{.verb = KUBE_GET, .ref = {NODE, STR("ignored"), STR("n:1 x")}},
     "GET",
     "/api/v1/nodes/n%3A1%20x",
     "",
     ""},
    {{.verb = KUBE_CREATE, .ref = {DEPLOYMENT, STR("ns"), STR("d")}, .body_json = STR("{}")},
     "POST",
     "/apis/apps/v1/namespaces/ns/deployments?fieldManager=fixpoint",
     "application/json",
     "{}"},
    {{.verb = KUBE_CREATE, .ref = {DEPLOYMENT, STR("ns"), STR("d")}, .subresource = "scale"},
     "POST",
     "/apis/apps/v1/namespaces/ns/deployments/d/scale?fieldManager=fixpoint",
     "application/json",
     ""},
    {{.verb = KUBE_UPDATE,
      .ref = {DEPLOYMENT, STR("ns"), STR("d")},
      .subresource = "status",
      .body_json = STR("{}"),
      .field_manager = STR("me&you")},
     "PUT",
     "/apis/apps/v1/namespaces/ns/deployments/d/status?fieldManager=me%26you",
     "application/json",
     "{}"},
    {{.verb = KUBE_APPLY,
      .ref = {DEPLOYMENT, STR("ns"), STR("d")},
      .body_json = STR("{}"),
      .dry_run = true,
      .force = true},
     "PATCH",
     "/apis/apps/v1/namespaces/ns/deployments/d?dryRun=All&fieldManager=fixpoint&force=true",
     "application/apply-patch+yaml",
     "{}"},
    {{.verb = KUBE_MERGE_PATCH, .ref = {DEPLOYMENT, STR("ns"), STR("d")}, .force = true},
     "PATCH",
     "/apis/apps/v1/namespaces/ns/deployments/d?fieldManager=fixpoint",
     "application/merge-patch+json",
     ""},
    {{.verb = KUBE_JSON_PATCH, .ref = {DEPLOYMENT, STR("ns"), STR("d")}, .body_json = STR("[]")},
     "PATCH",
     "/apis/apps/v1/namespaces/ns/deployments/d?fieldManager=fixpoint",
     "application/json-patch+json",
     "[]"},
    {{.verb = KUBE_DELETE, .ref = {DEPLOYMENT, STR("ns"), STR("d")}},
     "DELETE",
     "/apis/apps/v1/namespaces/ns/deployments/d",
     "application/json",
     "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\"}"},
    {{.verb = KUBE_DELETE,
      .ref = {NODE, {0}, STR("n")},
      .propagation = "Orphan",
      .uid = STR("u"),
      .resource_version = STR("7"),
      .dry_run = true},
     "DELETE",
     "/api/v1/nodes/n?dryRun=All",
     "application/json",
     "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Orphan\","
     "\"preconditions\":{\"uid\":\"u\",\"resourceVersion\":\"7\"}}"},
    {{.verb = KUBE_LIST,
      .ref = {DEPLOYMENT, {0}, STR("ignored")},
      .limit = 500,
      .continue_token = STR("a=b"),
      .label_selector = STR("x in (a,b)"),
      .field_selector = STR("metadata.name=y")},
     "GET",
     "/apis/apps/v1/deployments?labelSelector=x%20in%20%28a%2Cb%29&fieldSelector=metadata.name"
     "%3Dy&limit=500&continue=a%3Db",
     "",
     ""},
    {{.verb = KUBE_LIST,
      .ref = {DEPLOYMENT, STR("ns"), {0}},
      .resource_version = STR("42"),
      .watch_seconds = 300},
     "GET",
     "/apis/apps/v1/namespaces/ns/deployments?resourceVersion=42&watch=true&"
     "allowWatchBookmarks=true&timeoutSeconds=300",
     "",
     ""},
};

static void each_verb_has_its_form(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct http_request out = build(&a, forms[i].request);
        assert_string_equal(out.method, forms[i].method);
        assert_string_equal(str_z(&a, str_skip(out.url, client.server.len)), forms[i].url);
        assert_true(str_starts(out.url, client.server));
        assert_true(str_is(header(&out, "content-type"), forms[i].content_type));
        assert_true(str_is(header(&out, "accept"), "application/json"));
        assert_true(str_is(out.body, forms[i].body));
        assert_false(out.follow);
    }
}

/* The whole namespace is not a configmap named "..", nor the collection one without a name. */
static void a_name_cannot_change_the_path(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    static const str bad[] = {{0},         {".", 1},     {"..", 2},   {"a/b", 3},
                              {"../x", 4}, {"a%2fb", 5}, {"a\nb", 3}, {"a\0b", 3}};
    static const enum kube_verb verbs[] = {KUBE_GET,         KUBE_UPDATE,     KUBE_APPLY,
                                           KUBE_MERGE_PATCH, KUBE_JSON_PATCH, KUBE_DELETE};
    for (size_t i = 0; i < COUNT(bad); i++) {
        for (size_t j = 0; j < COUNT(verbs); j++) {
            struct http_request out;
            struct kube_request request = {.verb = verbs[j],
                                           .ref = {DEPLOYMENT, STR("ns"), bad[i]}};
            err *e AUTO(err_done) = kube_request_build(&a, client, &request, &deployments, &out);
            assert_true(err_is(e, ERR_INVALID));
            if (!bad[i].len) continue; /* a namespace may be missing */
            request.ref = (struct kube_ref){DEPLOYMENT, bad[i], STR("d")};
            err *namespace AUTO(err_done) =
                kube_request_build(&a, client, &request, &deployments, &out);
            assert_true(err_is(namespace, ERR_INVALID));
        }
    }
}

static void metadata_is_asked_for_by_its_name(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct kube_request request = {
        .verb = KUBE_LIST, .ref = {.kind = DEPLOYMENT}, .metadata_only = true};
    struct http_request list = build(&a, request);
    assert_true(str_is(header(&list, "accept"),
                       "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
                       "application/json"));
    request.watch_seconds = 10;
    struct http_request watch = build(&a, request);
    assert_true(str_is(header(&watch, "accept"),
                       "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
                       "application/json"));
    assert_int_equal(watch.stall_ms, -1);
    assert_true(watch.timeout_ms > 10 * 1000);
}

static void impersonation_is_a_header_or_none(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct kube_request request = {.verb = KUBE_LIST, .ref = {.kind = DEPLOYMENT}};
    struct http_request plain = build(&a, request), as;
    for (size_t i = 0; i < plain.header_count; i++)
        assert_false(str_is(plain.headers[i].name, "impersonate-user"));
    struct kube_request_client other = client;
    other.impersonate = STR("system:serviceaccount:ns:me");
    assert_null(kube_request_build(&a, other, &request, &deployments, &as));
    assert_true(str_is(header(&as, "impersonate-user"), "system:serviceaccount:ns:me"));
}

static void a_body_may_be_a_tree(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *body;
    assert_null(json_parse(&a, STR("{\"a\":[1,\"x\"]}"), (struct json_options){0}, &body));
    struct http_request out =
        build(&a, (struct kube_request){
                      .verb = KUBE_APPLY, .ref = {DEPLOYMENT, STR("ns"), STR("d")}, .body = body});
    assert_true(str_is(out.body, "{\"a\":[1,\"x\"]}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_verb_has_its_form),
        cmocka_unit_test(a_name_cannot_change_the_path),
        cmocka_unit_test(metadata_is_asked_for_by_its_name),
        cmocka_unit_test(impersonation_is_a_header_or_none),
        cmocka_unit_test(a_body_may_be_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
