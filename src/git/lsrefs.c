#include "git/lsrefs.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "git/pktline.h"
#include "git/turn.h"
#include "net/http.h"
#include "net/url.h"

#define CONTENT_ADVERTISEMENT "application/x-git-upload-pack-advertisement"
#define CONTENT_RESULT        "application/x-git-upload-pack-result"
#define AGENT                 "agent=git/fixpoint"

/* ---- Reading listings ---- */

static err *add_ref(arena *a, struct lsrefs_listing *listing, struct lsrefs_ref ref)
{
    if (ref.sha.len == 64) {
        return err_invalid("the repository has SHA-256 objects, which are not supported");
    }
    if (!remote_sha_is_valid(ref.sha) || (ref.peeled.len && !remote_sha_is_valid(ref.peeled))) {
        return err_invalid("the server lists a reference without a valid object name");
    }
    if (listing->count == LIMIT_GIT_REFS) {
        return err_invalid("the repository has more than %d references, the limit", LIMIT_GIT_REFS);
    }
    /* A name that git itself would not take is of no use to anybody. */
    if (!remote_ref_is_valid(ref.name)) return NULL;
    *ARENA_PUSH(a, listing->refs, listing->count, listing->room) = ref;
    return NULL;
}

static err *check_format(str format)
{
    if (!format.len || str_is(format, "sha1")) return NULL;
    return err_invalid("the repository has '" STR_FMT "' objects, which are not supported",
                       STR_ARG(str_head(format, 20)));
}

/* What a server says, cut short and without control characters: fit for a message. */
static str shown(arena *a, str text)
{
    text = str_trim(str_head_utf8(str_trim(text), LIMIT_GIT_ANSWER_SHOWN));
    if (!str_valid_utf8(text)) return (str){0};
    char *bytes = str_z(a, text);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f) bytes[i] = ' ';
    }
    return str_from(bytes, text.len);
}

/* What the server has to say instead of an answer. */
static err *check_error(arena *a, str line)
{
    if (!str_strip_prefix(&line, STR("ERR "))) return NULL;
    return err_transient("remote: " STR_FMT, STR_ARG(shown(a, line)));
}

/* The value of "name=value" among capabilities separated by blanks. */
static str capability(str capabilities, str name)
{
    for (str word, rest = capabilities; str_next(&rest, ' ', &word);) {
        if (str_strip_prefix(&word, name)) return word;
    }
    return (str){0};
}

/* "<sha> <name>", the first one with "\0<capabilities>" behind. */
static err *parse_line_0(arena *a, str line, struct lsrefs_listing *listing)
{
    struct lsrefs_ref ref = {0};
    str capabilities;
    if (str_cut(line, '\0', &line, &capabilities)) {
        TRY(check_format(capability(capabilities, STR("object-format="))));
    }
    if (!str_cut(line, ' ', &ref.sha, &ref.name)) {
        return err_invalid("the server lists a reference without a name");
    }
    if (str_is(ref.name, "capabilities^{}")) return NULL; /* an empty repository */
    if (!str_strip_suffix(&ref.name, STR("^{}"))) return add_ref(a, listing, ref);
    struct lsrefs_ref *last = listing->count ? &listing->refs[listing->count - 1] : NULL;
    if (last && str_eq(last->name, ref.name) && remote_sha_is_valid(ref.sha))
        last->peeled = ref.sha;
    return NULL;
}

/* The capabilities of protocol 2, a line each. */
static err *parse_line_2(str line, struct lsrefs_listing *listing)
{
    if (!str_strip_prefix(&line, STR("object-format="))) return NULL;
    listing->object_format = true;
    return check_format(line);
}

