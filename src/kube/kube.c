#include "kube/kube.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "doc/json.h"
#include "kube/kinds.h"
#include "kube/kube_request.h"
#include "kube/page.h"
#include "net/url.h"

#define TOKEN_AGE_NS                                                                               \
    (60 * CLOCK_SECOND) /* a token file is read again after that; tokens live an hour */

enum {
    ROUND = 1000,       /* requests of a batch that are written down ahead of time */
    PAUSE_MS_MIN = 100, /* between two attempts, whatever the server says */
    SLICE_MS = 100,     /* how soon a pause notices that the work is no longer wanted */
    /* Without HTTP/2 each request in flight, and each watch, takes a connection. */
    CONNECTIONS = LIMIT_BATCH_IN_FLIGHT,
    CONNECTIONS_WATCH = 256,
    BUFFER_BYTES_WATCH = 16 * 1024, /* events are small, and watches many */
};

/* One API server, whoever asks it. Counted by the clients. */
struct server {
    arena arena; /* holds this struct and the texts of config */
    _Atomic uint32_t refs;
    struct loop *loop;
    struct kubeconfig config;
    struct http *http, *watch_http;
    struct kinds *kinds;
    _Atomic int32_t waiting; /* workers that wait for an answer */
    _Atomic int64_t quiet_since_ns;

    pthread_mutex_t token_lock; /* guards the two below */
    buf token;
    int64_t token_ns; /* when the token file was read */
};

struct kube {
    arena arena; /* holds this struct and its texts */
    struct server *server;
    struct kube_request_client client;
};

/* ---- Making and freeing ---- */

static err *get_for_kinds(void *context, arena *a, str path, str accept, str *body_out);

static void server_unref(struct server *server)
{
    if (!server || --server->refs) return;
    http_free(server->http);
    http_free(server->watch_http);
    kinds_free(server->kinds);
    buf_done(&server->token);
    pthread_mutex_destroy(&server->token_lock);
    arena all = server->arena;
    arena_done(&all);
}

/* What is needed after the connections were made; they keep the keys themselves. */
static struct kubeconfig copy_config(arena *a, const struct kubeconfig *config)
{
    return (struct kubeconfig){
        .server = str_dup(a, config->server),
        .user = str_dup(a, config->user),
        .password = str_dup(a, config->password),
        .token_file = str_dup(a, config->token_file),
    };
}

static err *server_new(struct loop *loop, const struct kubeconfig *config, str user_agent,
                       struct server **out)
{
    arena all = {0};
    struct server *server = NEW(&all, struct server);
    server->arena = all;
    server->config = copy_config(&server->arena, config);
    server->refs = 1;
    server->loop = loop;
    server->kinds = kinds_new(get_for_kinds, server);
    pthread_mutex_init(&server->token_lock, NULL);
    buf_add(&server->token, config->token);
    server->token_ns = clock_now_ns();
    server->quiet_since_ns = server->token_ns;

    struct http_options options = {
        .ca_pem = config->ca_pem,
        .ca_only = config->ca_pem.len > 0,
        .cert_pem = config->cert_pem,
        .key_pem = config->key_pem,
        .server_name = config->server_name,
        .insecure = config->insecure,
        .proxy = config->proxy,
        .user_agent = user_agent.len ? user_agent : STR("fixpoint"),
        .connections_per_host = CONNECTIONS,
    };
    err *e = http_new(loop, options, &server->http);
    options.connections_per_host = CONNECTIONS_WATCH;
    options.buffer_bytes = BUFFER_BYTES_WATCH;
    if (!e) e = http_new(loop, options, &server->watch_http);
    if (!e)
        *out = server;
    else
        server_unref(server);
    return e;
}

/* A header line cannot hold more than text on one line. */
static err *check_user(str user)
{
    for (size_t i = 0; i < user.len; i++)
        if ((unsigned char)user.data[i] < ' ' || user.data[i] == 0x7f)
            return err_invalid("the user to impersonate holds control characters");
    return NULL;
}

