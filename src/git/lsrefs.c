#include "git/lsrefs.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "git/pktline.h"
#include "git/sshpoll.h"
#include "net/talk.h"
#include "net/url.h"

#define CONTENT_ADVERTISEMENT "application/x-git-upload-pack-advertisement"
#define CONTENT_RESULT        "application/x-git-upload-pack-result"
#define AGENT                 "agent=git/fixpoint"

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

/* Where polls with the same question meet. */
struct place {
    int open;                   /* polls that the server was asked for */
    struct lsrefs_poll *queued; /* the one that begins when one of them ends; NULL: none */
};

/* One question, from the first who asks to the last who has the answer. Lives in its own arena. */
struct lsrefs_poll {
    arena arena;
    struct lsrefs *lsrefs;
    str id, key; /* of the remote; of the remote and the prefix */
    struct remote remote;
    str prefix;
    int64_t timeout_ns, due_ns;
    struct client *client; /* NULL for SSH */
    struct sshpoll ssh;
    struct server known; /* of the server, when it began: every run of the talk starts from it */
    struct talk *talk;
    /* Guarded by the lock. */
    enum { POLL_QUEUED, POLL_OPEN, POLL_DONE } state;
    bool busy; /* a worker reads what has come */
    int users; /* who waits, and the talk while it does */
    str *wakers;
    size_t waker_count, waker_room;
    /* Of the one who is busy, then unchanging. */
    arena answer_arena;
    struct lsrefs_answer answer;
    err *error;
};

struct lsrefs {
    arena arena;
    struct lsrefs_options options;
    struct sshpolls *ssh;
    pthread_mutex_t lock; /* guards what follows */
    struct map clients;   /* by remote_trust: struct client */
    struct map servers;   /* by remote_id: struct server */
    struct map places;    /* by the key of their polls: struct place */
    uint64_t uses;
};

struct lsrefs *lsrefs_new(struct lsrefs_options options)
{
    arena a = {0};
    struct lsrefs *lsrefs = NEW(&a, struct lsrefs);
    lsrefs->options = options;
    lsrefs->ssh = sshpoll_new();
    pthread_mutex_init(&lsrefs->lock, NULL);
    lsrefs->arena = a;
    return lsrefs;
}

static void client_done(struct client *client)
{
    arena a = client->arena;
    arena_done(&a);
}

static void server_free(struct server *server)
{
    if (!server) return;
    arena a = server->arena;
    arena_done(&a);
}

/* Behind the ends of the clients: no talk has anything to say any more. */
static void free_on_loop(void *context)
{
    struct lsrefs *lsrefs = context;
    must(lsrefs->places.count == 0);
    MAP_EACH (&lsrefs->clients, entry)
        client_done(entry->value);
    map_done(&lsrefs->clients);
    map_done(&lsrefs->servers);
    map_done(&lsrefs->places);
    pthread_mutex_destroy(&lsrefs->lock);
    arena a = lsrefs->arena;
    arena_done(&a);
}

void lsrefs_free(struct lsrefs *lsrefs)
{
    if (!lsrefs) return;
    sshpoll_free(lsrefs->ssh);
    MAP_EACH (&lsrefs->clients, entry)
        http_free(((struct client *)entry->value)->http);
    MAP_EACH (&lsrefs->servers, entry)
        server_free(entry->value);
    map_clear(&lsrefs->servers);
    loop_post(lsrefs->options.loop, free_on_loop, lsrefs);
}

/* Closes the connections that were unused for longest. With the lock held. */
static void evict_client(struct lsrefs *lsrefs)
{
    struct map_entry *oldest = NULL;
    MAP_EACH (&lsrefs->clients, entry) {
        struct client *client = entry->value, *best = oldest ? oldest->value : NULL;
        if (!client->users && (!best || client->used < best->used)) oldest = entry;
    }
    if (!oldest) return;
    http_free(((struct client *)oldest->value)->http);
    client_done(map_remove(&lsrefs->clients, oldest->key));
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
        .connections_per_host = LIMIT_GIT_CONNECTIONS,
    };
    struct http *http;
    TRY(http_new(lsrefs->options.loop, options, &http));
    arena a = {0};
    struct client *client = NEW(&a, struct client);
    client->http = http;
    client->arena = a;
    *out = client;
    return NULL;
}

/* With the lock held. */
static err *take_client(struct lsrefs *lsrefs, struct lsrefs_poll *poll)
{
    if (remote_is_ssh(&poll->remote)) return NULL;
    str trust = remote_trust(&poll->arena, &poll->remote);
    struct client *client = map_get(&lsrefs->clients, trust);
    if (!client) {
        if (lsrefs->clients.count >= LIMIT_GIT_CLIENTS) evict_client(lsrefs);
        err *e = client_new(lsrefs, &poll->remote, &client);
        if (e) return err_because(e, "AuthenticationFailed");
        map_put(&lsrefs->clients, trust, client);
    }
    client->users++;
    poll->client = client;
    return NULL;
}

