#include "sandbox/sandbox_api.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/tar.h"
#include "doc/json.h"
#include "sandbox/access.h"
#include "sandbox/body.h"
#include "sandbox/openapi_doc.h"
#include "sandbox/read.h"
#include "sandbox/removal.h"
#include "sandbox/write.h"

/* ---- answers ---- */

static void answer_node(arena *a, const node *n, int status, struct httpd_answer *answer)
{
    buf b = BUF(a);
    json_write(&b, n, (struct json_style){.html = true});
    buf_add_char(&b, '\n');
    answer->status = status;
    answer->body = buf_str(&b);
    answer->content_type = STR("application/json");
}

static const char *reason_of(int status)
{
    switch (status) {
    case 400:
        return "BadRequest";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "NotFound";
    case 405:
        return "MethodNotAllowed";
    case 409:
        return "Conflict";
    case 410:
        return "Expired";
    case 422:
        return "Invalid";
    default:
        return "";
    }
}

/* Takes the error. */
static void answer_error(struct call *call, err *e, struct httpd_answer *answer)
{
    arena *a = call->a;
    int code = e->status ? e->status : 500;
    node *out = node_map(a), *details = node_map(a);
    node_set_str(a, out, STR("kind"), STR("Status"));
    node_set_str(a, out, STR("apiVersion"), STR("v1"));
    node_set(a, out, STR("metadata"), node_map(a));
    node_set_str(a, out, STR("status"), STR("Failure"));
    node_set_str(a, out, STR("message"), str_dup(a, err_text(e)));
    str reason = str_dup(a, str_of(e->reason[0] ? e->reason : reason_of(code)));
    if (reason.len) node_set_str(a, out, STR("reason"), reason);
    bool invalid = code == 422;
    bool other = call->names_resource || str_ends(call->about_kind, STR("Options"));
    bool conflicts = code == 409 && call->causes && call->causes->count;
    if (conflicts) call->about_name = call->about_group = call->about_kind = (str){0};
    if (call->about_name.len) node_set_str(a, details, STR("name"), call->about_name);
    if (call->about_group.len) node_set_str(a, details, STR("group"), call->about_group);
    str kind = invalid && call->served && !other ? call->served->kind : call->about_kind;
    if (kind.len) node_set_str(a, details, STR("kind"), kind);
    if (call->causes && call->causes->count) node_set(a, details, STR("causes"), call->causes);
    bool told = code != 500 && code != 400 && (code != 415 || call->names_resource);
    if (told && (details->count || (code >= 404 && code != 409)))
        node_set(a, out, STR("details"), details);
    node_set_int(a, out, STR("code"), code);
    err_free(e);
    answer_node(a, out, code, answer);
}

/* ---- paths ---- */

static err *no_such_path(void)
{
    return err_with_status(err_not_found("the server could not find the requested resource"), 404);
}

struct path {
    str parts[8];
    size_t count;
};

static bool split_path(str path, struct path *out)
{
    str part;
    path = str_trim_char(path, '/');
    while (str_next(&path, '/', &part)) {
        if (out->count == COUNT(out->parts)) return false;
        out->parts[out->count++] = part;
    }
    return true;
}

static str part_at(const struct path *path, size_t index)
{
    return index < path->count ? path->parts[index] : (str){0};
}

/* What needs a container that runs. */
static bool is_of_container(str subresource)
{
    static const char *const names[] = {"log", "exec", "attach", "portforward"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is(subresource, names[i])) return true;
    return false;
}

/* /api/v1/[namespaces/NS/]PLURAL[/NAME[/SUB]], and the same below /apis/GROUP/VERSION. */
static err *find_object(struct call *call, const struct path *path)
{
    bool core = str_is(part_at(path, 0), "api");
    str group = core ? (str){0} : part_at(path, 1), version = part_at(path, core ? 1 : 2);
    size_t at = core ? 2 : 3;
    bool inside = str_is(part_at(path, at), "namespaces") && path->count > at + 2 &&
                  !(core && (str_is(part_at(path, at + 2), "status") ||
                             str_is(part_at(path, at + 2), "finalize")));
    if (inside) {
        call->namespace = part_at(path, at + 1);
        at += 2;
    }
    call->served = served_find(call->world->served, group, version, part_at(path, at));
    call->name = part_at(path, at + 1);
    call->subresource = part_at(path, at + 2);
    if (!call->served || path->count > at + 3) return no_such_path();
    const struct served *served = call->served;
    if (call->namespace.len && !served->namespaced) return no_such_path();
    str sub = call->subresource;
    bool known = !sub.len || (str_is(sub, "status") && served->has_status) ||
                 (str_is(sub, "scale") && served->has_scale) ||
                 (is_of_container(sub) && str_is(served->kind, "Pod")) ||
                 (str_is(sub, "finalize") && str_is(served->kind, "Namespace"));
    if (!known) return no_such_path();
    if (served->namespaced && call->name.len && !call->namespace.len) return no_such_path();
    call->about_name = call->name;
    call->about_kind = served->plural;
    call->about_group = served->group;
    return NULL;
}