static struct kube *new_client(struct server *server, str field_manager, str impersonate)
{
    arena all = {0};
    struct kube *kube = NEW(&all, struct kube);
    kube->server = server;
    kube->client = (struct kube_request_client){
        .server = server->config.server,
        .field_manager = str_dup(&all, field_manager),
        .impersonate = str_dup(&all, impersonate),
    };
    kube->arena = all;
    return kube;
}

err *kube_new(struct loop *loop, const struct kubeconfig *config, struct kube_options options,
              struct kube **out)
{
    str user = options.impersonate.len ? options.impersonate : config->impersonate;
    struct server *server;
    TRY(check_user(user));
    TRY(server_new(loop, config, options.user_agent, &server));
    *out = new_client(server, options.field_manager, user);
    return NULL;
}

err *kube_impersonate(struct kube *kube, str user, struct kube **out)
{
    if (!user.len) return err_denied("there is no user to impersonate");
    TRY(check_user(user));
    kube->server->refs++;
    *out = new_client(kube->server, kube->client.field_manager, user);
    return NULL;
}

void kube_free(struct kube *kube)
{
    if (!kube) return;
    server_unref(kube->server);
    arena all = kube->arena;
    arena_done(&all);
}

struct loop *kube_loop(const struct kube *kube)
{
    return kube->server->loop;
}

str kube_server(const struct kube *kube)
{
    return kube->server->config.server;
}

struct http *kube_http(const struct kube *kube, bool watch)
{
    return watch ? kube->server->watch_http : kube->server->http;
}

/* ---- Credentials ---- */

/* Keeps the old token when there is no newer one: the server will say what it thinks of it. */
static void read_token(struct server *server)
{
    arena a AUTO(arena_done) = {0};
    str text = {0};
    err *e = fs_read(&a, server->config.token_file, LIMIT_KUBECONFIG_BYTES, &text);
    if (e) log_debug("the token file cannot be read", LOG_ERR(e));
    err_free(e);
    text = str_trim(text);
    pthread_mutex_lock(&server->token_lock);
    server->token_ns = clock_now_ns();
    if (text.len) {
        buf_clear(&server->token);
        buf_add(&server->token, text);
    }
    pthread_mutex_unlock(&server->token_lock);
}

static str token_of(struct server *server, arena *a)
{
    pthread_mutex_lock(&server->token_lock);
    bool old = clock_now_ns() - server->token_ns >= TOKEN_AGE_NS;
    pthread_mutex_unlock(&server->token_lock);
    if (old && server->config.token_file.len) read_token(server);

    pthread_mutex_lock(&server->token_lock);
    str token = str_dup(a, buf_str(&server->token));
    pthread_mutex_unlock(&server->token_lock);
    return token;
}

static bool renew_token(struct server *server, str refused)
{
    if (!server->config.token_file.len) return false;
    read_token(server);
    pthread_mutex_lock(&server->token_lock);
    bool other = !str_eq(buf_str(&server->token), refused);
    pthread_mutex_unlock(&server->token_lock);
    return other;
}

bool kube_renew_token(struct kube *kube, str refused)
{
    return renew_token(kube->server, refused);
}

static void authorize(struct server *server, arena *a, struct http_request *request)
{
    request->bearer = token_of(server, a);
    if (request->bearer.len) return;
    request->user = server->config.user;
    request->password = server->config.password;
}

METRIC(api_requests) = {
    .name = "fixpoint_api_requests_total",
    .help = "Requests to API servers by what they ask for.",
    .type = METRIC_COUNTER,
    .labels = {"verb", "kind"},
};

METRIC(rest_client) = {
    .name = "rest_client_requests_total",
    .help = "Answers of API servers by status, method and host.",
    .type = METRIC_COUNTER,
    .labels = {"code", "method", "host"},
};

static const char *verb_of(const struct kube_request *request)
{
    switch (request->verb) {
    case KUBE_GET:
        return "get";
    case KUBE_LIST:
        return request->watch_seconds ? "watch" : "list";
    case KUBE_CREATE:
        return "create";
    case KUBE_UPDATE:
        return "update";
    case KUBE_APPLY:
        return request->dry_run ? "dry-run" : "apply";
    case KUBE_MERGE_PATCH:
    case KUBE_JSON_PATCH:
        return "patch";
    case KUBE_DELETE:
        return "delete";
    }
    return "other";
}