err *lsrefs_parse_advertisement(arena *a, str body, struct lsrefs_listing *out)
{
    struct lsrefs_listing listing = {0};
    bool service = false; /* in the section "# service=...", which may be missing in protocol 2 */
    for (bool first = true; body.len; first = false) {
        enum pktline_kind kind;
        str line;
        TRY(pktline_next(&body, &kind, &line));
        if (first && str_is(line, "# service=git-upload-pack")) {
            service = true;
        } else if (kind != PKTLINE_DATA && service) {
            service = false;
        } else if (kind != PKTLINE_DATA) {
            *out = listing;
            return NULL;
        } else if (str_is(line, "version 2")) {
            listing.version_2 = true;
        } else if (listing.version_2) {
            TRY(parse_line_2(line, &listing));
        } else if (!str_is(line, "version 1")) {
            TRY(check_error(a, line));
            TRY(parse_line_0(a, line, &listing));
        }
    }
    return err_invalid("the list of references has no end");
}

/* "<sha> <name>", then attributes. */
static err *parse_answer_line(arena *a, str line, struct lsrefs_listing *listing)
{
    struct lsrefs_ref ref = {0};
    str rest, attribute;
    TRY(check_error(a, line));
    if (!str_cut(line, ' ', &ref.sha, &rest) || !str_next(&rest, ' ', &ref.name)) {
        return err_invalid("the server lists a reference without a name");
    }
    if (str_is(ref.sha, "unborn")) return NULL;
    while (str_next(&rest, ' ', &attribute)) {
        if (str_strip_prefix(&attribute, STR("symref-target:"))) ref.target = attribute;
        if (str_strip_prefix(&attribute, STR("peeled:"))) ref.peeled = attribute;
    }
    return add_ref(a, listing, ref);
}

err *lsrefs_parse_answer(arena *a, str body, struct lsrefs_listing *out)
{
    struct lsrefs_listing listing = {0};
    while (body.len) {
        enum pktline_kind kind;
        str line;
        TRY(pktline_next(&body, &kind, &line));
        if (kind == PKTLINE_FLUSH) {
            *out = listing;
            return NULL;
        }
        if (kind == PKTLINE_DATA) TRY(parse_answer_line(a, line, &listing));
    }
    return err_invalid("the list of references has no end");
}

/* ---- What is kept between polls ---- */

struct client { /* lives in its own arena */
    arena arena;
    struct http *http;
    int users;
    uint64_t used;
};

/* What the last answer has told of a remote. Lives in its own arena. */
struct server {
    arena arena;
    str url;           /* where redirects led to; empty: nowhere */
    bool other_server; /* that is not the server that the credentials are for */
    bool version_2, object_format;
};

struct lsrefs {
    arena arena;
    struct loop *loop;
    struct turns *turns;  /* at each remote: one that hangs holds few workers */
    pthread_mutex_t lock; /* guards what follows */
    struct map clients;   /* by remote_trust: struct client */
    struct map servers;   /* by remote_id: struct server */
    uint64_t uses;
};

struct lsrefs *lsrefs_new(struct loop *loop)
{
    arena a = {0};
    struct lsrefs *lsrefs = NEW(&a, struct lsrefs);
    lsrefs->loop = loop;
    lsrefs->turns = turn_new(LIMIT_GIT_POLLS);
    pthread_mutex_init(&lsrefs->lock, NULL);
    lsrefs->arena = a;
    return lsrefs;
}

static void client_free(struct client *client)
{
    http_free(client->http);
    arena a = client->arena;
    arena_done(&a);
}

static void server_free(struct server *server)
{
    if (!server) return;
    arena a = server->arena;
    arena_done(&a);
}

void lsrefs_free(struct lsrefs *lsrefs)
{
    if (!lsrefs) return;
    MAP_EACH (&lsrefs->clients, entry)
        client_free(entry->value);
    MAP_EACH (&lsrefs->servers, entry)
        server_free(entry->value);
    map_done(&lsrefs->clients);
    map_done(&lsrefs->servers);
    turn_free(lsrefs->turns);
    pthread_mutex_destroy(&lsrefs->lock);
    arena a = lsrefs->arena;
    arena_done(&a);
}

