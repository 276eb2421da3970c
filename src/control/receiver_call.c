#include "control/receiver_call.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "control/receiver_filter.h"
#include "control/receiver_secret.h"
#include "control/status.h"
#include "doc/json.h"
#include "doc/selector.h"

#define GOOGLE_KEYS_URL "https://www.googleapis.com/oauth2/v3/certs"
#define FIELD_MANAGER   "gotk-notification-controller"

METRIC(calls_total) = {
    .name = "fixpoint_receiver_calls_total",
    .help = "Calls of webhooks by the type of the Receiver and the status answered.",
    .type = METRIC_COUNTER,
    .labels = {"type", "code"},
};

struct receiver_calls {
    struct manager *manager;
    struct issuer_keys *issuers;
    arena texts;
    str google_keys_url;
    pthread_mutex_t lock;                       /* guards all below */
    uint64_t deliveries[LIMIT_HOOK_DELIVERIES]; /* digests, the oldest at `next`; 0: none */
    struct map known;                           /* their hex, to themselves */
    struct map token_calls; /* namespace to the number of calls with tokens under way */
    size_t next;
};

struct receiver_calls *receiver_call_new(struct manager *manager, str google_keys_url)
{
    struct receiver_calls *calls = lang_zalloc(sizeof *calls);
    calls->manager = manager;
    calls->issuers = issuer_new(manager_http(manager));
    calls->google_keys_url =
        google_keys_url.len ? str_dup(&calls->texts, google_keys_url) : STR(GOOGLE_KEYS_URL);
    pthread_mutex_init(&calls->lock, NULL);
    return calls;
}

void receiver_call_free(struct receiver_calls *calls)
{
    if (!calls) return;
    issuer_free(calls->issuers);
    map_done(&calls->known);
    map_done(&calls->token_calls);
    arena_done(&calls->texts);
    pthread_mutex_destroy(&calls->lock);
    free(calls);
}

str receiver_call_key(arena *a, str path)
{
    return str_concat(a, STR("webhook:"), path);
}

/* ---- deliveries ---- */

static str delivery_name(char space[17], uint64_t digest)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++)
        space[i] = digits[digest >> (60 - 4 * i) & 15];
    return str_from(space, 16);
}

/* Takes note of a delivery; false when it is known. */
static bool note_delivery(struct receiver_calls *calls, uint64_t digest)
{
    char space[17];
    pthread_mutex_lock(&calls->lock);
    bool fresh = !map_has(&calls->known, delivery_name(space, digest));
    if (fresh) {
        uint64_t *slot = &calls->deliveries[calls->next];
        calls->next = (calls->next + 1) % LIMIT_HOOK_DELIVERIES;
        if (*slot) map_remove(&calls->known, delivery_name(space, *slot));
        *slot = digest;
        map_put(&calls->known, delivery_name(space, digest), calls);
    }
    pthread_mutex_unlock(&calls->lock);
    return fresh;
}

/* A delivery that failed may be repeated. */
static void forget_delivery(struct receiver_calls *calls, uint64_t digest)
{
    char space[17];
    pthread_mutex_lock(&calls->lock);
    map_remove(&calls->known, delivery_name(space, digest));
    pthread_mutex_unlock(&calls->lock);
}

static uint64_t digest_of(str key, str delivery)
{
    uint64_t digest = hash_mix(hash_keyed(key), hash_keyed(delivery));
    return digest ? digest : 1;
}

/* ---- calls that may have to wait for an issuer ---- */

/* Counts one more; false when there are too many. */
static bool enter(struct receiver_calls *calls, str namespace)
{
    pthread_mutex_lock(&calls->lock);
    void **at = map_at(&calls->token_calls, namespace);
    uintptr_t count = (uintptr_t)*at;
    bool room = count < LIMIT_HOOK_ISSUER_CALLS;
    if (room) *at = (void *)(count + 1);
    pthread_mutex_unlock(&calls->lock);
    return room;
}