err *kube_prepare(struct kube *kube, arena *a, const struct kube_request *request,
                  const struct kube_resource *resource, struct http_request *out)
{
    TRY(kube_request_build(a, kube->client, request, resource, out));
    authorize(kube->server, a, out);
    metrics_add(&metric_api_requests, (str[]){str_of(verb_of(request)), request->ref.kind.kind}, 1);
    return NULL;
}

/* ---- One answer ---- */

/* A status of 0: there was no answer. */
static void count_answer(const struct server *server, const struct http_request *request,
                         int status)
{
    arena a AUTO(arena_done) = {0};
    str host = server->config.server, rest;
    str_strip_prefix(&host, STR("https://"));
    str_strip_prefix(&host, STR("http://"));
    str_cut(host, '/', &host, &rest);
    str code = status ? str_printf(&a, "%d", status) : STR("<error>");
    str method =
        request->method ? str_of(request->method) : (request->body.len ? STR("POST") : STR("GET"));
    metrics_add(&metric_rest_client, (str[]){code, method, host}, 1);
}

void kube_count_answer(const struct kube *kube, const struct http_request *request, int status)
{
    count_answer(kube->server, request, status);
}

static void begin_wait(struct server *server)
{
    server->waiting++;
}

static void end_wait(struct server *server)
{
    server->quiet_since_ns = clock_now_ns();
    server->waiting--;
}

int64_t kube_quiet_ns(const struct kube *kube)
{
    if (kube->server->waiting > 0) return 0;
    return clock_now_ns() - kube->server->quiet_since_ns;
}

/* How long to wait before the request is sent again; -1: the answer stands. */
static int64_t pause_asked(struct server *server, const struct http_request *request,
                           const struct http_response *response, int64_t patience_ns)
{
    int64_t pause_ns = -1;
    if (response->status == 401 && request->bearer.len && renew_token(server, request->bearer))
        pause_ns = 0;
    if (response->status == 429 || response->status == 503)
        pause_ns = kube_status_retry_after_ns(response);
    if (pause_ns < 0) return -1;
    pause_ns = MAX(pause_ns, PAUSE_MS_MIN * CLOCK_MS);
    return pause_ns <= patience_ns ? pause_ns : -1;
}

/* A little longer than asked, so that not everybody comes back at once. */
static void pause_for(int64_t pause_ns, int64_t *patience_ns, const atomic_bool *cancel)
{
    *patience_ns -= pause_ns;
    int64_t left_ns = pause_ns + (int64_t)rand_below((uint64_t)(PAUSE_MS_MIN * CLOCK_MS));
    while (left_ns > 0 && !(cancel && *cancel)) {
        int64_t slice_ns = MIN(left_ns, SLICE_MS * CLOCK_MS);
        clock_sleep(slice_ns);
        left_ns -= slice_ns;
    }
}

/* Sends until the answer stands. */
static err *exchange(struct server *server, arena *a, struct http_request *request,
                     struct http_response *out)
{
    begin_wait(server);
    err *e;
    for (int64_t patience_ns = LIMIT_KUBE_WAIT_NS, pause_ns;;) {
        e = http_do(server->http, a, request, out);
        count_answer(server, request, e ? 0 : out->status);
        if (e || out->status < 400) break;
        pause_ns = pause_asked(server, request, out, patience_ns);
        if (pause_ns < 0) break;
        pause_for(pause_ns, &patience_ns, NULL);
        authorize(server, a, request);
    }
    end_wait(server);
    return e;
}

static bool is_secret(struct kube_kind kind)
{
    return !kind.group.len && str_is(kind.kind, "Secret");
}