static err *method_not_allowed(struct call *call)
{
    call->about_name = call->about_group = call->about_kind = (str){0};
    return err_with_status(err_new(ERR_INVALID, "MethodNotAllowed",
                                   "the server does not allow this method on the requested "
                                   "resource"),
                           405);
}

static err *find_verb(struct call *call, str method)
{
    bool named = call->name.len > 0;
    str watch = world_query(call, "watch");
    bool watches = str_is(watch, "true") || str_is(watch, "1");
    if (str_is(method, "GET") || str_is(method, "HEAD"))
        call->verb = watches ? CALL_WATCH : named ? CALL_GET : CALL_LIST;
    else if (str_is(method, "POST") && (!named || is_of_container(call->subresource)))
        call->verb = CALL_CREATE;
    else if (str_is(method, "PUT") && named)
        call->verb = CALL_UPDATE;
    else if (str_is(method, "PATCH") && named)
        call->verb = CALL_PATCH;
    else if (str_is(method, "DELETE"))
        call->verb = named ? CALL_DELETE : CALL_DELETE_COLLECTION;
    else
        return method_not_allowed(call);
    return NULL;
}

/* ---- who asks ---- */

static err *authenticate(const struct sandbox_api *api, const struct sandbox_api_request *request,
                         struct call *call)
{
    static const str anonymous[] = {{"system:unauthenticated", 22}};
    call->user = STR("system:anonymous");
    call->groups = anonymous;
    call->group_count = 1;
    str token = request->authorization;
    if (!str_strip_prefix(&token, STR("Bearer "))) return NULL;
    for (size_t i = 0; i < api->user_count; i++) {
        const struct sandbox_api_user *user = &api->users[i];
        if (!hash_equal(user->token, token)) continue;
        call->user = user->name;
        call->groups = user->groups;
        call->group_count = user->group_count;
        return NULL;
    }
    return err_with_status(err_new(ERR_DENIED, "Unauthorized", "Unauthorized"), 401);
}

static err *impersonate(struct sandbox_api *api, str wanted, struct call *call)
{
    if (!wanted.len) return NULL;
    struct access_request request = {.user = call->user,
                                     .groups = call->groups,
                                     .group_count = call->group_count,
                                     .verb = STR("impersonate"),
                                     .resource = STR("users"),
                                     .name = wanted};
    str rest = wanted, namespace, name;
    if (str_strip_prefix(&rest, STR("system:serviceaccount:")) &&
        str_cut(rest, ':', &namespace, &name)) {
        request.resource = STR("serviceaccounts");
        request.namespace = namespace;
        request.name = name;
    }
    if (!access_allows(api->world, &request))
        return world_forbidden(STR_FMT " \"" STR_FMT "\" is forbidden: User \"" STR_FMT
                                       "\" cannot impersonate resource \"" STR_FMT
                                       "\" in API group \"\" at the cluster scope",
                               STR_ARG(request.resource), STR_ARG(wanted), STR_ARG(call->user),
                               STR_ARG(request.resource));
    static const str groups[] = {{"system:authenticated", 20}};
    call->user = wanted;
    call->groups = groups;
    call->group_count = 1;
    return NULL;
}

/* ---- what is no object ---- */

/* Who the user is. */
static void review_self(struct call *call, node *status)
{
    arena *a = call->a;
    node *user = node_make_map(a, status, STR("userInfo")), *groups = node_list(a);
    node_set_str(a, user, STR("username"), call->user);
    for (size_t i = 0; i < call->group_count; i++)
        node_push(a, groups, node_str(a, call->groups[i]));
    node_set(a, user, STR("groups"), groups);
}

static void review_rules(struct call *call, const node *spec, node *status)
{
    arena *a = call->a;
    node *resource_rules = node_list(a), *path_rules = node_list(a);
    struct access_request request = {.user = call->user,
                                     .groups = call->groups,
                                     .group_count = call->group_count,
                                     .namespace = node_get_str(spec, STR("namespace"))};
    access_rules(call->world, a, &request, resource_rules, path_rules);
    node_set(a, status, STR("resourceRules"), resource_rules);
    node_set(a, status, STR("nonResourceRules"), path_rules);
    node_set_bool(a, status, STR("incomplete"), false);
}