/* Closes the connections that were unused for longest. With the lock held. */
static void evict_client(struct lsrefs *lsrefs)
{
    struct map_entry *oldest = NULL;
    MAP_EACH (&lsrefs->clients, entry) {
        struct client *client = entry->value, *best = oldest ? oldest->value : NULL;
        if (!client->users && (!best || client->used < best->used)) oldest = entry;
    }
    if (oldest) client_free(map_remove(&lsrefs->clients, oldest->key));
}

static err *client_new(struct lsrefs *lsrefs, const struct remote *remote, struct client **out)
{
    struct http_options options = {
        .ca_pem = remote->ca_pem,
        .cert_pem = remote->cert_pem,
        .key_pem = remote->key_pem,
        .proxy = remote->proxy,
        .proxy_user = remote->proxy_user,
        .proxy_password = remote->proxy_password,
        .user_agent = STR("git/fixpoint"),
    };
    struct http *http;
    TRY(http_new(lsrefs->loop, options, &http));
    arena a = {0};
    struct client *client = NEW(&a, struct client);
    client->http = http;
    client->arena = a;
    *out = client;
    return NULL;
}

static err *take_client(struct lsrefs *lsrefs, arena *a, const struct remote *remote,
                        struct client **out)
{
    str trust = remote_trust(a, remote);
    err *e = NULL;
    pthread_mutex_lock(&lsrefs->lock);
    struct client *client = map_get(&lsrefs->clients, trust);
    if (!client) {
        if (lsrefs->clients.count >= LIMIT_GIT_CLIENTS) evict_client(lsrefs);
        e = client_new(lsrefs, remote, &client);
        if (!e) map_put(&lsrefs->clients, trust, client);
    }
    if (!e) {
        client->users++;
        *out = client;
    }
    pthread_mutex_unlock(&lsrefs->lock);
    return err_because(e, "AuthenticationFailed");
}

static void give_client(struct lsrefs *lsrefs, struct client *client)
{
    pthread_mutex_lock(&lsrefs->lock);
    client->users--;
    client->used = ++lsrefs->uses;
    pthread_mutex_unlock(&lsrefs->lock);
}

/* A copy of what is known, with texts in the arena. */
static struct server recall(struct lsrefs *lsrefs, arena *a, str id)
{
    struct server known = {0};
    pthread_mutex_lock(&lsrefs->lock);
    struct server *server = map_get(&lsrefs->servers, id);
    if (server) {
        known = *server;
        known.url = str_dup(a, server->url);
    }
    pthread_mutex_unlock(&lsrefs->lock);
    known.arena = (arena){0};
    return known;
}

static void remember(struct lsrefs *lsrefs, str id, const struct server *known)
{
    arena a = {0};
    struct server *server = NEW(&a, struct server);
    *server = *known;
    server->url = str_dup(&a, known->url);
    server->arena = a;
    pthread_mutex_lock(&lsrefs->lock);
    if (lsrefs->servers.count >= LIMIT_GIT_SERVERS) {
        MAP_EACH (&lsrefs->servers, entry)
            server_free(map_remove(&lsrefs->servers, entry->key));
    }
    server_free(map_put(&lsrefs->servers, id, server));
    pthread_mutex_unlock(&lsrefs->lock);
}

/* ---- Asking ---- */

struct asking {
    arena *a;
    struct http *http;
    const struct lsrefs_request *request;
    struct server server;
    bool learned; /* the server told anew what it is able to do */
};

static struct remote remote_of(const struct asking *asking)
{
    struct remote remote = *asking->request->remote;
    if (asking->server.url.len) remote.url = asking->server.url;
    if (asking->server.other_server) {
        remote.user = remote.password = remote.bearer = remote.cert_pem = remote.key_pem = (str){0};
    }
    return remote;
}