static err *error_of(const struct kube_request *request, const struct http_response *response)
{
    err *e = kube_status_error(response->status, response->body);
    if (!is_secret(request->ref.kind)) return e;
    arena a AUTO(arena_done) = {0};
    node *parsed = NULL;
    if (!request->body && request->body_json.len)
        err_free(
            json_parse(&a, request->body_json, (struct json_options){.last_wins = true}, &parsed));
    return kube_status_redact(e, request->body ? request->body : parsed);
}

static err *object_of(arena *a, const struct kube_request *request,
                      const struct http_response *response, node **out)
{
    if (response->status >= 400) return error_of(request, response);
    err *e = json_parse(a, response->body, (struct json_options){.last_wins = true, .borrow = true},
                        out);
    if (!e) return NULL;
    return err_because(err_wrap(e, "the answer of the API server cannot be read"), "BadAnswer");
}

/* ---- One request ---- */

/* The request as it will be sent: with a version, and knowing its resource. */
static err *complete(struct kube *kube, arena *a, struct kube_request *request,
                     struct kube_resource *resource)
{
    struct kube_kind *kind = &request->ref.kind;
    if (!kind->version.len) TRY(kube_preferred(kube, a, kind->group, kind->kind, kind));
    return kube_resource_of(kube, a, *kind, resource);
}

static err *add_page(arena *a, const struct kube_request *request, str body, struct page *page,
                     node *items)
{
    TRY(page_open(a, body, page));
    str text, api_version = kube_api_version(a, request->ref.kind);
    while (page_next(page, &text)) {
        node *object;
        err *e = page_object(a, text, api_version, request->ref.kind.kind, &object);
        if (!e)
            node_push(a, items, object);
        else
            log_debug("an object cannot be read", LOG_STR("kind", request->ref.kind.kind),
                      LOG_ERR(e));
        err_free(e);
    }
    return NULL;
}

/* All pages from request->continue_token on, or one page if a limit was asked for. */
static err *list_pages(struct kube *kube, arena *a, struct kube_request request,
                       const struct kube_resource *resource, bool paged, node **out)
{
    struct page page;
    node *items = node_list(a);
    bool one_page = request.limit > 0;
    if (!one_page && paged) request.limit = LIMIT_LIST_PAGE;
    do {
        struct http_request http_request;
        struct http_response response;
        TRY(kube_prepare(kube, a, &request, resource, &http_request));
        TRY(exchange(kube->server, a, &http_request, &response));
        if (response.status >= 400) return error_of(&request, &response);
        TRY(add_page(a, &request, response.body, &page, items));
        request.continue_token = page.continue_token;
    } while (page.continue_token.len && !one_page);

    node *list = node_map(a), *metadata = node_map(a);
    node_set_str(a, list, STR("apiVersion"), kube_api_version(a, request.ref.kind));
    node_set_str(a, list, STR("kind"), str_concat(a, request.ref.kind.kind, STR("List")));
    node_set_str(a, metadata, STR("resourceVersion"), page.resource_version);
    if (page.continue_token.len) node_set_str(a, metadata, STR("continue"), page.continue_token);
    node_set(a, list, STR("metadata"), metadata);
    node_set(a, list, STR("items"), items);
    *out = list;
    return NULL;
}

static err *list(struct kube *kube, arena *a, const struct kube_request *request,
                 const struct kube_resource *resource, node **out)
{
    err *e = list_pages(kube, a, *request, resource, true, out);
    bool expired = e && e->status == 410 && !request->limit && !request->continue_token.len;
    if (!expired) return e;
    err_free(e); /* the pages took longer than the server remembers: all in one */
    return list_pages(kube, a, *request, resource, false, out);
}

err *kube_do(struct kube *kube, arena *a, const struct kube_request *request, node **out)
{
    struct kube_request complete_request = *request;
    struct kube_resource resource;
    TRY(complete(kube, a, &complete_request, &resource));
    node *answer;
    if (request->verb == KUBE_LIST)
        return list(kube, a, &complete_request, &resource, out ? out : &answer);

    struct http_request http_request;
    struct http_response response;
    TRY(kube_prepare(kube, a, &complete_request, &resource, &http_request));
    TRY(exchange(kube->server, a, &http_request, &response));
    if (!out && response.status < 400) return NULL;
    return object_of(a, request, &response, out ? out : &answer);
}