static void review_access(struct call *call, const node *spec, node *status)
{
    arena *a = call->a;
    const node *wanted = node_get(spec, STR("resourceAttributes"));
    const node *path = node_get(spec, STR("nonResourceAttributes"));
    str other = node_get_str(spec, STR("user"));
    str resource = node_get_str(wanted, STR("resource"));
    str sub = node_get_str(wanted, STR("subresource"));
    if (sub.len) resource = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(resource), STR_ARG(sub));
    struct access_request request = {
        .user = other.len ? other : call->user,
        .groups = other.len ? NULL : call->groups,
        .group_count = other.len ? 0 : call->group_count,
        .verb = node_get_str(wanted ? wanted : path, STR("verb")),
        .group = node_get_str(wanted, STR("group")),
        .resource = resource,
        .namespace = node_get_str(wanted, STR("namespace")),
        .name = node_get_str(wanted, STR("name")),
        .path = node_get_str(path, STR("path")),
    };
    node_set_bool(a, status, STR("allowed"), access_allows(call->world, &request));
}

static err *review(struct call *call, const node **out)
{
    arena *a = call->a;
    node *object, *status = node_map(a);
    TRY(body_object(call, &object));
    if (!node_is_map(object)) return world_bad_request("the body is no object");
    const node *spec = node_get(object, STR("spec"));
    if (str_is(call->served->plural, "selfsubjectreviews"))
        review_self(call, status);
    else if (str_is(call->served->plural, "selfsubjectrulesreviews"))
        review_rules(call, spec, status);
    else
        review_access(call, spec, status);
    node_set(a, object, STR("status"), status);
    call->status = 201;
    *out = object;
    return NULL;
}

static const node *version_info(arena *a)
{
    static const char *const pairs[][2] = {
        {"major", "1"},        {"minor", "36"},     {"gitVersion", "v1.36.3"},
        {"gitTreeState", ""},  {"compiler", "gcc"}, {"platform", "linux/amd64"},
        {"goVersion", "none"}, {"gitCommit", ""},   {"buildDate", "1970-01-01T00:00:00Z"},
    };
    node *out = node_map(a);
    for (size_t i = 0; i < COUNT(pairs); i++)
        node_set_str(a, out, str_of(pairs[i][0]), str_of(pairs[i][1]));
    return out;
}

static const node *api_versions(arena *a)
{
    node *out = node_map(a), *versions = node_list(a);
    node_set_str(a, out, STR("kind"), STR("APIVersions"));
    node_push(a, versions, node_str(a, STR("v1")));
    node_set(a, out, STR("versions"), versions);
    node_set(a, out, STR("serverAddressByClientCIDRs"), node_list(a));
    return out;
}

/* Documents about the server; NULL when the path is none of them. */
static const node *about(struct call *call, const struct path *path, struct httpd_answer *answer)
{
    arena *a = call->a;
    const struct served_table *served = call->world->served;
    str first = part_at(path, 0);
    bool core = str_is(first, "api"), aggregated = false;
    if (path->count == 1 && (core || str_is(first, "apis"))) {
        aggregated = str_find(call->accept, STR("as=APIGroupDiscoveryList")) >= 0 &&
                     str_find(call->accept, STR("v=v2;")) >= 0;
        if (str_find(call->accept, STR("v=v2,")) >= 0 || str_ends(call->accept, STR("v=v2")))
            aggregated = true;
        if (aggregated) {
            const node *list = served_aggregated(a, served, core);
            answer_node(a, list, 200, answer);
            answer->content_type = STR("application/json;g=apidiscovery.k8s.io;v=v2;"
                                       "as=APIGroupDiscoveryList");
            return list;
        }
        return core ? api_versions(a) : served_groups(a, served);
    }
    if (str_is(first, "version")) return version_info(a);
    if (str_is(first, "api") && path->count == 2)
        return served_resources(a, served, STR(""), part_at(path, 1));
    if (str_is(first, "apis") && path->count == 2) return served_group(a, served, part_at(path, 1));
    if (str_is(first, "apis") && path->count == 3)
        return served_resources(a, served, part_at(path, 1), part_at(path, 2));
    if (str_is(first, "openapi") && str_is(part_at(path, 1), "v2")) {
        if (str_find(call->accept, STR("protobuf")) >= 0) {
            answer->status = 200;
            answer->body = openapi_doc_v2_protobuf();
            answer->content_type = STR(OPENAPI_DOC_V2_TYPE);
        }
        return openapi_doc_v2(a);
    }
    if (!str_is(first, "openapi") || !str_is(part_at(path, 1), "v3")) return NULL;
    if (path->count == 2) return openapi_doc_index(a, served);
    bool is_core = str_is(part_at(path, 2), "api");
    return openapi_doc_of(a, served, is_core ? STR("") : part_at(path, 3),
                          part_at(path, is_core ? 3 : 4));
}