/* A copy of what is known, with texts in the arena. With the lock held. */
static struct server recall(struct lsrefs *lsrefs, arena *a, str id)
{
    struct server *server = map_get(&lsrefs->servers, id), known = {0};
    if (server) known = *server;
    known.url = str_dup(a, known.url);
    known.arena = (arena){0};
    return known;
}

/* With the lock held. */
static void remember(struct lsrefs *lsrefs, str id, const struct server *known)
{
    arena a = {0};
    struct server *server = NEW(&a, struct server);
    *server = *known;
    server->url = str_dup(&a, known->url);
    server->arena = a;
    if (lsrefs->servers.count >= LIMIT_GIT_SERVERS) {
        MAP_EACH (&lsrefs->servers, entry)
            server_free(map_remove(&lsrefs->servers, entry->key));
    }
    server_free(map_put(&lsrefs->servers, id, server));
}

/* ---- Asking ---- */

/* One run over the talk of a poll. */
struct asking {
    arena *a;
    struct lsrefs_poll *poll;
    struct server server;
    bool learned; /* the server told anew what it is able to do */
};

static struct remote remote_of(const struct asking *asking)
{
    struct remote remote = asking->poll->remote;
    if (asking->server.url.len) remote.url = asking->server.url;
    if (asking->server.other_server) {
        remote.user = remote.password = remote.bearer = remote.cert_pem = remote.key_pem = (str){0};
    }
    return remote;
}

static err *send_request(struct asking *asking, str url, str body, struct http_response *out)
{
    struct remote remote = remote_of(asking);
    int64_t left_ms = (asking->poll->due_ns - clock_now_ns()) / CLOCK_MS;
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
        .timeout_ms = MAX(left_ms, (int64_t)1),
    };
    return talk_do(asking->poll->talk, asking->poll->client->http, &message, out);
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
    str answer = remote_shown(a, response->body);
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
static err *get_advertisement(struct asking *asking, struct reflist *out)
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
        TRY(reflist_parse_advertisement(asking->a, response.body, out));
        asking->server.version_2 = out->version_2;
        asking->server.object_format = out->object_format;
        asking->learned = true;
        return NULL;
    }
    return err_invalid("the server redirects more than %d times", LIMIT_HTTP_REDIRECTS);
}

static str command(arena *a, str prefix, bool object_format)
{
    buf b = BUF(a);
    pktline_add(&b, STR("command=ls-refs"));
    pktline_add(&b, STR(AGENT));
    if (object_format) pktline_add(&b, STR("object-format=sha1"));
    pktline_add_mark(&b, PKTLINE_DELIMITER);
    pktline_add(&b, STR("peel"));
    pktline_add(&b, STR("symrefs"));
    if (prefix.len) pktline_add(&b, str_concat(a, STR("ref-prefix "), prefix));
    pktline_add_mark(&b, PKTLINE_FLUSH);
    return buf_str(&b);
}

/* POST of the command ls-refs. */
static err *post_command(struct asking *asking, struct reflist *out)
{
    struct remote remote = remote_of(asking);
    str url = str_concat(asking->a, remote.url, STR("/git-upload-pack"));
    struct http_response response;
    str body = command(asking->a, asking->poll->prefix, asking->server.object_format);
    TRY(send_request(asking, url, body, &response));
    TRY(check_status(asking->a, url, &response));
    if (!has_content_type(&response, CONTENT_RESULT)) return not_git(&response);
    return reflist_parse_answer(asking->a, response.body, out);
}

static err *ask(struct asking *asking, struct reflist *out)
{
    if (asking->server.version_2) {
        err *e = post_command(asking, out);
        /* Only a server that has changed since is asked anew what it is able to do. */
        bool final = !e || e->kind == ERR_TRANSIENT || e->kind == ERR_CANCELED;
        if (final || talk_is_pending(e)) return e;
        err_free(e);
    }
    TRY(get_advertisement(asking, out));
    return out->version_2 ? post_command(asking, out) : NULL;
}

/* ---- Polls ---- */

/* Keys whose reconcilers have to look again: gathered with the lock held, woken without it. */
struct wakings {
    arena arena;
    str *keys;
    size_t count, room;
};

static void gather(struct wakings *wakings, struct lsrefs_poll *poll)
{
    for (size_t i = 0; i < poll->waker_count; i++) {
        str key = str_dup(&wakings->arena, poll->wakers[i]);
        *ARENA_PUSH(&wakings->arena, wakings->keys, wakings->count, wakings->room) = key;
    }
    poll->waker_count = 0;
}

