/* httpd: raw sockets say what browsers would not. */
#include "net/httpd.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"

enum { BODY_LIMIT = 1000 };

struct fixture {
    arena a;
    struct loop *loop;
    struct httpd *httpd;
    str folder;
    _Atomic int calls;               /* of the handler */
    struct httpd_ticket *tickets[8]; /* of requests for /later, on the loop */
    _Atomic int ticket_count;
    _Atomic int streams, streams_gone;
    err *error;
    str address;
};

static void count_gone(void *context)
{
    ((struct fixture *)context)->streams_gone++;
}

/* /file/NAME is a file of the folder, /later is answered by answer_all, /stream goes on for ever;
 * all else is told back. */
static void handle(void *context, arena *a, const struct httpd_request *request,
                   struct httpd_answer *answer)
{
    struct fixture *f = context;
    f->calls++;
    if (str_is(request->path, "/later")) {
        f->tickets[f->ticket_count++] = httpd_defer(request);
        return;
    }
    answer->status = 200;
    if (str_is(request->path, "/stream")) {
        answer->stream = httpd_stream_new(f->httpd, count_gone, f);
        httpd_stream_write(answer->stream, STR("first"));
        f->streams++;
        return;
    }
    str name = request->path;
    if (str_strip_prefix(&name, STR("/file/"))) {
        answer->file = fs_join(a, f->folder, name);
        answer->content_type = STR("application/x-test");
        return;
    }
    static const struct httpd_field fields[] = {{STR("X-One"), STR("1")}};
    answer->fields = fields;
    answer->field_count = 1;
    answer->content_type = STR("text/plain");
    answer->body =
        str_printf(a, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", STR_ARG(request->method),
                   STR_ARG(request->path), STR_ARG(request->query), STR_ARG(request->body),
                   STR_ARG(request->peer), STR_ARG(httpd_header(request, "x-test")));
}

static void handle_nothing(void *context UNUSED, arena *a UNUSED,
                           const struct httpd_request *request UNUSED, struct httpd_answer *answer)
{
    answer->status = 200;
}

static void start(void *context)
{
    struct fixture *f = context;
    struct httpd_options options = {
        .address = f->address, .body_limit = BODY_LIMIT, .handler = handle, .context = f};
    f->error = httpd_start(f->loop, options, &f->httpd);
}

static void stop(void *context)
{
    struct fixture *f = context;
    httpd_stop(f->httpd);
    f->httpd = NULL;
}

static int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    f->loop = loop_new();
    f->address = STR("127.0.0.1:0");
    loop_start(f->loop);
    loop_call(f->loop, start, f);
    assert_null(f->error);
    const char *temp = getenv("TMPDIR");
    assert_null(fs_temp_dir(&f->a, temp ? str_of(temp) : STR("/tmp"), STR("httpd"), &f->folder));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_call(f->loop, stop, f);
    loop_join(f->loop);
    loop_free(f->loop);
    err *e AUTO(err_done) = fs_remove_tree(f->folder);
    assert_null(e);
    arena_done(&f->a);
    free(f);
    return 0;
}

/* ---- a client of bytes ---- */

static int dial(struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(httpd_port(f->httpd))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5}, sizeof(struct timeval));
    return fd;
}

static void say(int fd, str text)
{
    while (text.len) {
        ssize_t sent = send(fd, text.data, text.len, MSG_NOSIGNAL);
        if (sent <= 0) return;
        text = str_skip(text, (size_t)sent);
    }
}

/* Until the server closes. */
static str hear_all(struct fixture *f, int fd)
{
    buf b = BUF(&f->a);
    for (ssize_t got; (got = recv(fd, buf_room(&b, 4096), 4096, 0)) > 0;)
        buf_grew(&b, (size_t)got);
    close(fd);
    return buf_str(&b);
}

/* Says it, ends its side, and returns all that comes back. */
static str ask(struct fixture *f, str text)
{
    int fd = dial(f);
    say(fd, text);
    shutdown(fd, SHUT_WR);
    return hear_all(f, fd);
}

static str get(struct fixture *f, const char *target, const char *headers)
{
    return ask(f, str_printf(&f->a, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
                             target, headers));
}

static int status_of(str answer)
{
    uint64_t status;
    if (!str_starts(answer, STR("HTTP/1.1 "))) return 0;
    return str_to_uint(str_slice(answer, 9, 12), &status) ? (int)status : 0;
}