static void leave(struct receiver_calls *calls, str namespace)
{
    pthread_mutex_lock(&calls->lock);
    void **at = map_at(&calls->token_calls, namespace);
    uintptr_t count = (uintptr_t)*at - 1;
    *at = (void *)count;
    if (!count) map_remove(&calls->token_calls, namespace);
    pthread_mutex_unlock(&calls->lock);
}

static err *verify(struct receiver_calls *calls, struct webhook_check *check, str namespace,
                   bool *busy_out)
{
    bool token = receiver_spec_is_oidc(check->spec) || str_is(check->spec->type, "gcr");
    *busy_out = token && !enter(calls, namespace);
    if (*busy_out) return NULL;
    err *e = webhook_verify(check);
    if (token) leave(calls, namespace);
    return e;
}

/* ---- objects ---- */

struct target {
    struct receiver_calls *calls;
    arena *a;
    const struct receiver_spec *spec;
    const struct webhook_check *check;
    const node *request;
    str namespace, name; /* of the Receiver */
    str now;             /* value of the annotation */
    size_t asked;        /* objects so far */
    bool failed;
};

static void report(struct target *target, const struct receiver_resource *resource, err *e)
{
    log_error("unable to annotate resource", LOG_STR("controllerKind", STR("Receiver")),
              LOG_STR("namespace", target->namespace), LOG_STR("name", target->name),
              LOG_STR("resourceKind", resource->kind), LOG_STR("resource", resource->name),
              LOG_ERR(e));
    err_free(e);
    target->failed = true;
}

/* compat: kinds whose version Flux knows; others have to state it. */
static err *kind_of(const struct receiver_resource *resource, struct kube_kind *out)
{
    static const char *const sources[] = {"Bucket", "GitRepository", "HelmChart", "HelmRepository",
                                          "OCIRepository"};
    str version = resource->api_version;
    for (size_t i = 0; !version.len && i < COUNT(sources); i++) {
        if (str_is(resource->kind, sources[i])) version = STR("source.toolkit.fluxcd.io/v1");
    }
    if (!version.len && str_is(resource->kind, "ImageRepository"))
        version = STR("image.toolkit.fluxcd.io/v1");
    if (!version.len && str_is(resource->kind, "ArtifactGenerator"))
        version = STR("source.extensions.fluxcd.io/v1beta1");
    if (!version.len)
        return err_invalid("apiVersion must be specified for kind '" STR_FMT "'",
                           STR_ARG(resource->kind));
    *out = kube_kind_parse(version, resource->kind);
    return NULL;
}

static err *annotate(struct target *target, struct kube_ref ref)
{
    arena *a = target->a;
    struct kube_request patch = {
        .verb = KUBE_MERGE_PATCH,
        .ref = ref,
        .body = status_request(a, target->now),
        .field_manager = STR(FIELD_MANAGER),
        .metadata_only = true,
    };
    if (++target->asked > LIMIT_HOOK_RESOURCES)
        return err_invalid("more than the limit of %d objects", LIMIT_HOOK_RESOURCES);
    TRY(kube_do(manager_kube(target->calls->manager), a, &patch, NULL));
    log_info("resource annotated", LOG_STR("controllerKind", STR("Receiver")),
             LOG_STR("namespace", target->namespace), LOG_STR("name", target->name),
             LOG_STR("resource", kube_ref_text(a, ref)));
    return NULL;
}

/* Both filters have to hold. */
static err *offer(struct target *target, const struct receiver_resource *resource,
                  struct kube_kind kind, const node *object)
{
    const node *claims = target->check->claims;
    struct kube_ref ref = kube_ref_of(object);
    bool chosen = true, wanted = true;
    ref.kind = kind;
    TRY(receiver_filter_run(target->a, target->spec->resource_filter, kind, object, target->request,
                            claims, &chosen));
    if (chosen) {
        TRY(receiver_filter_run(target->a, resource->filter, kind, object, target->request, claims,
                                &wanted));
    }
    return chosen && wanted ? annotate(target, ref) : NULL;
}

