#include "oci/registry.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/rand.h"
#include "doc/json.h"
#include "net/trust.h"
#include "net/url.h"
#include "oci/challenge.h"
#include "oci/link.h"
#include "oci/pace.h"
#include "oci/tag_page.h"
#include "oci/token.h"

#define PAGE       1000 /* tags; some registries refuse more */
#define TRIES      3
#define REQUEST_NS (60 * CLOCK_SECOND)

struct registry {
    struct loop *loop;
    struct trust *trust;
    struct tokens *tokens;
    struct pace *pace;
    pthread_mutex_t lock; /* guards plain */
    struct map plain;     /* hosts that answered without TLS only */
};

/* One call of a public function. */
struct session {
    struct registry *registry;
    arena *a;
    const struct reference *reference;
    const struct registry_access *access;
    struct http *http;
    const struct keychain_entry *who; /* NULL: nobody */
    str origin;                       /* "https://host" */
    str token_key;
    struct token_proof proof;
    bool proved; /* the proof is one that was made or recalled */
    bool begun;  /* a first request was sent */
};

struct registry *registry_new(struct loop *loop)
{
    struct registry *registry = lang_zalloc(sizeof *registry);
    registry->loop = loop;
    registry->trust = trust_new(loop);
    registry->tokens = token_new();
    registry->pace = pace_new();
    pthread_mutex_init(&registry->lock, NULL);
    return registry;
}