err *kube_raw(struct kube *kube, arena *a, str path, str *out)
{
    must(str_starts(path, STR("/")));
    struct http_header accept = {STR("accept"), STR("application/json, */*")};
    struct http_request request = {
        .url = str_concat(a, kube->server->config.server, path),
        .headers = &accept,
        .header_count = 1,
    };
    struct http_response response;
    authorize(kube->server, a, &request);
    TRY(exchange(kube->server, a, &request, &response));
    if (response.status >= 400) return kube_status_error(response.status, response.body);
    *out = response.body;
    return NULL;
}

/* ---- Many requests ---- */

/* Requests of one kube_batch that are written down and sent together. */
struct round {
    struct kube *kube;
    const atomic_bool *cancel;
    kube_done_fn *done;
    void *context;
    const struct kube_request *requests;
    struct http_request *http; /* those without an answer yet */
    size_t *indexes;           /* of each: which of the requests it is */
    bool *again;               /* of each: to be sent once more */
    size_t count;
    int64_t patience_ns, pause_ns; /* left; the longest pause that an answer asked for */
};

static void finish(struct round *round, size_t index, arena *a, node *object, err *e)
{
    round->done(round->context, index, a, object, e);
}

/* Writes requests down; those that cannot be sent are answered at once. */
static void prepare_round(struct round *round, arena *a, size_t from, size_t to)
{
    arena own AUTO(arena_done) = {0};
    for (size_t i = from; i < to; i++) {
        struct kube_request request = round->requests[i];
        struct kube_resource resource;
        err *e = complete(round->kube, a, &request, &resource);
        if (!e) e = kube_prepare(round->kube, a, &request, &resource, &round->http[round->count]);
        if (!e) {
            round->http[round->count].cancel = round->cancel;
            round->indexes[round->count++] = i;
            continue;
        }
        finish(round, i, &own, NULL, e);
        arena_reset(&own);
    }
}

static void on_answer(void *context, size_t place, arena *a, const struct http_response *response,
                      err *e)
{
    struct round *round = context;
    size_t index = round->indexes[place];
    node *object = NULL;
    count_answer(round->kube->server, &round->http[place], e ? 0 : response->status);
    if (!e && response->status >= 400) {
        int64_t pause_ns =
            pause_asked(round->kube->server, &round->http[place], response, round->patience_ns);
        round->again[place] = pause_ns >= 0;
        round->pause_ns = MAX(round->pause_ns, pause_ns);
        if (round->again[place]) return;
    }
    if (!e) e = object_of(a, &round->requests[index], response, &object);
    finish(round, index, a, object, e);
}

/* Keeps what is to be sent again, with the token as it is now. */
static void keep_unanswered(struct round *round, arena *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < round->count; i++) {
        if (!round->again[i]) continue;
        round->again[i] = false;
        round->http[kept] = round->http[i];
        round->indexes[kept] = round->indexes[i];
        authorize(round->kube->server, a, &round->http[kept++]);
    }
    round->count = kept;
}

static void run_round(struct round *round, size_t from, size_t to)
{
    arena a AUTO(arena_done) = {0};
    round->http = NEW_ARRAY(&a, struct http_request, to - from);
    round->indexes = NEW_ARRAY(&a, size_t, to - from);
    round->again = NEW_ARRAY(&a, bool, to - from);
    round->count = 0;
    prepare_round(round, &a, from, to);
    while (round->count) {
        round->pause_ns = 0;
        http_do_all(round->kube->server->http, round->http, round->count, LIMIT_BATCH_IN_FLIGHT,
                    on_answer, round);
        keep_unanswered(round, &a);
        if (round->count) pause_for(round->pause_ns, &round->patience_ns, round->cancel);
    }
}