static bool holds(str answer, const char *text)
{
    return str_find(answer, str_of(text)) >= 0;
}

static str body_of(str answer)
{
    ptrdiff_t end = str_find(answer, STR("\r\n\r\n"));
    return end < 0 ? (str){0} : str_skip(answer, (size_t)end + 4);
}

#define assert_status(answer, status) assert_int_equal(status_of(answer), (status))
#define assert_body(answer, text)     assert_true(str_is(body_of(answer), (text)))

static void put(struct fixture *f, const char *name, str content)
{
    assert_null(fs_write(fs_join(&f->a, f->folder, str_of(name)), content, 0644));
}

/* ---- requests ---- */

static void the_handler_gets_the_request(void **state)
{
    struct fixture *f = *state;
    str answer = get(f, "/a%20b/c//d?x=%20y", "X-Test: yes\r\n");
    assert_status(answer, 200);
    assert_body(answer, "GET|/a b/c//d|x=%20y||127.0.0.1|yes");
    assert_true(holds(answer, "\r\nContent-Type: text/plain\r\n"));
    assert_true(holds(answer, "\r\nX-One: 1\r\n"));

    answer = ask(f, STR("POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        "Content-Length: 5\r\n\r\nhello"));
    assert_body(answer, "POST|/p||hello|127.0.0.1|");
    answer = ask(f, STR("POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"));
    assert_body(answer, "POST|/p||hello!|127.0.0.1|");
    answer = ask(f, STR("HEAD /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    assert_status(answer, 200);
    assert_true(holds(answer, "\r\nContent-Length: "));
    assert_body(answer, "");
}

static void connections_are_kept(void **state)
{
    struct fixture *f = *state;
    str answer = ask(f, STR("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                            "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
                            "POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
                            "GARBAGE\r\n\r\n"));
    assert_true(holds(answer, "GET|/1|"));
    assert_true(holds(answer, "GET|/2|"));
    assert_true(holds(answer, "POST|/3||x|"));
    assert_int_equal(f->calls, 3);
}

static void bad_targets_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = {
        "/..",
        "/../etc/passwd",
        "/a/../b",
        "/a/..",
        "/%2e%2e/etc",
        "/%2E%2e/x",
        "/a/%2e%2e%2fb",
        "/..%2f..%2fetc",
        "/.",
        "/a/./b",
        "/%2e",
        "/a%00b",
        "/a%",
        "/a%4",
        "/a%zz",
        "/a\\b",
        "/a%5cb",
        "/..\\..\\x",
        "/a%0ab",
        "/a%7f",
        "*",
        "http://elsewhere/x",
        "x",
    };
    for (size_t i = 0; i < COUNT(targets); i++) {
        str answer = get(f, targets[i], "");
        if (status_of(answer) != 400) fail_msg("%s: %.40s", targets[i], answer.data);
    }
    assert_int_equal(f->calls, 0);
    str nul = {"GET /a\0b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 49};
    assert_true(str_starts(body_of(ask(f, nul)), STR("GET|/a|"))); /* nobody sees what follows */
    assert_status(get(f, "/..a/...", ""), 200);                    /* names, not segments of dots */
}

static void bodies_are_bounded(void **state)
{
    struct fixture *f = *state;
    const char *head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    str full = str_printf(&f->a, "%sContent-Length: 1000\r\n\r\n%01000d", head, 0);
    assert_status(ask(f, full), 200);
    f->calls = 0;
    /* Refused at the head: nothing of the body has been sent. */
    int fd = dial(f);
    say(fd, STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"));
    assert_status(hear_all(f, fd), 413);
    str chunked = str_printf(
        &f->a, "%sTransfer-Encoding: chunked\r\n\r\n3e9\r\n%01001d\r\n0\r\n\r\n", head, 0);
    assert_int_equal(ask(f, chunked).len, 0); /* the connection just ends */
    assert_int_equal(f->calls, 0);
}

static void ambiguous_lengths_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const heads[] = {
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 5x\r\n",
        "Content-Length: 99999999999999999999999\r\n",
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        const char *format = "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\n";
        int status = status_of(ask(f, str_printf(&f->a, format, heads[i])));
        if (status != 400 && status != 413) fail_msg("%s: %d", heads[i], status);
    }
    assert_int_equal(f->calls, 0);
}

static void heads_are_bounded(void **state)
{
    struct fixture *f = *state;
    str name = str_printf(&f->a, "GET / HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n",
                          LIMIT_HTTPD_HEADER_BYTES, 0);
    int status = status_of(ask(f, name));
    assert_true(status == 431 || status == 413 || status == 0);
    str target =
        str_printf(&f->a, "GET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n", LIMIT_HTTPD_HEADER_BYTES, 0);
    status = status_of(ask(f, target));
    assert_true(status == 414 || status == 431 || status == 0);
    assert_int_equal(f->calls, 0);
    assert_status(get(f, "/", ""), 200);
}

static void garbage_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "\x16\x03\x01\x02garbage\r\n\r\n", "GET\r\n\r\n", "\r\n\r\n\r\n", "x",
        "GET / HTTP/1.1\r\n\r\n", /* no Host */
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        int status = status_of(ask(f, str_of(texts[i])));
        if (status != 0 && status != 400) fail_msg("%zu: %d", i, status);
    }
    assert_int_equal(f->calls, 0);
    assert_status(get(f, "/", ""), 200);
}

/* ---- files ---- */

static void files_are_served(void **state)
{
    struct fixture *f = *state;
    put(f, "ten", STR("0123456789"));
    str answer = get(f, "/file/ten", "");
    assert_status(answer, 200);
    assert_body(answer, "0123456789");
    assert_true(holds(answer, "\r\nContent-Length: 10\r\n"));
    assert_true(holds(answer, "\r\nContent-Type: application/x-test\r\n"));
    assert_true(holds(answer, "\r\nAccept-Ranges: bytes\r\n"));
    assert_true(holds(answer, "\r\nETag: \""));
    assert_true(holds(answer, "\r\nLast-Modified: "));
    answer = ask(f, STR("HEAD /file/ten HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    assert_status(answer, 200);
    assert_true(holds(answer, "\r\nContent-Length: 10\r\n"));
    assert_body(answer, "");
    put(f, "empty", STR(""));
    answer = get(f, "/file/empty", "");
    assert_status(answer, 200);
    assert_body(answer, "");
}

static void big_files_are_served(void **state)
{
    struct fixture *f = *state;
    buf b = BUF(&f->a);
    for (int i = 0; i < 1000000; i++)
        buf_printf(&b, "%07d\n", i);
    put(f, "big", buf_str(&b));
    str answer = get(f, "/file/big", "");
    assert_true(str_eq(body_of(answer), buf_str(&b)));
}

static void parts_are_served(void **state)
{
    struct fixture *f = *state;
    put(f, "ten", STR("0123456789"));
    put(f, "empty", STR(""));
    static const struct {
        const char *range;
        int status;
        const char *content_range, *body;
    } rows[] = {
        {"bytes=0-3", 206, "bytes 0-3/10", "0123"},
        {"bytes=5-", 206, "bytes 5-9/10", "56789"},
        {"bytes=-3", 206, "bytes 7-9/10", "789"},
        {"bytes=-30", 206, "bytes 0-9/10", "0123456789"},
        {"bytes=9-9", 206, "bytes 9-9/10", "9"},
        {"bytes=0-99999999", 206, "bytes 0-9/10", "0123456789"},
        {"bytes=8-18446744073709551615", 206, "bytes 8-9/10", "89"},
        {"bytes=10-", 416, "bytes */10", ""},
        {"bytes=10-20", 416, "bytes */10", ""},
        {"bytes=18446744073709551615-", 416, "bytes */10", ""},
        {"bytes=-0", 416, "bytes */10", ""},
        {"bytes=3-2", 200, NULL, "0123456789"},
        {"bytes=18446744073709551616-", 200, NULL, "0123456789"},
        {"bytes=0-1,3-4", 200, NULL, "0123456789"},
        {"bytes=0-,0-,0-,0-", 200, NULL, "0123456789"},
        {"bytes=a-b", 200, NULL, "0123456789"},
        {"bytes=", 200, NULL, "0123456789"},
        {"bytes=-", 200, NULL, "0123456789"},
        {"lines=0-1", 200, NULL, "0123456789"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        str header = str_printf(&f->a, "Range: %s\r\n", rows[i].range);
        str answer = get(f, "/file/ten", str_z(&f->a, header));
        if (status_of(answer) != rows[i].status || !str_is(body_of(answer), rows[i].body)) {
            fail_msg("%s: %.*s", rows[i].range, STR_ARG(answer));
        }
        if (rows[i].content_range) {
            str line = str_printf(&f->a, "\r\nContent-Range: %s\r\n", rows[i].content_range);
            assert_true(holds(answer, str_z(&f->a, line)));
        } else {
            assert_false(holds(answer, "Content-Range"));
        }
    }
    str answer = ask(f, STR("HEAD /file/ten HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            "Range: bytes=0-3\r\n\r\n"));
    assert_status(answer, 206);
    assert_true(holds(answer, "\r\nContent-Length: 4\r\n"));
    assert_status(get(f, "/file/empty", "Range: bytes=0-\r\n"), 416);
}

static str field(struct fixture *f, str answer, const char *name)
{
    str start = str_printf(&f->a, "\r\n%s: ", name), value;
    ptrdiff_t at = str_find(answer, start);
    assert_true(at >= 0);
    str_cut(str_skip(answer, (size_t)at + start.len), '\r', &value, &answer);
    return value;
}

static int status_with(struct fixture *f, const char *format, str value)
{
    str lines = str_printf(&f->a, format, STR_ARG(value));
    return status_of(get(f, "/file/ten", str_z(&f->a, lines)));
}

static void copies_are_confirmed(void **state)
{
    struct fixture *f = *state;
    put(f, "ten", STR("0123456789"));
    str answer = get(f, "/file/ten", "");
    str etag = field(f, answer, "ETag"), date = field(f, answer, "Last-Modified");
    str other = STR("\"other\"");
    assert_int_equal(status_with(f, "If-None-Match: %.*s\r\n", etag), 304);
    assert_int_equal(status_with(f, "If-None-Match: W/%.*s\r\n", etag), 304);
    assert_int_equal(status_with(f, "If-None-Match: \"x\", %.*s\r\n", etag), 304);
    assert_int_equal(status_with(f, "If-None-Match: *%.*s\r\n", (str){0}), 304);
    assert_int_equal(status_with(f, "If-None-Match: %.*s\r\n", other), 200);
    assert_int_equal(status_with(f, "If-Modified-Since: %.*s\r\n", date), 304);
    assert_int_equal(status_with(f, "If-Modified-Since: Mon, 01 Jan 1990%.*s\r\n", (str){0}), 200);
    str both = str_printf(&f->a, "\"x\"\r\nIf-Modified-Since: %.*s", STR_ARG(date));
    assert_int_equal(status_with(f, "If-None-Match: %.*s\r\n", both), 200);
    assert_int_equal(status_with(f, "Range: bytes=0-1\r\nIf-Range: %.*s\r\n", etag), 206);
    assert_int_equal(status_with(f, "Range: bytes=0-1\r\nIf-Range: %.*s\r\n", date), 206);
    assert_int_equal(status_with(f, "Range: bytes=0-1\r\nIf-Range: %.*s\r\n", other), 200);

    put(f, "ten", STR("9876543210")); /* the same size, perhaps within the same second */
    assert_int_equal(status_with(f, "If-None-Match: %.*s\r\n", etag), 200);
}

static void only_files_are_served(void **state)
{
    struct fixture *f = *state;
    put(f, "ten", STR("0123456789"));
    assert_null(fs_make_dirs(fs_join(&f->a, f->folder, STR("dir")), 0755));
    assert_int_equal(symlink("ten", str_z(&f->a, fs_join(&f->a, f->folder, STR("link")))), 0);
    assert_int_equal(mkfifo(str_z(&f->a, fs_join(&f->a, f->folder, STR("pipe"))), 0644), 0);
    static const char *const targets[] = {"/file/dir",  "/file/dir/", "/file/link",
                                          "/file/pipe", "/file/none", "/file/ten/"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        if (status_of(get(f, targets[i], "")) != 404) fail_msg("%s", targets[i]);
    }
}

/* ---- clients that cost ---- */

static void slow_clients_hold_up_nobody(void **state)
{
    struct fixture *f = *state;
    int slow[20];
    for (size_t i = 0; i < COUNT(slow); i++) {
        slow[i] = dial(f);
        say(slow[i], STR("GET / HTTP/1.1\r\nHo"));
    }
    assert_status(get(f, "/", ""), 200);
    say(slow[0], STR("st: x\r\nConnection: close\r\n\r\n"));
    assert_status(hear_all(f, slow[0]), 200);
    for (size_t i = 1; i < COUNT(slow); i++)
        close(slow[i]);
}

static void more_connections_wait(void **state)
{
    struct fixture *f = *state;
    int many[LIMIT_HTTPD_CONNECTIONS];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = dial(f);
    int late = dial(f);
    say(late, STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    char byte;
    usleep(100 * 1000);
    assert_int_equal(recv(late, &byte, 1, MSG_DONTWAIT), -1);
    close(many[0]);
    assert_status(hear_all(f, late), 200);
    for (size_t i = 1; i < COUNT(many); i++)
        close(many[i]);
}

static int64_t minutes_later;

static int64_t later_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * CLOCK_SECOND + now.tv_nsec + minutes_later * 60 * CLOCK_SECOND;
}

static void advance(void *context)
{
    (void)context;
    minutes_later++;
}

static int64_t wall_ns(void)
{
    return 0;
}

static void late_requests_are_dropped(void **state)
{
    struct fixture *f = *state;
    static const struct clock_source source = {later_ns, wall_ns};
    clock_replace(&source);
    int fd = dial(f);
    say(fd, STR("GET / HTTP/1.1\r\nHost: x\r\n"));
    assert_status(get(f, "/", ""), 200);
    loop_call(f->loop, advance, NULL);
    assert_int_equal(hear_all(f, fd).len, 0); /* closed, although the client goes on */
    assert_status(get(f, "/", ""), 200);
    clock_replace(NULL);
}

static void measure(void *context)
{
    getrusage(RUSAGE_THREAD, context);
}

static void an_idle_server_costs_nothing(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    usleep(100 * 1000);
    struct rusage before, after;
    loop_call(f->loop, measure, &before);
    usleep(1000 * 1000);
    loop_call(f->loop, measure, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 3);
    close(fd);
}

/* ---- addresses ---- */

static err *try_address(struct fixture *f, const char *address)
{
    loop_call(f->loop, stop, f);
    f->address = str_of(address);
    loop_call(f->loop, start, f);
    return f->error;
}

static void addresses_are_understood(void **state)
{
    struct fixture *f = *state;
    assert_null(try_address(f, ":0"));
    assert_status(get(f, "/", ""), 200); /* over IPv4 */
    assert_null(try_address(f, "localhost:0"));
    str taken = str_printf(&f->a, "localhost:%d", httpd_port(f->httpd));
    struct fixture second = {.loop = f->loop, .address = taken};
    loop_call(f->loop, start, &second);
    assert_non_null(second.error);
    assert_int_equal(second.error->kind, ERR_TRANSIENT);
    assert_true(holds(err_text(second.error), "ddress already in use"));
    err_free(second.error);

    static const char *const bad[] = {"", "8080", "x", "x:", ":http", ":-1", ":65536", "no host:1"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        err *e AUTO(err_done) = try_address(f, bad[i]);
        if (!e) fail_msg("'%s' is taken", bad[i]);
        assert_int_equal(e->kind, ERR_INVALID);
    }
}

static void start_big(void *context)
{
    struct fixture *f = context;
    struct httpd_options options = {.address = f->address,
                                    .body_limit = LIMIT_HTTPD_BODIES_BYTES / 4 + 1,
                                    .handler = handle_nothing,
                                    .context = f};
    f->error = httpd_start(f->loop, options, &f->httpd);
}

/* All bodies together are bounded, and room that was used is there again afterwards. */
static void bodies_of_all_are_bounded(void **state)
{
    struct fixture *f = *state;
    enum { CALLS = 7, FIT = 4, BYTES = LIMIT_HTTPD_BODIES_BYTES / FIT };
    buf body = BUF(&f->a);
    buf_fill(&body, 'x', BYTES);
    str head = str_printf(&f->a,
                          "POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          "Content-Length: %d\r\n\r\n",
                          BYTES + 1);
    loop_call(f->loop, stop, f);
    loop_call(f->loop, start_big, f);
    assert_null(f->error);
    for (int round = 0; round < 2; round++) {
        int fds[CALLS], answered = 0;
        /* All but the last byte of more than fits; then the last bytes. */
        for (int i = 0; i < CALLS; i++) {
            fds[i] = dial(f);
            say(fds[i], head);
            say(fds[i], buf_str(&body));
        }
        for (int i = 0; i < CALLS; i++)
            say(fds[i], STR("!"));
        for (int i = 0; i < CALLS; i++)
            answered += status_of(hear_all(f, fds[i])) == 200;
        assert_in_range(answered, 1, CALLS - 1);
        /* Now there is room again. */
        assert_status(ask(f, str_concat(&f->a, head, str_concat(&f->a, buf_str(&body), STR("!")))),
                      200);
    }
}

/* ---- answers that come later ---- */

static void answer_all(void *context)
{
    struct fixture *f = context;
    static const struct httpd_field fields[] = {{STR("X-Two"), STR("2")}};
    for (int i = 0; i < f->ticket_count; i++) {
        struct httpd_answer answer = {
            .status = 202, .body = STR("at last"), .fields = fields, .field_count = 1};
        httpd_reply(f->tickets[i], &answer);
    }
    f->ticket_count = 0;
}

static void count_tickets(void *context)
{
    struct fixture *f = context;
    f->calls = f->ticket_count;
}

static void wait_for_tickets(struct fixture *f, int count)
{
    do {
        loop_call(f->loop, count_tickets, f);
    } while (f->calls < count);
}

static void deferred_answers(void **state)
{
    struct fixture *f = *state;
    int fds[3];
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = dial(f);
        say(fds[i], STR("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n!"));
    }
    wait_for_tickets(f, 3);
    /* Others are served meanwhile; a client may go away. */
    assert_status(get(f, "/p", ""), 200);
    close(fds[0]);
    loop_call(f->loop, answer_all, f);
    for (size_t i = 1; i < COUNT(fds); i++) {
        /* The connection is kept, and takes another request. */
        say(fds[i], STR("GET /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        str answer = hear_all(f, fds[i]);
        assert_status(answer, 202);
        assert_true(holds(answer, "\r\nX-Two: 2\r\n") && holds(answer, "\r\n\r\nat last"));
        assert_true(holds(answer, "GET|/p||"));
    }
}

/* A listener that ends answers what is deferred; the tickets stay good for nothing. */
static void deferred_at_the_end(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    wait_for_tickets(f, 1);
    loop_call(f->loop, stop, f);
    str answer = hear_all(f, fd);
    assert_true(!answer.len || status_of(answer) == 503);
    loop_call(f->loop, answer_all, f);
    loop_call(f->loop, start, f);
    assert_null(f->error);
    assert_status(get(f, "/p", ""), 200);
}

/* A stream that has nothing to send ends with its client, or the dead would keep out the living. */
static void streams_end_with_their_clients(void **state)
{
    enum { CLIENTS = LIMIT_HTTPD_CONNECTIONS + 20 };
    struct fixture *f = *state;
    for (int i = 0; i < CLIENTS; i++) {
        int fd = dial(f);
        say(fd, STR("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
        buf seen = BUF(&f->a);
        while (!holds(buf_str(&seen), "first")) {
            ssize_t got = recv(fd, buf_room(&seen, 4096), 4096, 0);
            assert_true(got > 0);
            buf_grew(&seen, (size_t)got);
        }
        close(fd);
    }
    assert_int_equal(f->streams, CLIENTS);
    while (f->streams_gone < CLIENTS)
        loop_call(f->loop, count_tickets, f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bodies_of_all_are_bounded),
        TEST(deferred_answers),
        TEST(deferred_at_the_end),
        TEST(streams_end_with_their_clients),
        TEST(the_handler_gets_the_request),
        TEST(connections_are_kept),
        TEST(bad_targets_are_refused),
        TEST(bodies_are_bounded),
        TEST(ambiguous_lengths_are_refused),
        TEST(heads_are_bounded),
        TEST(garbage_is_refused),
        TEST(files_are_served),
        TEST(big_files_are_served),
        TEST(parts_are_served),
        TEST(copies_are_confirmed),
        TEST(only_files_are_served),
        TEST(slow_clients_hold_up_nobody),
        TEST(more_connections_wait),
        TEST(late_requests_are_dropped),
        TEST(an_idle_server_costs_nothing),
        TEST(addresses_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