static void wake(struct lsrefs *lsrefs, struct wakings *wakings)
{
    for (size_t i = 0; i < wakings->count; i++)
        lsrefs->options.wake(lsrefs->options.context, wakings->keys[i]);
    arena_done(&wakings->arena);
}

static void remove_waker(struct lsrefs_poll *poll, str key)
{
    size_t kept = 0;
    for (size_t i = 0; i < poll->waker_count; i++) {
        if (!str_eq(poll->wakers[i], key)) poll->wakers[kept++] = poll->wakers[i];
    }
    poll->waker_count = kept;
}

static void add_waker(struct lsrefs_poll *poll, str key)
{
    arena *a = &poll->arena;
    remove_waker(poll, key);
    *ARENA_PUSH(a, poll->wakers, poll->waker_count, poll->waker_room) = str_dup(a, key);
}

static void poll_free(struct lsrefs_poll *poll)
{
    talk_free(poll->talk);
    err_free(poll->error);
    arena_done(&poll->answer_arena);
    arena a = poll->arena;
    arena_done(&a);
}

/* The next poll at the place may begin: whoever waits for it does that. */
static void open_queued(struct place *place, struct wakings *wakings)
{
    struct lsrefs_poll *poll = place->queued;
    if (!poll || place->open == LIMIT_GIT_POLLS) return;
    struct lsrefs *lsrefs = poll->lsrefs;
    place->open++;
    place->queued = NULL;
    poll->state = POLL_OPEN;
    poll->due_ns = clock_now_ns() + poll->timeout_ns;
    poll->known = recall(lsrefs, &poll->arena, poll->id);
    gather(wakings, poll);
}

/* The poll is over, one way or the other: others may be asked. */
static void leave(struct lsrefs_poll *poll, struct wakings *wakings)
{
    struct lsrefs *lsrefs = poll->lsrefs;
    struct place *place = map_get(&lsrefs->places, poll->key);
    if (poll->state == POLL_QUEUED) place->queued = NULL;
    if (poll->state == POLL_OPEN) place->open--;
    if (poll->client) {
        poll->client->users--;
        poll->client->used = ++lsrefs->uses;
    }
    poll->state = POLL_DONE;
    open_queued(place, wakings);
    if (!place->open && !place->queued) free(map_remove(&lsrefs->places, poll->key));
}

/* With the lock held. */
static void release(struct lsrefs_poll *poll, struct wakings *wakings)
{
    if (--poll->users) return;
    if (poll->state != POLL_DONE) leave(poll, wakings);
    poll_free(poll);
}

/* On the loop: an answer came, or none. */
static void on_talk(void *context)
{
    struct lsrefs_poll *poll = context;
    struct lsrefs *lsrefs = poll->lsrefs;
    struct wakings wakings = {0};
    pthread_mutex_lock(&lsrefs->lock);
    gather(&wakings, poll);
    release(poll, &wakings);
    pthread_mutex_unlock(&lsrefs->lock);
    wake(lsrefs, &wakings);
}

static struct lsrefs_poll *poll_new(struct lsrefs *lsrefs, const struct lsrefs_request *request,
                                    str id, str key)
{
    arena a = {0};
    struct lsrefs_poll *poll = NEW(&a, struct lsrefs_poll);
    const struct remote *from = request->remote;
    *poll = (struct lsrefs_poll){
        .lsrefs = lsrefs,
        .id = str_dup(&a, id),
        .key = str_dup(&a, key),
        .remote = remote_dup(&a, from),
        .prefix = str_dup(&a, request->prefix),
        .timeout_ns = request->timeout_ns,
    };
    poll->talk = talk_new(on_talk, poll);
    poll->arena = a;
    return poll;
}

err *lsrefs_ask(struct lsrefs *lsrefs, const struct lsrefs_request *request,
                struct lsrefs_poll **out)
{
    arena a AUTO(arena_done) = {0};
    struct wakings wakings = {0};
    str id = remote_id(&a, request->remote);
    str key = str_printf(&a, STR_FMT " " STR_FMT, STR_ARG(id), STR_ARG(request->prefix));
    err *e = NULL;
    pthread_mutex_lock(&lsrefs->lock);
    struct place **at = (struct place **)map_at(&lsrefs->places, key);
    if (!*at) *at = lang_zalloc(sizeof **at);
    struct place *place = *at;
    if (!place->queued) {
        struct lsrefs_poll *poll = poll_new(lsrefs, request, id, key);
        e = take_client(lsrefs, poll);
        if (e) poll_free(poll);
        if (!e) place->queued = poll;
    }
    if (!e) {
        *out = place->queued;
        place->queued->users++;
        open_queued(place, &wakings);
    }
    if (!place->open && !place->queued) free(map_remove(&lsrefs->places, key));
    pthread_mutex_unlock(&lsrefs->lock);
    return e;
}