static err *send_request(struct asking *asking, str url, str body, struct http_response *out)
{
    struct remote remote = remote_of(asking);
    int64_t left_ms = (asking->request->due_ns - clock_now_ns()) / CLOCK_MS;
    if (left_ms <= 0) return err_new(ERR_TRANSIENT, "Timeout", "the server took too long");
    struct http_header headers[] = {
        {STR("Git-Protocol"), STR("version=2")},
        {STR("Accept"), body.len ? STR(CONTENT_RESULT) : STR(CONTENT_ADVERTISEMENT)},
        {STR("Content-Type"), STR("application/x-git-upload-pack-request")},
    };
    struct http_request message = {
        .url = url,
        .headers = headers,
        .header_count = body.len ? 3 : 2,
        .body = body,
        .user = remote.user,
        .password = remote.password,
        .bearer = remote.bearer,
        .timeout_ms = left_ms,
        .cancel = asking->request->cancel,
    };
    return http_do(asking->http, asking->a, &message, out);
}

static bool has_content_type(const struct http_response *response, const char *type)
{
    str value = http_header(response, STR("content-type")), before, after;
    str_cut(value, ';', &before, &after);
    return str_eq_fold(str_trim(before), str_of(type));
}

/* compat: the texts of go-git. */
static err *check_status(arena *a, str url, const struct http_response *response)
{
    str answer = shown(a, response->body);
    if (answer.len) answer = str_concat(a, STR(": "), answer);
    err *e;
    switch (response->status) {
    case 200:
        return NULL;
    case 401:
        e = err_denied("authentication required" STR_FMT, STR_ARG(answer));
        break;
    case 403:
        e = err_denied("authorization failed" STR_FMT, STR_ARG(answer));
        break;
    case 404:
        e = err_not_found("repository not found" STR_FMT, STR_ARG(answer));
        break;
    default:
        e = err_transient("unexpected client error: unexpected requesting \"" STR_FMT
                          "\" status code: %d",
                          STR_ARG(url), response->status);
    }
    return err_with_status(err_because(e, ""), response->status);
}

static err *not_git(const struct http_response *response)
{
    if (has_content_type(response, "text/html")) {
        return err_invalid(
            "the server answered with a web page instead of a Git repository; check the URL");
    }
    if (has_content_type(response, "text/plain")) {
        return err_invalid("the server does not speak the smart HTTP protocol of Git");
    }
    return err_invalid("the server did not answer as a Git server does; check the URL");
}

