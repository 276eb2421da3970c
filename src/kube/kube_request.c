#include "kube/kube_request.h"

#include "doc/json.h"
#include "net/url.h"

#define METADATA(kind) "application/json;as=" kind ";g=meta.k8s.io;v=v1,application/json"

enum {
    HEADERS_MAX = 3,
    TIMEOUT_MS = 30000,
    WATCH_GRACE_MS = 30000, /* after the time at which the server ends a watch by itself */
};

static const struct verb {
    const char *method, *content_type;
    bool named;  /* the path names the object */
    bool writes; /* takes a field manager */
} verbs[] = {
    [KUBE_GET] = {"GET", NULL, true, false},
    [KUBE_LIST] = {"GET", NULL, false, false},
    [KUBE_CREATE] = {"POST", "application/json", false, true},
    [KUBE_UPDATE] = {"PUT", "application/json", true, true},
    [KUBE_APPLY] = {"PATCH", "application/apply-patch+yaml", true, true},
    [KUBE_MERGE_PATCH] = {"PATCH", "application/merge-patch+json", true, true},
    [KUBE_JSON_PATCH] = {"PATCH", "application/json-patch+json", true, true},
    [KUBE_DELETE] = {"DELETE", "application/json", true, false},
};

static err *check_ref(struct kube_ref ref, bool named);
static str url_of(arena *a, struct kube_request_client client, const struct kube_request *request,
                  const struct kube_resource *resource, bool named);
static str body_of(arena *a, const struct kube_request *request);
static const char *accept_of(const struct kube_request *request);

err *kube_request_build(arena *a, struct kube_request_client client,
                        const struct kube_request *request, const struct kube_resource *resource,
                        struct http_request *out)
{
    const struct verb *verb = &verbs[request->verb];
    bool named = verb->named || request->subresource;
    TRY(check_ref(request->ref, named));

    struct http_header *headers = NEW_ARRAY(a, struct http_header, HEADERS_MAX);
    size_t count = 0;
    headers[count++] = (struct http_header){STR("accept"), str_of(accept_of(request))};
    if (verb->content_type)
        headers[count++] = (struct http_header){STR("content-type"), str_of(verb->content_type)};
    if (client.impersonate.len)
        headers[count++] = (struct http_header){STR("impersonate-user"), client.impersonate};

    *out = (struct http_request){
        .method = verb->method,
        .url = url_of(a, client, request, resource, named),
        .headers = headers,
        .header_count = count,
        .body = body_of(a, request),
        .timeout_ms = request->timeout_ms ? request->timeout_ms : TIMEOUT_MS,
    };
    if (request->watch_seconds > 0) {
        out->timeout_ms = (int64_t)request->watch_seconds * 1000 + WATCH_GRACE_MS;
        out->stall_ms = -1; /* silence is what a watch is for */
    }
    return NULL;
}

static const char *accept_of(const struct kube_request *request)
{
    if (!request->metadata_only) return "application/json";
    if (request->verb == KUBE_LIST && !request->watch_seconds)
        return METADATA("PartialObjectMetadataList");
    return METADATA("PartialObjectMetadata");
}

/* The rule of the API for a part of a path. Whatever escapes its place there would address another
 * object: `..` of a name is the whole namespace, an empty one the whole collection. */
static bool is_segment(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] == '/' || s.data[i] == '%' || (unsigned char)s.data[i] < ' ') return false;
    return s.len && !str_is(s, ".") && !str_is(s, "..");
}

static err *check_ref(struct kube_ref ref, bool named)
{
    if (named && !is_segment(ref.name))
        return err_invalid(STR_FMT ": '" STR_FMT "' is not a name", STR_ARG(ref.kind.kind),
                           STR_ARG(str_head_utf8(ref.name, 253)));
    if (ref.namespace.len && !is_segment(ref.namespace))
        return err_invalid(STR_FMT " '" STR_FMT "': '" STR_FMT "' is not a namespace",
                           STR_ARG(ref.kind.kind), STR_ARG(str_head_utf8(ref.name, 253)),
                           STR_ARG(str_head_utf8(ref.namespace, 253)));
    return NULL;
}

/* ---- URL ---- */

static void add_query(arena *a, buf *url, const char *name, str value)
{
    bool first = !str_has_char(buf_str(url), '?');
    buf_add_char(url, first ? '?' : '&');
    buf_add(url, str_of(name));
    buf_add_char(url, '=');
    buf_add(url, url_escape(a, value));
}

static void add_list_query(arena *a, buf *url, const struct kube_request *request)
{
    if (request->label_selector.len) add_query(a, url, "labelSelector", request->label_selector);
    if (request->field_selector.len) add_query(a, url, "fieldSelector", request->field_selector);
    if (request->limit > 0) add_query(a, url, "limit", str_printf(a, "%d", request->limit));
    if (request->continue_token.len) add_query(a, url, "continue", request->continue_token);
    if (request->resource_version.len)
        add_query(a, url, "resourceVersion", request->resource_version);
    if (request->watch_seconds <= 0) return;
    add_query(a, url, "watch", STR("true"));
    add_query(a, url, "allowWatchBookmarks", STR("true"));
    add_query(a, url, "timeoutSeconds", str_printf(a, "%d", request->watch_seconds));
}

static str url_of(arena *a, struct kube_request_client client, const struct kube_request *request,
                  const struct kube_resource *resource, bool named)
{
    struct kube_ref ref = request->ref;
    if (!named) ref.name = (str){0};
    buf url = BUF(a);
    buf_add(&url, client.server);
    buf_add(&url, kube_path(a, ref, resource));
    if (request->subresource) {
        buf_add_char(&url, '/');
        buf_add(&url, str_of(request->subresource));
    }
    if (request->verb == KUBE_LIST) add_list_query(a, &url, request);
    if (request->dry_run) add_query(a, &url, "dryRun", STR("All"));
    if (verbs[request->verb].writes) {
        str manager = request->field_manager.len ? request->field_manager : client.field_manager;
        if (manager.len) add_query(a, &url, "fieldManager", manager);
    }
    if (request->verb == KUBE_APPLY && request->force) add_query(a, &url, "force", STR("true"));
    return buf_str(&url);
}

/* ---- Body ---- */

static str delete_options(arena *a, const struct kube_request *request)
{
    node *options = node_map(a);
    node_set_str(a, options, STR("apiVersion"), STR("v1"));
    node_set_str(a, options, STR("kind"), STR("DeleteOptions"));
    const char *propagation = request->propagation ? request->propagation : "Background";
    node_set_str(a, options, STR("propagationPolicy"), str_of(propagation));
    if (request->uid.len || request->resource_version.len) {
        node *preconditions = node_make_map(a, options, STR("preconditions"));
        if (request->uid.len) node_set_str(a, preconditions, STR("uid"), request->uid);
        if (request->resource_version.len)
            node_set_str(a, preconditions, STR("resourceVersion"), request->resource_version);
    }
    return json_text(a, options);
}

static str body_of(arena *a, const struct kube_request *request)
{
    if (request->verb == KUBE_DELETE) return delete_options(a, request);
    if (request->body_json.len) return request->body_json;
    return request->body ? json_text(a, request->body) : (str){0};
}