/* ---- objects ---- */

static err *delete_all(struct call *call, const node **out)
{
    str *keys;
    size_t count;
    TRY(read_keys(call, &keys, &count));
    TRY(read_list(call, out));
    *out = doc_copy(call->a, *out);
    for (size_t i = 0; i < count && !call->dry_run; i++) {
        str namespace, name;
        str_cut(keys[i], '/', &namespace, &name);
        removal_of(call->world, call->served, namespace, name);
    }
    return NULL;
}

static err *serve_object(struct sandbox_api *api, struct call *call, struct fault *fault,
                         struct httpd_answer *answer)
{
    arena *a = call->a;
    const node *out = NULL;
    TRY(access_check(call));
    call->status = 200;
    *fault = fault_choose(&api->faults, call);
    if (fault->kind == FAULT_STATUS) return fault_refusal(fault->status);
    if (fault->kind == FAULT_EXPIRED)
        return err_with_status(err_new(ERR_TRANSIENT, "Expired", "too old resource version"), 410);
    if (fault->kind == FAULT_CUT) call->cut_ns = fault->span_ns;
    if (str_ends(call->served->plural, STR("reviews"))) {
        TRY(review(call, &out));
    } else if (is_of_container(call->subresource)) {
        return world_bad_request("no containers run here: the sandbox keeps objects, and runs none "
                                 "of them");
    } else if (call->verb == CALL_WATCH) {
        if (!api->httpd) return world_bad_request("watches are not served here");
        TRY(watcher_start(api->watcher, call, api->httpd, &answer->stream));
        answer->status = 200;
        answer->content_type = STR("application/json");
        return NULL;
    } else if (call->verb == CALL_LIST) {
        TRY(read_list(call, &out));
    } else if (call->verb == CALL_DELETE_COLLECTION) {
        TRY(delete_all(call, &out));
    } else if (call->verb == CALL_GET && !str_is(call->subresource, "scale")) {
        const doc *stored = store_get(call->served->collection, call->namespace, call->name);
        if (!stored) return world_not_found(call, call->served, call->name);
        out = read_form(call, stored->root);
    } else {
        TRY(write_do(call, &out));
        bool kept = !str_is(node_get_str(out, STR("kind")), "Status") &&
                    !str_is(call->subresource, "scale");
        if (kept) out = read_form(call, out);
    }
    answer_node(a, out, call->status, answer);
    return NULL;
}

static err *route(struct sandbox_api *api, struct call *call,
                  const struct sandbox_api_request *request, struct fault *fault,
                  struct httpd_answer *answer)
{
    struct path path = {0};
    TRY(authenticate(api, request, call));
    TRY(impersonate(api, request->impersonate, call));
    str first;
    if (!split_path(request->path, &path)) return no_such_path();
    first = part_at(&path, 0);
    if (str_is(first, "healthz") || str_is(first, "readyz") || str_is(first, "livez")) {
        answer->status = 200;
        answer->body = STR("ok");
        answer->content_type = STR("text/plain; charset=utf-8");
        return NULL;
    }
    bool api_path = str_is(first, "api") || str_is(first, "apis");
    if (api_path && path.count > (str_is(first, "api") ? 2u : 3u)) {
        TRY(find_object(call, &path));
        TRY(find_verb(call, request->method));
        return serve_object(api, call, fault, answer);
    }
    struct access_request wanted = {.user = call->user,
                                    .groups = call->groups,
                                    .group_count = call->group_count,
                                    .verb = STR("get"),
                                    .path = request->path};
    if (!access_allows(api->world, &wanted))
        return world_forbidden("forbidden: User \"" STR_FMT "\" cannot get path \"" STR_FMT "\"",
                               STR_ARG(call->user), STR_ARG(request->path));
    const node *document = about(call, &path, answer);
    if (!document) return no_such_path();
    if (!answer->status) answer_node(call->a, document, 200, answer);
    return NULL;
}