static err *labels_text(arena *a, const node *labels, str *out)
{
    struct selector selector;
    node *match = node_map(a);
    node_set(a, match, STR("matchLabels"), doc_copy_tree(a, labels));
    TRY(selector_from_node(a, match, &selector));
    *out = selector_text(a, &selector);
    return NULL;
}

static err *ask_all(struct target *target, const struct receiver_resource *resource,
                    struct kube_kind kind, str namespace)
{
    struct kube_request list = {
        .verb = KUBE_LIST, .ref = {kind, namespace, {0}}, .metadata_only = true};
    node *found;
    if (!resource->match_labels || !resource->match_labels->count)
        return err_invalid("matchLabels field not set when using wildcard '*' as name");
    TRY(labels_text(target->a, resource->match_labels, &list.label_selector));
    TRY(kube_do(manager_kube(target->calls->manager), target->a, &list, &found));
    const node *items = node_get(found, STR("items"));
    if (!items || !items->count) {
        log_info("no resources found for the labels", LOG_STR("controllerKind", STR("Receiver")),
                 LOG_STR("namespace", target->namespace), LOG_STR("name", target->name),
                 LOG_STR("resourceKind", resource->kind));
    }
    NODE_EACH (items, item) {
        err *e = offer(target, resource, kind, item);
        if (e) report(target, resource, e);
    }
    return NULL;
}

static err *ask(struct target *target, const struct receiver_resource *resource)
{
    const struct manager_options *options = manager_options_of(target->calls->manager);
    str namespace = resource->namespace.len ? resource->namespace : target->namespace;
    struct kube_kind kind;
    node *object;
    if (options->no_cross_namespace_refs && !str_eq(namespace, target->namespace)) {
        return err_denied("can't access '" STR_FMT "/" STR_FMT "/" STR_FMT
                          "', cross-namespace references have been blocked",
                          STR_ARG(resource->kind), STR_ARG(namespace), STR_ARG(resource->name));
    }
    TRY(kind_of(resource, &kind));
    if (str_is(resource->name, "*")) return ask_all(target, resource, kind, namespace);
    struct kube_request get = {
        .verb = KUBE_GET, .ref = {kind, namespace, resource->name}, .metadata_only = true};
    TRY(kube_do(manager_kube(target->calls->manager), target->a, &get, &object));
    return offer(target, resource, kind, object);
}

/* compat: an object that cannot be asked for does not keep the others from it. */
static int ask_each(struct target *target)
{
    for (size_t i = 0; i < target->spec->resources.count; i++) {
        const struct receiver_resource *resource = &target->spec->resources.items[i];
        err *e = ask(target, resource);
        if (e) report(target, resource, e);
    }
    return target->failed ? 500 : 200;
}

/* ---- one call ---- */

/* What `req` is: the body, where it says that it is JSON. */
static err *read_request(const struct webhook_check *check, const node **out)
{
    node *body;
    struct json_options options = {.last_wins = true, .depth_max = LIMIT_HOOK_JSON_DEPTH};
    *out = check->request;
    if (*out || !webhook_is_json(check->call)) return NULL;
    err *e = json_parse(check->a, check->call->body, options, &body);
    if (e) return err_wrap(e, "failed to parse request body as JSON");
    if (!node_is_map(body)) return err_invalid("the request body is no JSON object");
    *out = body;
    return NULL;
}

static bool has_filter(const struct receiver_spec *spec)
{
    for (size_t i = 0; i < spec->resources.count; i++) {
        if (spec->resources.items[i].filter.len) return true;
    }
    return spec->resource_filter.len;
}

static int refuse(const struct target *target, int status, const char *what, err *e)
{
    log_error(what, LOG_STR("controllerKind", STR("Receiver")),
              LOG_STR("namespace", target->namespace), LOG_STR("name", target->name),
              LOG_STR("peer", target->check->call->peer), LOG_ERR(e));
    err_free(e);
    return status;
}