/* Takes a redirect of info/refs as a new place of the repository. */
static err *move(struct asking *asking, const struct http_response *response)
{
    arena *a = asking->a;
    str location = http_header(response, STR("location")), before, query;
    struct url from, to;
    struct remote now = remote_of(asking);
    str_cut(location, '?', &before, &query);
    if (str_starts(before, STR("/"))) { /* relative to the server */
        TRY(url_parse(now.url, &from));
        str base = str_head(now.url, now.url.len - from.path.len);
        before = str_concat(a, base, before);
    }
    if (!str_strip_suffix(&before, STR("/info/refs"))) {
        return err_invalid(
            "the server redirects to something that is no Git repository; check the URL");
    }
    struct remote target = {.url = before};
    err *e = remote_check(a, &target);
    if (e) return err_because(err_wrap(e, "redirect of the server"), "");
    TRY(url_parse(now.url, &from));
    TRY(url_parse(target.url, &to));
    bool upgrade =
        str_is(from.scheme, "http") && str_is(to.scheme, "https") && !from.port.len && !to.port.len;
    if (str_is(from.scheme, "https") && str_is(to.scheme, "http")) {
        return err_invalid("the server redirects from https to http, which is not followed");
    }
    bool same = str_eq_fold(from.host, to.host) && (upgrade || url_port(&from) == url_port(&to));
    asking->server.other_server |= !same;
    asking->server.url = target.url;
    return NULL;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* GET info/refs, wherever redirects lead. */
static err *get_advertisement(struct asking *asking, struct lsrefs_listing *out)
{
    asking->server = (struct server){0};
    for (int hop = 0; hop <= LIMIT_HTTP_REDIRECTS; hop++) {
        struct remote remote = remote_of(asking);
        str url = str_concat(asking->a, remote.url, STR("/info/refs?service=git-upload-pack"));
        struct http_response response;
        TRY(send_request(asking, url, (str){0}, &response));
        if (is_redirect(response.status)) {
            TRY(move(asking, &response));
            continue;
        }
        TRY(check_status(asking->a, url, &response));
        if (!has_content_type(&response, CONTENT_ADVERTISEMENT)) return not_git(&response);
        TRY(lsrefs_parse_advertisement(asking->a, response.body, out));
        asking->server.version_2 = out->version_2;
        asking->server.object_format = out->object_format;
        asking->learned = true;
        return NULL;
    }
    return err_invalid("the server redirects more than %d times", LIMIT_HTTP_REDIRECTS);
}

static str command(struct asking *asking)
{
    buf b = BUF(asking->a);
    pktline_add(&b, STR("command=ls-refs"));
    pktline_add(&b, STR(AGENT));
    if (asking->server.object_format) pktline_add(&b, STR("object-format=sha1"));
    pktline_add_mark(&b, PKTLINE_DELIMITER);
    pktline_add(&b, STR("peel"));
    pktline_add(&b, STR("symrefs"));
    for (size_t i = 0; i < asking->request->prefix_count; i++) {
        pktline_add(&b, str_concat(asking->a, STR("ref-prefix "), asking->request->prefixes[i]));
    }
    pktline_add_mark(&b, PKTLINE_FLUSH);
    return buf_str(&b);
}

/* POST of the command ls-refs. */
static err *post_command(struct asking *asking, struct lsrefs_listing *out)
{
    struct remote remote = remote_of(asking);
    str url = str_concat(asking->a, remote.url, STR("/git-upload-pack"));
    struct http_response response;
    TRY(send_request(asking, url, command(asking), &response));
    TRY(check_status(asking->a, url, &response));
    if (!has_content_type(&response, CONTENT_RESULT)) return not_git(&response);
    return lsrefs_parse_answer(asking->a, response.body, out);
}

static err *ask(struct asking *asking, struct lsrefs_listing *out)
{
    if (asking->server.version_2) {
        err *e = post_command(asking, out);
        /* Only a server that has changed since is asked anew what it is able to do. */
        if (!e || e->kind == ERR_TRANSIENT || e->kind == ERR_CANCELED) return e;
        err_free(e);
    }
    TRY(get_advertisement(asking, out));
    return out->version_2 ? post_command(asking, out) : NULL;
}

static bool is_wanted(const struct lsrefs_request *request, str name)
{
    for (size_t i = 0; i < request->prefix_count; i++) {
        if (str_starts(name, request->prefixes[i])) return true;
    }
    return request->prefix_count == 0;
}

/* With a turn at the remote. */
static err *list(struct lsrefs *lsrefs, arena *a, str id, const struct lsrefs_request *request,
                 struct lsrefs_answer *out)
{
    struct client *client = NULL;
    TRY(take_client(lsrefs, a, request->remote, &client));
    struct asking asking = {a, client->http, request, recall(lsrefs, a, id), false};
    struct lsrefs_listing listing;
    err *e = ask(&asking, &listing);
    give_client(lsrefs, client);
    if (e) return e;
    if (asking.learned) remember(lsrefs, id, &asking.server);

    size_t kept = 0;
    for (size_t i = 0; i < listing.count; i++) {
        if (is_wanted(request, listing.refs[i].name)) listing.refs[kept++] = listing.refs[i];
    }
    *out = (struct lsrefs_answer){remote_of(&asking), listing.refs, kept};
    return NULL;
}

err *lsrefs_do(struct lsrefs *lsrefs, arena *a, const struct lsrefs_request *request,
               struct lsrefs_answer *out)
{
    str id = remote_id(a, request->remote);
    if (!turn_take(lsrefs->turns, id)) {
        return err_new(ERR_CONFLICT, "Busy", "'" STR_FMT "' is being asked already",
                       STR_ARG(request->remote->url));
    }
    err *e = list(lsrefs, a, id, request, out);
    turn_give(lsrefs->turns, id);
    return e;
}