void kube_batch(struct kube *kube, const struct kube_request *requests, size_t count,
                const atomic_bool *cancel, kube_done_fn *done, void *context)
{
    struct round round = {
        .kube = kube,
        .cancel = cancel,
        .done = done,
        .context = context,
        .requests = requests,
        .patience_ns = LIMIT_KUBE_WAIT_NS,
    };
    begin_wait(kube->server);
    for (size_t from = 0; from < count; from += ROUND)
        run_round(&round, from, MIN(from + ROUND, count));
    end_wait(kube->server);
}

/* ---- What the server offers ---- */

static err *get_for_kinds(void *context, arena *a, str path, str accept, str *body_out)
{
    struct server *server = context;
    struct http_header header = {STR("accept"), accept.len ? accept : STR("application/json")};
    struct http_request request = {
        .url = str_concat(a, server->config.server, path),
        .headers = &header,
        .header_count = 1,
    };
    struct http_response response;
    authorize(server, a, &request);
    TRY(exchange(server, a, &request, &response));
    if (response.status >= 400) return kube_status_error(response.status, response.body);
    *body_out = response.body;
    return NULL;
}

err *kube_resource_of(struct kube *kube, arena *a, struct kube_kind kind, struct kube_resource *out)
{
    struct discovery *table AUTO(discovery_unref_done) = NULL;
    const struct discovery_row *row;
    TRY(kinds_find(kube->server->kinds, kind, &table, &row));
    *out = (struct kube_resource){
        .plural = str_dup(a, row->plural),
        .namespaced = row->namespaced,
        .can_watch = row->can_watch,
        .can_list = row->can_list,
    };
    return NULL;
}

err *kube_preferred(struct kube *kube, arena *a, str group, str kind, struct kube_kind *out)
{
    struct discovery *table AUTO(discovery_unref_done) = NULL;
    const struct discovery_row *row;
    TRY(kinds_find(kube->server->kinds, (struct kube_kind){group, {0}, kind}, &table, &row));
    *out = (struct kube_kind){group, str_dup(a, row->version), kind};
    return NULL;
}

void kube_forget(struct kube *kube)
{
    kinds_forget(kube->server->kinds);
}

/* ---- Names ---- */

struct kube_kind kube_kind_parse(str api_version, str kind)
{
    str group, version;
    if (!str_cut(api_version, '/', &group, &version))
        return (struct kube_kind){STR(""), api_version, kind};
    return (struct kube_kind){group, version, kind};
}

struct kube_kind kube_kind_of(const node *object)
{
    return kube_kind_parse(node_get_str(object, STR("apiVersion")),
                           node_get_str(object, STR("kind")));
}

struct kube_ref kube_ref_of(const node *object)
{
    const node *metadata = node_get(object, STR("metadata"));
    return (struct kube_ref){
        .kind = kube_kind_of(object),
        .namespace = node_get_str(metadata, STR("namespace")),
        .name = node_get_str(metadata, STR("name")),
    };
}

str kube_api_version(arena *a, struct kube_kind kind)
{
    if (!kind.group.len) return kind.version;
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(kind.group), STR_ARG(kind.version));
}

str kube_ref_text(arena *a, struct kube_ref ref)
{
    bool namespaced = ref.namespace.len > 0;
    return str_printf(a, STR_FMT "/" STR_FMT "%s" STR_FMT, STR_ARG(ref.kind.kind),
                      STR_ARG(ref.namespace), namespaced ? "/" : "", STR_ARG(ref.name));
}

str kube_path(arena *a, struct kube_ref ref, const struct kube_resource *resource)
{
    buf path = BUF(a);
    buf_add(&path, ref.kind.group.len ? STR("/apis/") : STR("/api/"));
    buf_add(&path, kube_api_version(a, ref.kind));
    if (resource->namespaced && ref.namespace.len) {
        BUF_ADD(&path, "/namespaces/");
        buf_add(&path, url_escape(a, ref.namespace));
    }
    buf_add_char(&path, '/');
    buf_add(&path, resource->plural);
    if (ref.name.len) {
        buf_add_char(&path, '/');
        buf_add(&path, url_escape(a, ref.name));
    }
    return buf_str(&path);
}