static int verified(struct receiver_calls *calls, struct target *target, str key)
{
    const struct webhook_check *check = target->check;
    uint64_t digest = check->delivery.len ? digest_of(key, check->delivery) : 0;
    err *e = has_filter(target->spec) ? read_request(check, &target->request) : NULL;
    if (e) return refuse(target, 500, "unable to read the request", e);
    if (digest && !note_delivery(calls, digest)) {
        return refuse(target, 409, "a delivery was repeated",
                      err_denied("this delivery was handled before"));
    }
    int status = ask_each(target);
    if (digest && status != 200) forget_delivery(calls, digest);
    return status;
}

static int serve(struct receiver_calls *calls, arena *a, str key, const node *object,
                 const struct webhook_call *call, str *type_out)
{
    struct receiver_spec spec;
    struct webhook_check check = {
        .a = a,
        .call = call,
        .spec = &spec,
        .issuers = calls->issuers,
        .google_keys_url = calls->google_keys_url,
        .now_wall_ns = clock_wall_ns(),
    };
    struct target target = {
        .calls = calls,
        .a = a,
        .spec = &spec,
        .check = &check,
        .namespace = node_find_str(object, "metadata", "namespace", NULL),
        .name = node_find_str(object, "metadata", "name", NULL),
        .now = clock_format_micro(a, check.now_wall_ns),
    };
    node *data;
    err *e = receiver_spec_decode(a, object, &spec);
    if (e) return refuse(&target, 503, "unable to process the call", e);
    *type_out = spec.type;
    if (spec.suspend || !status_object_is_ready(object))
        return refuse(&target, 503, "unable to process the call",
                      err_transient("the Receiver is suspended or not ready"));
    e = receiver_secret_read(manager_kube(calls->manager), a, target.namespace, &spec, &data,
                             &check.token);
    if (e) return refuse(&target, 400, "unable to validate payload", e);
    /* The Secret may have been changed, and the status not yet: then the path is an old one. */
    str path = receiver_secret_path(a, check.token, target.name, target.namespace);
    if (!webhook_same(call->path, path)) return 404;
    check.secret = data;
    bool busy;
    e = verify(calls, &check, target.namespace, &busy);
    if (busy) return RECEIVER_CALL_BUSY;
    if (e) return refuse(&target, 400, "unable to validate payload", e);
    return verified(calls, &target, key);
}

/* A path that is not known costs what a call with a wrong signature costs us here. */
static int unknown(arena *a, const struct webhook_call *call)
{
    str decoy = webhook_hmac(a, "sha256", STR("no token"), call->body);
    return webhook_same(decoy, call->path) ? 400 : 404;
}

static const node *find(struct receiver_calls *calls, arena *a, str path, str *key_out)
{
    str *keys;
    size_t count;
    manager_referrers(calls->manager, a, receiver_call_key(a, path), &keys, &count);
    for (size_t i = 0; i < count; i++) {
        str kind, rest, namespace, name;
        if (!str_cut(keys[i], '/', &kind, &rest) || !str_is(kind, "Receiver")) continue;
        if (!str_cut(rest, '/', &namespace, &name)) continue;
        const node *object = manager_get(calls->manager, a, kind, namespace, name);
        if (!object) continue;
        *key_out = keys[i];
        return object;
    }
    return NULL;
}

int receiver_call_run(struct receiver_calls *calls, arena *a, const struct webhook_call *call)
{
    str key, type = STR("unknown");
    const node *object = call->query.len ? NULL : find(calls, a, call->path, &key);
    int status = object ? serve(calls, a, key, object, call, &type) : unknown(a, call);
    if (status != RECEIVER_CALL_BUSY)
        metrics_add(&metric_calls_total, (str[]){type, str_printf(a, "%d", status)}, 1);
    return status;
}