void lsrefs_drop(struct lsrefs_poll *poll, str waker)
{
    if (!poll) return;
    struct lsrefs *lsrefs = poll->lsrefs;
    struct wakings wakings = {0};
    pthread_mutex_lock(&lsrefs->lock);
    remove_waker(poll, waker);
    release(poll, &wakings);
    pthread_mutex_unlock(&lsrefs->lock);
    wake(lsrefs, &wakings);
}

/* A server that does not know prefixes lists everything. */
static struct lsrefs_answer wanted(struct asking *asking, const struct reflist *listing)
{
    arena *a = &asking->poll->answer_arena;
    struct remote remote = remote_of(asking);
    struct lsrefs_answer answer = {.remote = remote_dup(a, &remote)};
    size_t room = 0;
    for (size_t i = 0; i < listing->count; i++) {
        struct reflist_ref ref = listing->refs[i];
        if (!str_starts(ref.name, asking->poll->prefix)) continue;
        *ARENA_PUSH(a, answer.refs, answer.count, room) = ref; /* texts are the talk's */
    }
    return answer;
}

/* Runs the talk from its beginning; true when that was the end of it. The poll is busy. */
static bool run(struct lsrefs_poll *poll, struct asking *asking)
{
    struct reflist listing;
    talk_rewind(poll->talk);
    *asking = (struct asking){.a = asking->a, .poll = poll, .server = poll->known};
    poll->error = ask(asking, &listing);
    if (talk_is_pending(poll->error)) {
        err_free(poll->error);
        poll->error = NULL;
        return false;
    }
    if (!poll->error) poll->answer = wanted(asking, &listing);
    return true;
}

/* On a thread of sshpoll: the answer came, or none. */
static void on_ssh(void *context, err *e, const struct reflist *list)
{
    struct lsrefs_poll *poll = context;
    struct lsrefs *lsrefs = poll->lsrefs;
    struct asking asking = {.poll = poll};
    struct wakings wakings = {0};
    poll->error = e;
    if (!e) poll->answer = wanted(&asking, list);
    pthread_mutex_lock(&lsrefs->lock);
    gather(&wakings, poll);
    leave(poll, &wakings);
    release(poll, &wakings);
    pthread_mutex_unlock(&lsrefs->lock);
    wake(lsrefs, &wakings);
}

/* The poll stays busy to its end. The format of objects is not named: a server whose objects are of
 * another one says so. With the lock held. */
static void begin_ssh(struct lsrefs_poll *poll)
{
    poll->busy = true;
    poll->users++;
    poll->ssh = (struct sshpoll){
        .a = &poll->answer_arena,
        .remote = &poll->remote,
        .command = command(&poll->answer_arena, poll->prefix, false),
        .timeout_ns = poll->timeout_ns,
        .done = on_ssh,
        .context = poll,
    };
    sshpoll_start(poll->lsrefs->ssh, &poll->ssh);
}

/* Goes on with an open poll as far as it goes without waiting. With the lock held. */
static void advance(struct lsrefs_poll *poll, struct wakings *wakings)
{
    struct lsrefs *lsrefs = poll->lsrefs;
    bool done = false;
    if (remote_is_ssh(&poll->remote)) {
        begin_ssh(poll);
        return;
    }
    poll->busy = true;
    while (!done && !talk_is_waiting(poll->talk)) {
        arena a AUTO(arena_done) = {0};
        struct asking asking = {.a = &a};
        poll->users++; /* the talk's, if it goes on */
        pthread_mutex_unlock(&lsrefs->lock);
        done = run(poll, &asking);
        pthread_mutex_lock(&lsrefs->lock);
        if (!done) continue;
        poll->users--;
        if (asking.learned && !poll->error) remember(lsrefs, poll->id, &asking.server);
        gather(wakings, poll);
        leave(poll, wakings);
    }
    poll->busy = false;
}

err *lsrefs_answer(struct lsrefs_poll *poll, str waker, struct lsrefs_answer *out)
{
    struct lsrefs *lsrefs = poll->lsrefs;
    struct wakings wakings = {0};
    pthread_mutex_lock(&lsrefs->lock);
    remove_waker(poll, waker);
    if (poll->state == POLL_OPEN && !poll->busy) advance(poll, &wakings);
    bool done = poll->state == POLL_DONE;
    if (!done) add_waker(poll, waker);
    pthread_mutex_unlock(&lsrefs->lock);
    wake(lsrefs, &wakings);
    if (!done) return err_new(ERR_CONFLICT, "Pending", "the server was asked");
    if (poll->error) return err_copy(poll->error);
    *out = poll->answer;
    return NULL;
}
