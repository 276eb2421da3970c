#pragma once
/* A client on a loop of its own and scripted servers for it to talk to. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "net/http.h"
#include "scripted.h"

#define assert_str(s, text) assert_true(str_is((s), (text)))

/* A loop on its own thread, a client, a server, and what the server has seen last. */
struct fixture {
    arena a;
    struct loop *loop;
    struct http *http;
    struct scripted server, other;
    pthread_mutex_t lock; /* guards seen */
    char seen[64 * 1024];
    char redirect_to[256];
};

static inline int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    f->loop = loop_new();
    loop_start(f->loop);
    assert_null(http_new(f->loop, (struct http_options){.no_proxy = true}, &f->http));
    pthread_mutex_init(&f->lock, NULL);
    f->server.context = f->other.context = f;
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    http_free(f->http);
    loop_join(f->loop);
    loop_free(f->loop);
    if (f->server.port) scripted_stop(&f->server);
    if (f->other.port) scripted_stop(&f->other);
    arena_done(&f->a);
    free(f);
    return 0;
}

static inline struct fixture *serve(void **state, scripted_fn *script)
{
    struct fixture *f = *state;
    f->server.script = script;
    scripted_start(&f->server);
    return f;
}

static inline str url_of(struct fixture *f, const char *path)
{
    return str_printf(&f->a, "http://127.0.0.1:%d%s", f->server.port, path);
}

static inline struct http_response get(struct fixture *f, struct http_request request)
{
    struct http_response response = {0};
    if (!request.url.len) request.url = url_of(f, "/");
    err *e = http_do(f->http, &f->a, &request, &response);
    if (e) fail_msg("%s", e->message);
    return response;
}

/* The request has to fail; its error is freed with the arena's test. */
static inline void assert_fails(struct fixture *f, struct http_request request, enum err_kind kind,
                         const char *why)
{
    struct http_response response = {.status = -1};
    if (!request.url.len) request.url = url_of(f, "/");
    err *e AUTO(err_done) = http_do(f->http, &f->a, &request, &response);
    if (!e) fail_msg("no error but status %d", response.status);
    if (e->kind != kind || !strstr(e->message, why)) fail_msg("kind %d: %s", e->kind, e->message);
    assert_int_equal(response.status, -1);
}

static inline bool remember(struct scripted_peer *peer, const char *request)
{
    struct fixture *f = peer->server->context;
    pthread_mutex_lock(&f->lock);
    snprintf(f->seen, sizeof f->seen, "%s", request);
    pthread_mutex_unlock(&f->lock);
    return scripted_answer(peer, "hello");
}

static inline bool saw(struct fixture *f, const char *text)
{
    pthread_mutex_lock(&f->lock);
    bool found = strcasestr(f->seen, text);
    pthread_mutex_unlock(&f->lock);
    return found;
}

/* /to redirects to f->redirect_to with the status in /to/NNN; all else is remembered. */
static inline bool redirect(struct scripted_peer *peer, const char *request)
{
    struct fixture *f = peer->server->context;
    int status = 302;
    if (!strstr(request, " /to")) return remember(peer, request);
    sscanf(strstr(request, " /to"), " /to/%d", &status);
    char answer[512];
    snprintf(answer, sizeof answer,
             "HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n\r\nmove", status,
             f->redirect_to);
    scripted_say(peer, answer);
    return true;
}
