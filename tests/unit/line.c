/* line: conversations in lines with servers that are slow, rude or not there. */
#include "net/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"

#define AGES_NS (60 * CLOCK_SECOND)

/* A server for one connection: says `first`, then `then` for each piece that it hears. */
struct server {
    int fd, port;
    str first;
    const char *then;
    bool stays;
    pthread_t thread;
};

static void *serve(void *context)
{
    struct server *server = context;
    char room[1024];
    int fd = accept(server->fd, NULL, NULL);
    if (fd < 0) return NULL;
    for (size_t sent = 0; sent < server->first.len;) {
        ssize_t count = send(fd, server->first.data + sent, server->first.len - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += (size_t)count;
    }
    while (server->stays && recv(fd, room, sizeof room, 0) > 0)
        if (server->then) send(fd, server->then, strlen(server->then), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void listen_up(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(server->fd, (struct sockaddr *)&address, len) == 0 && listen(server->fd, 5) == 0);
    must(getsockname(server->fd, (struct sockaddr *)&address, &len) == 0);
    server->port = ntohs(address.sin_port);
    must(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static void hush(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

/* Our side: answers "hello" and ends with "bye". */
struct caller {
    struct loop *loop;
    const char *host;
    int port;
    int64_t patience_ns;
    struct line *line;
    buf heard;
    err *error;
    atomic_bool ended;
};

static err *on_heard(void *context, str text, bool *over)
{
    struct caller *caller = context;
    buf_printf(&caller->heard, STR_FMT "|", STR_ARG(text));
    if (str_is(text, "hello")) line_say(caller->line, STR("who?\r\n"));
    *over = str_is(text, "bye");
    return str_is(text, "poison") ? err_invalid("that is poison") : NULL;
}

static void on_ended(void *context, err *error)
{
    struct caller *caller = context;
    caller->error = error;
    caller->line = NULL;
    atomic_store(&caller->ended, true);
}

static void start(void *context)
{
    static const struct line_events events = {on_heard, on_ended};
    struct caller *caller = context;
    caller->line = line_open(caller->loop, str_of(caller->host), caller->port,
                             clock_now_ns() + caller->patience_ns, &events, caller);
}

static void stop(void *context)
{
    struct caller *caller = context;
    line_close(caller->line);
    caller->line = NULL;
}

static void call(struct caller *caller, const char *host, int port, int64_t patience_ns)
{
    *caller =
        (struct caller){.loop = loop_new(), .host = host, .port = port, .patience_ns = patience_ns};
    loop_start(caller->loop);
    loop_call(caller->loop, start, caller);
    for (int i = 0; i < 60000 && !atomic_load(&caller->ended); i++)
        usleep(1000);
    assert_true(atomic_load(&caller->ended));
    loop_join(caller->loop);
    loop_free(caller->loop);
}

static void expect(struct caller *caller, const char *heard, const char *error)
{
    str got = buf_str(&caller->heard);
    if (heard && !str_is(got, heard)) fail_msg("heard: " STR_FMT, STR_ARG(got));
    if (!error && caller->error) fail_msg("%s", caller->error->message);
    if (error && (!caller->error || !strstr(caller->error->message, error)))
        fail_msg("%s", caller->error ? caller->error->message : "no error");
    err_free(caller->error);
    buf_done(&caller->heard);
}

static void test_conversations(void **state UNUSED)
{
    static const struct {
        const char *first, *then;
        bool stays;
        const char *heard, *error;
    } cases[] = {
        {"hello\r\n", "news\nbye\r\nmore\n", true, "hello|news|bye|", NULL},
        {"\r\n\na b\r\nbye\n", NULL, false, "||a b|bye|", NULL},
        {"hello\r\n", "by", true, "hello|", "no answer in time"},
        {"one\r\ntwo", NULL, false, "one|", "closed before the answer"},
        {"", NULL, false, "", "closed before the answer"},
        {"poison\r\nbye\r\n", NULL, true, "poison|", "that is poison"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct server server = {
            .first = str_of(cases[i].first), .then = cases[i].then, .stays = cases[i].stays};
        struct caller caller;
        listen_up(&server);
        bool hangs = cases[i].error && strstr(cases[i].error, "in time");
        call(&caller, "127.0.0.1", server.port, hangs ? 300 * CLOCK_MS : AGES_NS);
        hush(&server);
        expect(&caller, cases[i].heard, cases[i].error);
    }
}

static void test_names(void **state UNUSED)
{
    struct server server = {.first = STR("bye\n")};
    struct caller caller;
    listen_up(&server);
    call(&caller, "localhost", server.port, AGES_NS);
    hush(&server);
    expect(&caller, "bye|", NULL);
    call(&caller, "nowhere.invalid", 4222, AGES_NS);
    expect(&caller, "", "nowhere.invalid:4222: the name cannot be resolved");
}

static void test_too_much(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    buf_fill(&b, 'x', LIMIT_LINE_BYTES + 10000);
    struct server server = {.first = buf_str(&b), .stays = true};
    struct caller caller;
    listen_up(&server);
    call(&caller, "127.0.0.1", server.port, AGES_NS);
    hush(&server);
    expect(&caller, "", "a line is longer than");
    b = BUF(&a);
    buf_fill(&b, '\n', LIMIT_NOTICE_ANSWER_BYTES + 10000);
    server = (struct server){.first = buf_str(&b), .stays = true};
    listen_up(&server);
    call(&caller, "127.0.0.1", server.port, AGES_NS);
    hush(&server);
    expect(&caller, NULL, "it says more than");
}

static void test_nobody_there(void **state UNUSED)
{
    static const char *const forbidden[] = {"169.254.169.254", "2852039166", "0xa9fea9fe",
                                            "fe80::1", "::ffff:169.254.169.254"};
    struct server server = {0};
    struct caller caller;
    listen_up(&server);
    hush(&server);
    call(&caller, "127.0.0.1", server.port, AGES_NS);
    expect(&caller, "", "connection refused");
    for (size_t i = 0; i < COUNT(forbidden); i++) {
        call(&caller, forbidden[i], 4222, AGES_NS);
        expect(&caller, "", "link-local addresses are not allowed");
    }
}

/* In the middle of anything: nothing is said afterwards, and nothing is left. */
static void test_closing(void **state UNUSED)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "nowhere.invalid"};
    for (size_t i = 0; i < COUNT(hosts) * 3; i++) {
        struct server server = {.first = STR("hello\n"), .stays = true};
        struct caller caller = {.loop = loop_new(), .host = hosts[i / 3], .patience_ns = AGES_NS};
        listen_up(&server);
        caller.port = server.port;
        loop_start(caller.loop);
        loop_call(caller.loop, start, &caller);
        if (i % 3) usleep(i % 3 == 1 ? 300 : 20000);
        loop_call(caller.loop, stop, &caller);
        loop_join(caller.loop);
        loop_free(caller.loop);
        hush(&server);
        buf_done(&caller.heard);
        err_free(caller.error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations), cmocka_unit_test(test_names),
        cmocka_unit_test(test_too_much),      cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