/* One line, with the fields of upstream's audit log that tell who did what. */
static void audit(const struct sandbox_api *api, const struct call *call,
                  const struct sandbox_api_request *request, int status)
{
    if (api->audit_fd < 0) return;
    arena *a = call->a;
    node *line = node_map(a);
    bool object = call->served != NULL;
    node_set_str(a, line, STR("verb"), object ? str_of(world_verb_name(call->verb)) : STR("get"));
    str uri = request->path;
    if (request->query.len)
        uri = str_printf(a, STR_FMT "?" STR_FMT, STR_ARG(uri), STR_ARG(request->query));
    node_set_str(a, line, STR("requestURI"), uri);
    node_set_str(a, node_make_map(a, line, STR("user")), STR("username"), call->user);
    if (object) {
        node *ref = node_make_map(a, line, STR("objectRef"));
        node_set_str(a, ref, STR("resource"), call->served->plural);
        if (call->namespace.len) node_set_str(a, ref, STR("namespace"), call->namespace);
        if (call->name.len) node_set_str(a, ref, STR("name"), call->name);
        if (call->subresource.len) node_set_str(a, ref, STR("subresource"), call->subresource);
    }
    node_set_int(a, node_make_map(a, line, STR("responseStatus")), STR("code"), status);
    str text = str_concat(a, json_text(a, line), STR("\n"));
    ssize_t written = write(api->audit_fd, text.data, text.len);
    (void)written; /* nobody but a test reads it, and that would notice */
}

/* Long answers go compressed to those who take that. */
static void compress(arena *a, str accept_encoding, struct httpd_answer *answer)
{
    static const struct httpd_field fields[] = {{{"Content-Encoding", 16}, {"gzip", 4}},
                                                {{"Vary", 4}, {"Accept-Encoding", 15}}};
    bool wanted = false;
    for (str coding; str_next(&accept_encoding, ',', &coding);) {
        str name, weight;
        str_cut(coding, ';', &name, &weight);
        wanted = wanted || (str_is(str_trim(name), "gzip") && !str_is(str_trim(weight), "q=0"));
    }
    if (!wanted || answer->stream || answer->body.len <= LIMIT_SANDBOX_PLAIN_BYTES) return;
    answer->body = tar_gzip(a, answer->body);
    answer->fields = fields;
    answer->field_count = COUNT(fields);
}

struct fault sandbox_api_answer(struct sandbox_api *api, arena *a,
                                const struct sandbox_api_request *request,
                                struct httpd_answer *answer)
{
    struct fault fault = {0};
    struct call call = {
        .world = api->world,
        .a = a,
        .query = request->query,
        .content_type = request->content_type,
        .accept = request->accept,
        .user_agent = request->user_agent,
        .body = request->body,
        .causes = node_list(a),
    };
    call.dry_run = str_is(world_query(&call, "dryRun"), "All");
    err *e = route(api, &call, request, &fault, answer);
    if (e) answer_error(&call, e, answer);
    must(answer->status);
    audit(api, &call, request, answer->status);
    compress(a, request->accept_encoding, answer);
    const struct served *served = call.served;
    bool crd = served && served->collection == served_crds(api->world->served);
    if (crd && call.verb > CALL_WATCH) served_refresh(api->world->served);
    return fault;
}

static void nothing(void *context)
{
    (void)context;
}

static void retry_later(arena *a, struct httpd_answer *answer)
{
    if (answer->status != 429 && answer->status != 503) return;
    struct httpd_field *field = NEW(a, struct httpd_field);
    *field = (struct httpd_field){STR("Retry-After"), STR("1")};
    answer->fields = field;
    answer->field_count = 1;
}

static void make_fault(struct sandbox_api *api, arena *a, const struct httpd_request *request,
                       const struct fault *fault, struct httpd_answer *answer)
{
    if (fault->kind == FAULT_STATUS) retry_later(a, answer);
    if (fault->kind == FAULT_DELAY) late_answer(api->late, request, answer, fault->span_ns);
    if (fault->kind != FAULT_LOST) return;
    *answer = (struct httpd_answer){.status = answer->status,
                                    .content_type = answer->content_type,
                                    .stream = httpd_stream_new(api->httpd, nothing, NULL)};
    httpd_stream_break(answer->stream);
}

void sandbox_api_handle(void *context, arena *a, const struct httpd_request *request,
                        struct httpd_answer *answer)
{
    struct sandbox_api_request wanted = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .body = request->body,
        .authorization = httpd_header(request, "Authorization"),
        .accept = httpd_header(request, "Accept"),
        .accept_encoding = httpd_header(request, "Accept-Encoding"),
        .content_type = httpd_header(request, "Content-Type"),
        .user_agent = httpd_header(request, "User-Agent"),
        .impersonate = httpd_header(request, "Impersonate-User"),
    };
    struct fault fault = sandbox_api_answer(context, a, &wanted, answer);
    if (fault.kind) make_fault(context, a, request, &fault, answer);
}