void registry_free(struct registry *registry)
{
    if (!registry) return;
    trust_free(registry->trust);
    token_free(registry->tokens);
    pace_free(registry->pace);
    map_done(&registry->plain);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

int64_t registry_blocked_until_ns(struct registry *registry, str host)
{
    return pace_blocked_until_ns(registry->pace, host);
}

/* ---- one request ---- */

/* "GET https://host/v2/x": without the query, which says nothing to people. */
static str name_of(arena *a, const struct http_request *request)
{
    str path, query;
    str_cut(request->url, '?', &path, &query);
    return str_printf(a, "%s " STR_FMT, request->method ?: "GET", STR_ARG(path));
}

static bool is_temporary(int status)
{
    static const int temporary[] = {408, 429, 499, 500, 502, 503, 504, 522};
    for (size_t i = 0; i < COUNT(temporary); i++) {
        if (status == temporary[i]) return true;
    }
    return false;
}

static int64_t retry_after_ns(const struct http_response *response)
{
    int64_t seconds;
    bool given = str_to_int(http_header(response, STR("retry-after")), &seconds);
    return given && seconds > 0 && seconds < 24 * 3600 ? seconds * CLOCK_SECOND : 0;
}

/* Once, when the server's turn comes. The first request of a call does not wait long for it, so
 * that a registry that hangs does not hold everybody who wants it. */
static err *send_once(struct session *session, struct http_request *request, str host,
                      struct http_response *out)
{
    int64_t due_ns = session->access->due_ns, left_ns;
    int64_t turn_ns = session->begun ? due_ns : MIN(due_ns, clock_now_ns() + LIMIT_OCI_WAIT_NS);
    if (!pace_take(session->registry->pace, host, turn_ns)) {
        err *e =
            err_transient(STR_FMT ": too many requests; it is asked again later", STR_ARG(host));
        return err_because(e, session->begun ? "TooManyRequests" : "Busy");
    }
    session->begun = true;
    left_ns = due_ns - clock_now_ns();
    err *e;
    if (left_ns > 0) {
        request->timeout_ms = MAX(MIN(left_ns, REQUEST_NS) / CLOCK_MS, (int64_t)1);
        request->cancel = session->access->cancel;
        e = http_do(session->http, session->a, request, out);
    } else {
        e = err_because(err_transient(STR_FMT ": timed out", STR_ARG(host)), "Timeout");
    }
    pace_give(session->registry->pace, host, e ? 0 : out->status, e ? 0 : retry_after_ns(out));
    return e;
}

/* What may pass by itself is tried again, as long as there is time. */
static err *send_request(struct session *session, struct http_request *request, str host,
                         struct http_response *out)
{
    for (int tries = 1;; tries++) {
        bool first = !session->begun;
        err *e = send_once(session, request, host, out);
        if (e && first && !session->begun) return e; /* there was no turn */
        bool again = e ? err_is(e, ERR_TRANSIENT) : is_temporary(out->status);
        int64_t now_ns = clock_now_ns();
        int64_t until_ns = now_ns + rand_jitter((tries == 1 ? 1 : 3) * CLOCK_SECOND, 10);
        until_ns = MAX(until_ns, pace_blocked_until_ns(session->registry->pace, host));
        bool worth = until_ns - now_ns <= LIMIT_OCI_PAUSE_NS && until_ns < session->access->due_ns;
        if (!again || tries == TRIES || !worth) return e;
        err_free(e);
        clock_sleep(until_ns - now_ns);
    }
}

/* ---- answers that are refusals ---- */

static str error_texts(arena *a, const struct http_response *response)
{
    node *answer;
    buf b = BUF(a);
    err *e AUTO(err_done) =
        json_parse(a, response->body, (struct json_options){.last_wins = true}, &answer);
    const node *errors = e ? NULL : node_get(answer, STR("errors"));
    int shown = 0;
    NODE_EACH (errors, item) {
        str code = node_get_str(item, STR("code")), message = node_get_str(item, STR("message"));
        if (!code.len && !message.len) continue;
        if (shown++ == LIMIT_OCI_ERRORS) break;
        buf_printf(&b, "%s" STR_FMT ": " STR_FMT, b.len ? "; " : "",
                   STR_ARG(str_head_utf8(code, 100)), STR_ARG(str_head_utf8(message, 300)));
    }
    if (!b.len) buf_printf(&b, "unexpected status code %d", response->status);
    return buf_str(&b);
}

static err *check_status(struct session *session, const struct http_request *request,
                         const struct http_response *response)
{
    int status = response->status;
    if ((status >= 200 && status < 300) || status == 304) return NULL;
    enum err_kind kind = status == 401 || status == 403 ? ERR_DENIED
                         : status == 404                ? ERR_NOT_FOUND
                         : is_temporary(status)         ? ERR_TRANSIENT
                                                        : ERR_INVALID;
    str name = name_of(session->a, request), text = error_texts(session->a, response);
    return err_with_status(err_new(kind, "", STR_FMT ": " STR_FMT, STR_ARG(name), STR_ARG(text)),
                           status);
}

/* ---- proving who we are ---- */

static err *fetch_token(struct session *session, const struct challenge *challenge)
{
    arena *a = session->a;
    struct http_request request;
    struct http_response response;
    int64_t lifetime_ns;
    bool tls = str_starts(session->origin, STR("https"));
    TRY(token_check_realm(a, session->reference->registry, tls, challenge->realm));
    token_request(a, challenge, session->reference->repository, session->who, &request);
    struct url realm;
    TRY(url_parse(request.url, &realm));
    TRY(send_request(session, &request, url_host_port(a, &realm), &response));
    TRY(check_status(session, &request, &response));
    TRY(token_read(a, response.body, &session->proof.bearer, &lifetime_ns));
    token_remember(session->registry->tokens, session->token_key, &session->proof,
                   clock_now_ns() + lifetime_ns);
    return NULL;
}

/* Answers a 401. False in *out when there is nothing more we could do. */
static err *prove(struct session *session, const struct http_response *refusal, bool *out)
{
    struct challenge challenge =
        challenge_parse(session->a, http_header(refusal, STR("www-authenticate")));
    const struct keychain_entry *who = session->who;
    *out = false;
    if (session->proved) token_forget(session->registry->tokens, session->token_key);
    session->proof = (struct token_proof){0};
    if (challenge.scheme == CHALLENGE_BASIC && who && who->user.len) {
        session->proof.user = who->user;
        session->proof.password = who->password;
        token_remember(session->registry->tokens, session->token_key, &session->proof, INT64_MAX);
        *out = true;
    } else if (challenge.scheme == CHALLENGE_BEARER) {
        TRY(fetch_token(session, &challenge));
        *out = true;
    }
    session->proved = *out;
    return NULL;
}

static void put_proof(const struct session *session, struct http_request *request)
{
    request->bearer = session->proof.bearer;
    request->user = session->proof.user;
    request->password = session->proof.password;
}

static err *ask(struct session *session, struct http_request *request, struct http_response *out)
{
    str host = session->reference->registry;
    request->follow = true;
    put_proof(session, request);
    TRY(send_request(session, request, host, out));
    if (out->status == 401) {
        bool proved;
        TRY(prove(session, out, &proved));
        if (proved) {
            put_proof(session, request);
            TRY(send_request(session, request, host, out));
        }
    }
    return check_status(session, request, out);
}

/* ---- sessions ---- */

static const struct keychain_entry *find_who(const struct session *session)
{
    if (!session->access->keychain) return NULL;
    return keychain_find(session->access->keychain, session->reference->registry,
                         session->reference->repository);
}

static str token_key_of(const struct session *session)
{
    const struct keychain_entry *who = session->who;
    buf b = BUF(session->a);
    str name = reference_name(session->a, session->reference);
    buf_add(&b, name);
    if (who) {
        const str texts[] = {who->user, who->password, who->identity_token, who->registry_token};
        for (size_t i = 0; i < COUNT(texts); i++)
            buf_printf(&b, " %zu:" STR_FMT, texts[i].len, STR_ARG(texts[i]));
    }
    return hash_sha256_hex(session->a, buf_str(&b));
}

static bool is_plain(struct registry *registry, str host)
{
    pthread_mutex_lock(&registry->lock);
    bool plain = map_has(&registry->plain, host);
    pthread_mutex_unlock(&registry->lock);
    return plain;
}

static void remember_plain(struct registry *registry, str host)
{
    pthread_mutex_lock(&registry->lock);
    if (registry->plain.count >= LIMIT_OCI_HOSTS) map_clear(&registry->plain);
    map_put(&registry->plain, host, registry);
    pthread_mutex_unlock(&registry->lock);
}

/* Does anything answer there that speaks HTTP, in this form? A server that wants TLS answers with
 * 400 to a request without. */
static err *ping(struct session *session, const char *scheme)
{
    struct http_response response;
    str host = session->reference->registry;
    struct http_request request = {
        .url = str_printf(session->a, "%s://" STR_FMT "/v2/", scheme, STR_ARG(host)),
        .body_limit = LIMIT_OCI_TOKEN_BYTES,
    };
    TRY(send_once(session, &request, host, &response));
    return response.status == 400 ? check_status(session, &request, &response) : NULL;
}

/* compat: registries that may be asked without TLS are asked with it first. */
static err *choose_scheme(struct session *session)
{
    const struct registry_access *access = session->access;
    str host = session->reference->registry;
    const char *scheme = "https";
    if (access->insecure || reference_is_local(host)) {
        if (is_plain(session->registry, host)) {
            scheme = "http";
        } else {
            err *e = ping(session, "https");
            err *plain = e && !err_is(e, ERR_CANCELED) ? ping(session, "http") : NULL;
            if (e && (plain || err_is(e, ERR_CANCELED))) {
                err_free(plain);
                return e;
            }
            if (e) {
                remember_plain(session->registry, host);
                scheme = "http";
            }
            err_free(e);
        }
    }
    session->origin = str_printf(session->a, "%s://" STR_FMT, scheme, STR_ARG(host));
    return NULL;
}

static err *begin(struct registry *registry, arena *a, const struct reference *reference,
                  const struct registry_access *access, struct session *session)
{
    struct http_options options = {
        .ca_pem = access->ca_pem,
        .cert_pem = access->cert_pem,
        .key_pem = access->key_pem,
        .proxy = access->proxy,
        .proxy_user = access->proxy_user,
        .proxy_password = access->proxy_password,
        .user_agent = STR("fixpoint"),
        .no_link_local = true,
    };
    *session =
        (struct session){.registry = registry, .a = a, .reference = reference, .access = access};
    session->who = find_who(session);
    session->token_key = token_key_of(session);
    if (session->who && session->who->registry_token.len)
        session->proof.bearer = session->who->registry_token;
    else
        session->proved = token_recall(registry->tokens, a, session->token_key, &session->proof);
    TRY(trust_take(registry->trust, &options, &session->http));
    err *e = choose_scheme(session);
    if (e) trust_give(registry->trust, session->http);
    return e;
}

static err *end(struct session *session, err *e)
{
    trust_give(session->registry->trust, session->http);
    return e;
}

/* ---- tags ---- */

/* Only a list of one page has an ETag that stands for all of it. */
static err *read_pages(struct session *session, struct tag_page *all, struct registry_tags *tags)
{
    arena *a = session->a;
    struct map seen AUTO(map_done) = {0};
    str url = str_printf(a, STR_FMT "/v2/" STR_FMT "/tags/list?n=%d", STR_ARG(session->origin),
                         STR_ARG(session->reference->repository), PAGE);
    const struct http_header known = {STR("If-None-Match"), tags->etag};
    for (int page = 0; url.len; page++) {
        struct http_request request = {
            .url = url,
            .body_limit = LIMIT_OCI_PAGE_BYTES,
            .headers = &known,
            .header_count = page == 0 && known.value.len,
        };
        struct http_response response;
        size_t before = all->count;
        if (page == LIMIT_OCI_PAGES)
            return err_invalid("the list of tags has more than the limit of %d pages",
                               LIMIT_OCI_PAGES);
        map_put(&seen, url, session);
        TRY(ask(session, &request, &response));
        tags->unchanged = response.status == 304;
        if (tags->unchanged) return NULL;
        err *e = tag_page_read(a, response.body, all);
        if (!e) e = link_next(a, http_header(&response, STR("link")), request.url, &url);
        if (!e && url.len && (map_has(&seen, url) || all->count == before))
            e = err_invalid("the pages of the list of tags do not come to an end");
        if (e) return err_wrap(e, STR_FMT, STR_ARG(name_of(a, &request)));
        tags->etag = page || url.len ? (str){0} : http_header(&response, STR("etag"));
    }
    return NULL;
}

err *registry_tags(struct registry *registry, arena *a, const struct reference *reference,
                   const struct registry_access *access, struct registry_tags *tags)
{
    struct session session;
    struct tag_page all = {0};
    TRY(begin(registry, a, reference, access, &session));
    TRY(end(&session, read_pages(&session, &all, tags)));
    tags->items = all.tags;
    tags->count = all.count;
    return NULL;
}

/* ---- manifests ---- */

static const struct http_header accept_manifests[] = {
    {STR("Accept"), STR("application/vnd.oci.image.index.v1+json, "
                        "application/vnd.oci.image.manifest.v1+json, "
                        "application/vnd.docker.distribution.manifest.list.v2+json, "
                        "application/vnd.docker.distribution.manifest.v2+json")},
};

static struct http_request manifest_request(const struct session *session, str name)
{
    return (struct http_request){
        .url = str_printf(session->a, STR_FMT "/v2/" STR_FMT "/manifests/" STR_FMT,
                          STR_ARG(session->origin), STR_ARG(session->reference->repository),
                          STR_ARG(name)),
        .headers = accept_manifests,
        .header_count = COUNT(accept_manifests),
        .body_limit = LIMIT_OCI_MANIFEST_BYTES,
    };
}

/* `wanted`: the digest that it has to have, or empty. */
static err *read_manifest(struct session *session, str name, str wanted,
                          struct registry_manifest *out)
{
    arena *a = session->a;
    struct http_request request = manifest_request(session, name);
    struct http_response response;
    TRY(ask(session, &request, &response));
    str digest = str_concat(a, STR("sha256:"), hash_sha256_hex(a, response.body));
    str claimed = wanted.len ? wanted : http_header(&response, STR("docker-content-digest"));
    if (claimed.len && !str_eq(claimed, digest)) {
        return err_invalid(STR_FMT ": the manifest has the digest " STR_FMT
                                   ", but the registry says " STR_FMT,
                           STR_ARG(name_of(a, &request)), STR_ARG(digest), STR_ARG(claimed));
    }
    str type = http_header(&response, STR("content-type")), parameters;
    str_cut(type, ';', &type, &parameters);
    *out = (struct registry_manifest){str_trim(type), digest, response.body};
    return NULL;
}

static err *read_digest(struct session *session, str known, str *out)
{
    struct http_request request = manifest_request(session, session->reference->tag);
    struct http_response response;
    struct registry_manifest manifest;
    request.method = "HEAD";
    TRY(ask(session, &request, &response));
    str digest = http_header(&response, STR("docker-content-digest"));
    if (!reference_digest_is_valid(digest)) digest = (str){0}; /* computed then */
    if (!digest.len || !str_eq(digest, known)) {
        str name = digest.len ? digest : session->reference->tag;
        TRY(read_manifest(session, name, digest, &manifest));
        digest = manifest.digest;
    }
    *out = str_dup(session->a, digest);
    return NULL;
}

err *registry_digest(struct registry *registry, arena *a, const struct reference *reference,
                     const struct registry_access *access, str known, str *out)
{
    struct session session;
    str digest;
    TRY(begin(registry, a, reference, access, &session));
    TRY(end(&session, read_digest(&session, known, &digest)));
    *out = digest;
    return NULL;
}

err *registry_manifest(struct registry *registry, arena *a, const struct reference *reference,
                       const struct registry_access *access, struct registry_manifest *out)
{
    struct session session;
    str digest = reference->digest;
    TRY(begin(registry, a, reference, access, &session));
    return end(&session,
               read_manifest(&session, digest.len ? digest : reference->tag, digest, out));
}

/* ---- blobs ---- */

/* One download: events on the loop, a worker that waits for the end. */
struct download {
    struct session *session;
    struct http_request request;
    size_t bytes, limit_bytes;
    struct hash_state *hash;
    registry_take_fn *take;
    void *context;
    pthread_mutex_t lock; /* guards over */
    pthread_cond_t changed;
    bool over;
    int status;
    err *error;
};

static void on_head(void *context, const struct http_response *response)
{
    struct download *download = context;
    download->status = response->status;
}

static err *on_data(void *context, str bytes)
{
    struct download *download = context;
    const atomic_bool *cancel = download->session->access->cancel;
    if (download->status != 200) return NULL; /* said at the end */
    if (cancel && atomic_load(cancel)) return err_new(ERR_CANCELED, "", "canceled");
    download->bytes += bytes.len;
    if (download->bytes > download->limit_bytes)
        return err_invalid("the blob has more than the limit of %zu bytes", download->limit_bytes);
    hash_add(download->hash, bytes);
    return download->take(download->context, bytes);
}

static void on_done(void *context, err *e)
{
    struct download *download = context;
    pthread_mutex_lock(&download->lock);
    download->error = e;
    download->over = true;
    pthread_cond_signal(&download->changed);
    pthread_mutex_unlock(&download->lock);
}

static void start_download(void *context)
{
    static const struct http_events events = {on_head, on_data, on_done};
    struct download *download = context;
    http_open(download->session->http, &download->request, &events, download);
}

static err *check_blob(struct download *download, str digest)
{
    arena *a = download->session->a;
    if (download->error) return download->error;
    if (download->status != 200)
        return err_transient("unexpected status code %d", download->status);
    str found = str_concat(a, STR("sha256:"), hash_hex(a, download->hash));
    if (str_eq(found, digest)) return NULL;
    return err_invalid("the blob has the digest " STR_FMT, STR_ARG(found));
}

/* The first request proves who we are; the download itself is not tried again, for what was taken
 * cannot be given back. */
static err *read_blob(struct session *session, struct download *download, str digest)
{
    struct http_request head = download->request;
    struct http_response response;
    str host = session->reference->registry;
    head.method = "HEAD";
    TRY(ask(session, &head, &response));
    if (!pace_take(session->registry->pace, host, session->access->due_ns))
        return err_transient(STR_FMT ": too many requests; it is asked again later", STR_ARG(host));
    int64_t left_ns = session->access->due_ns - clock_now_ns();
    put_proof(session, &download->request);
    download->request.timeout_ms = MAX(left_ns / CLOCK_MS, (int64_t)1);
    loop_call(session->registry->loop, start_download, download);
    pthread_mutex_lock(&download->lock);
    while (!download->over)
        pthread_cond_wait(&download->changed, &download->lock);
    pthread_mutex_unlock(&download->lock);
    pace_give(session->registry->pace, host, download->status, 0);
    err *e = check_blob(download, digest);
    return e ? err_wrap(e, STR_FMT, STR_ARG(name_of(session->a, &download->request))) : NULL;
}

err *registry_blob(struct registry *registry, arena *a, const struct reference *reference,
                   const struct registry_access *access, str digest, size_t limit_bytes,
                   registry_take_fn *take, void *context)
{
    struct session session;
    if (!reference_digest_is_valid(digest))
        return err_invalid("'" STR_FMT "' is not a digest", STR_ARG(str_head_utf8(digest, 100)));
    TRY(begin(registry, a, reference, access, &session));
    struct hash_state *hash AUTO(hash_state_done) = hash_new("sha256");
    struct download download = {
        .session = &session,
        .request = {.url = str_printf(a, STR_FMT "/v2/" STR_FMT "/blobs/" STR_FMT,
                                      STR_ARG(session.origin), STR_ARG(reference->repository),
                                      STR_ARG(digest)),
                    .follow = true},
        .limit_bytes = limit_bytes,
        .hash = hash,
        .take = take,
        .context = context,
    };
    pthread_mutex_init(&download.lock, NULL);
    pthread_cond_init(&download.changed, NULL);
    err *e = read_blob(&session, &download, digest);
    pthread_cond_destroy(&download.changed);
    pthread_mutex_destroy(&download.lock);
    return end(&session, e);
}
