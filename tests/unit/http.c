/* http: against a server that misbehaves on purpose. */
#include "net/http.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "http_fixture.h"

/* ---- requests and answers ---- */

static bool answer_oddly(struct scripted_peer *peer, const char *request)
{
    (void)request;
    scripted_say(peer, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
                       "HTTP/1.1 404 Not Found\r\nX-Mixed-CASE:   spaced  \r\nX-Empty:\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n"
                       "5\r\nhello\r\n1;ext=1\r\n!\r\n0\r\nX-Trailer: 1\r\n\r\n");
    return true;
}

static void gives_status_headers_and_body(void **state)
{
    struct fixture *f = serve(state, answer_oddly);
    struct http_response response = get(f, (struct http_request){0});
    assert_int_equal(response.status, 404);
    assert_str(response.body, "hello!");
    assert_str(http_header(&response, STR("x-mixed-case")), "spaced");
    assert_str(http_header(&response, STR("x-empty")), "");
    assert_int_equal(response.header_count, 3); /* neither early hints nor trailers */
}

static void sends_what_it_is_told(void **state)
{
    struct fixture *f = serve(state, remember);
    get(f, (struct http_request){.url = url_of(f, "/a/../b//c?x=%20#f")});
    assert_true(saw(f, "GET /a/../b//c?x=%20 HTTP/1.1\r\n"));
    assert_false(saw(f, "Authorization"));
    assert_true(saw(f, "Accept-Encoding: gzip\r\n"));

    struct http_header headers[] = {
        {STR("X-One"), STR("1")}, {STR("X-Empty"), STR("")}, {STR("Accept"), STR("text/x")}};
    get(f, (struct http_request){
               .headers = headers, .header_count = 3, .user = STR("me"), .password = STR("a:b")});
    assert_true(saw(f, "\r\nX-One: 1\r\n"));
    assert_true(saw(f, "\r\nX-Empty:\r\n"));
    assert_true(saw(f, "\r\nAccept: text/x\r\n"));
    assert_false(saw(f, "*/*"));
    assert_true(saw(f, "\r\nAuthorization: Basic bWU6YTpi\r\n"));

    get(f, (struct http_request){.bearer = STR("abc")});
    assert_true(saw(f, "\r\nAuthorization: Bearer abc\r\n"));
    assert_false(saw(f, "X-One"));
    assert_int_equal(atomic_load(&f->server.connections), 1);
}

static void sends_bodies(void **state)
{
    struct fixture *f = serve(state, remember);
    get(f, (struct http_request){.body = STR("data")});
    assert_true(saw(f, "POST / HTTP/1.1\r\n"));
    assert_true(saw(f, "\r\nContent-Length: 4\r\n"));
    assert_true(saw(f, "\r\n\r\ndata"));
    assert_false(saw(f, "Content-Type"));
    assert_false(saw(f, "Expect"));

    struct http_header type = {STR("Content-Type"), STR("application/json")};
    struct http_request put = {
        .method = "PUT", .body = STR("{}"), .headers = &type, .header_count = 1};
    get(f, put);
    assert_true(saw(f, "PUT / HTTP/1.1\r\n"));
    assert_true(saw(f, "\r\nContent-Type: application/json\r\n"));
    get(f, (struct http_request){.method = "PATCH"});
    assert_true(saw(f, "PATCH / HTTP/1.1\r\n"));
    assert_true(saw(f, "\r\nContent-Length: 0\r\n"));
    get(f, (struct http_request){.method = "DELETE"});
    assert_true(saw(f, "DELETE / HTTP/1.1\r\n"));
    get(f, (struct http_request){.method = "DELETE", .body = STR("{}")});
    assert_true(saw(f, "DELETE / HTTP/1.1\r\n"));
    assert_true(saw(f, "\r\n\r\n{}"));
    get(f, (struct http_request){0});
    assert_true(saw(f, "GET / HTTP/1.1\r\n"));
    assert_int_equal(atomic_load(&f->server.connections), 1);
}

static bool answer_head(struct scripted_peer *peer, const char *request)
{
    (void)request;
    scripted_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n");
    return true;
}

static void a_head_answer_has_no_body(void **state)
{
    struct fixture *f = serve(state, answer_head);
    struct http_response response = get(f, (struct http_request){.method = "HEAD"});
    assert_int_equal(response.status, 200);
    assert_int_equal(response.body.len, 0);
}

static void refuses_bad_requests(void **state)
{
    struct fixture *f = serve(state, remember);
    struct http_header split = {STR("X-A"), STR("1\r\nX-B: 2")}, name = {STR("X\nA"), STR("1")};
    struct http_header nameless = {STR(""), STR("1")};
    assert_fails(f, (struct http_request){.url = STR("http://h o/")}, ERR_INVALID, "white space");
    assert_fails(f, (struct http_request){.url = STR("file:///etc/passwd")}, ERR_INVALID, "host");
    assert_fails(f, (struct http_request){.url = STR("ftp://h/")}, ERR_INVALID, "'ftp'");
    assert_fails(f, (struct http_request){.headers = &split, .header_count = 1}, ERR_INVALID,
                 "'X-A': its value holds a line break");
    assert_fails(f, (struct http_request){.headers = &name, .header_count = 1}, ERR_INVALID,
                 "line break");
    assert_fails(f, (struct http_request){.headers = &nameless, .header_count = 1}, ERR_INVALID,
                 "no name");
    assert_fails(f, (struct http_request){.bearer = STR("tok\nX: y")}, ERR_INVALID, "bearer token");
    assert_fails(f, (struct http_request){.user = STR("a"), .password = {"b\0c", 3}}, ERR_INVALID,
                 "password");
    assert_int_equal(atomic_load(&f->server.requests), 0);
}

static void user_info_of_the_url_is_not_sent(void **state)
{
    struct fixture *f = serve(state, remember);
    get(f, (struct http_request){
               .url = str_printf(&f->a, "http://me:pw@127.0.0.1:%d/", f->server.port)});
    assert_false(saw(f, "Authorization"));
    assert_false(saw(f, "pw"));
}

/* ---- redirects ---- */

static const struct http_header private_headers[] = {{STR("Accept"), STR("text/x")},
                                                     {STR("Private-Token"), STR("s3cret")},
                                                     {STR("Cookie"), STR("s3cret")},
                                                     {STR("Git-Protocol"), STR("version=2")}};

static struct http_request with_credentials(struct fixture *f, const char *path)
{
    return (struct http_request){
        .url = url_of(f, path),
        .headers = private_headers,
        .header_count = COUNT(private_headers),
        .user = STR("me"),
        .password = STR("pw"),
        .follow = true,
    };
}

static void redirects_are_followed_on_demand(void **state)
{
    struct fixture *f = serve(state, redirect);
    snprintf(f->redirect_to, sizeof f->redirect_to, "/there?x");
    struct http_response response = get(f, (struct http_request){.url = url_of(f, "/to")});
    assert_int_equal(response.status, 302);
    assert_str(response.body, "move");
    response = get(f, with_credentials(f, "/to"));
    assert_int_equal(response.status, 200);
    assert_str(response.body, "hello");
    assert_true(saw(f, "GET /there?x HTTP/1.1"));
    assert_true(saw(f, "Authorization: Basic"));
    assert_true(saw(f, "Private-Token"));
    assert_int_equal(atomic_load(&f->server.connections), 1);
}

static void another_server_gets_no_credentials(void **state)
{
    struct fixture *f = serve(state, redirect);
    f->other.script = remember;
    scripted_start(&f->other);
    const char *const elsewhere[] = {"http://localhost:%d/x", "http://127.0.0.1:%d/x"};
    const int ports[] = {f->server.port, f->other.port};
    for (int i = 0; i < 2; i++) { /* another host, another port */
        f->seen[0] = '\0';
        str to = str_printf(&f->a, elsewhere[i], ports[i]);
        snprintf(f->redirect_to, sizeof f->redirect_to, STR_FMT, STR_ARG(to));
        get(f, with_credentials(f, "/to"));
        assert_true(saw(f, "GET /x "));
        assert_true(saw(f, "Accept: text/x"));
        assert_true(saw(f, "Git-Protocol: version=2"));
        assert_false(saw(f, "Authorization"));
        assert_false(saw(f, "s3cret"));
        struct http_request request = with_credentials(f, "/to");
        request.user = request.password = (str){0};
        request.bearer = STR("tok");
        get(f, request);
        assert_false(saw(f, "Authorization"));
    }
}

/* The other server sends the client back to the first one. */
static bool send_back(struct scripted_peer *peer, const char *request)
{
    struct fixture *f = peer->server->context;
    (void)request;
    char answer[256];
    snprintf(answer, sizeof answer,
             "HTTP/1.1 302 Back\r\nLocation: http://127.0.0.1:%d/x\r\nContent-Length: 0\r\n\r\n",
             f->server.port);
    scripted_say(peer, answer);
    return true;
}

static void credentials_do_not_come_back(void **state)
{
    struct fixture *f = serve(state, redirect);
    f->other.script = send_back;
    scripted_start(&f->other);
    snprintf(f->redirect_to, sizeof f->redirect_to, "http://127.0.0.1:%d/", f->other.port);
    get(f, with_credentials(f, "/to"));
    assert_true(saw(f, "GET /x "));
    assert_false(saw(f, "Authorization"));
}

static void bad_redirects_are_refused(void **state)
{
    struct fixture *f = serve(state, redirect);
    static const struct {
        const char *to, *why;
    } rows[] = {
        {"/to", "more than 3 redirects"},
        {"file:///etc/passwd", "scheme"},
        {"ftp://127.0.0.1/x", "'ftp'"},
        {"http://me:pw@127.0.0.1/x", "user name"},
        {"http://127.0.0.1\\@evil/", "backslash"},
        {"http://-o/", "begins with '-'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(f->redirect_to, sizeof f->redirect_to, "%s", rows[i].to);
        struct http_response response;
        struct http_request request = with_credentials(f, "/to");
        err *e AUTO(err_done) = http_do(f->http, &f->a, &request, &response);
        if (!e) fail_msg("'%s' is followed", rows[i].to);
        assert_int_equal(e->kind, ERR_INVALID);
        if (i > 1 && !strstr(e->message, rows[i].why)) fail_msg("%s: %s", rows[i].to, e->message);
    }
    assert_int_equal(atomic_load(&f->server.requests), 4 + COUNT(rows) - 1);
}

static void redirects_change_methods(void **state)
{
    struct fixture *f = serve(state, redirect);
    static const struct {
        const char *method, *path, *then;
    } rows[] = {
        {"POST", "/to/301", "GET /x"},  {"POST", "/to/302", "GET /x"},
        {"PUT", "/to/302", "PUT /x"},   {"PUT", "/to/303", "GET /x"},
        {"POST", "/to/307", "POST /x"}, {"POST", "/to/308", "POST /x"},
        {"GET", "/to/307", "GET /x"},
    };
    snprintf(f->redirect_to, sizeof f->redirect_to, "/x");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_request request = {
            .method = rows[i].method, .url = url_of(f, rows[i].path), .follow = true};
        if (strcmp(rows[i].method, "GET")) request.body = STR("secret");
        get(f, request);
        if (!saw(f, rows[i].then)) fail_msg("%s %s: %s", rows[i].method, rows[i].path, f->seen);
        assert_int_equal(saw(f, "\r\n\r\nsecret"), rows[i].then[0] == 'P');
    }
    snprintf(f->redirect_to, sizeof f->redirect_to, "http://localhost:%d/x", f->server.port);
    assert_fails(
        f,
        (struct http_request){.url = url_of(f, "/to/307"), .body = STR("secret"), .follow = true},
        ERR_INVALID, "with a body to another server");
}

/* ---- bounds ---- */

static bool answer_much(struct scripted_peer *peer, const char *request)
{
    static char chunk[1000];
    bool chunked = strstr(request, "/chunked");
    memset(chunk, 'x', sizeof chunk);
    scripted_say(peer, chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               : "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        if (chunked) scripted_say(peer, "3e8\r\n");
        scripted_send(peer, chunk, sizeof chunk);
        if (chunked) scripted_say(peer, "\r\n");
    }
    if (chunked) scripted_say(peer, "0\r\n\r\n");
    return true;
}

static void bodies_are_bounded(void **state)
{
    struct fixture *f = serve(state, answer_much);
    const char *const paths[] = {"/length", "/chunked"};
    for (int i = 0; i < 2; i++) {
        struct http_request request = {.url = url_of(f, paths[i]), .body_limit = 100000};
        assert_int_equal(get(f, request).body.len, 100000);
        request.body_limit = 99999;
        assert_fails(f, request, ERR_INVALID, "the body of the answer has more than 99999 bytes");
    }
}

static bool answer_gzip_bomb(struct scripted_peer *peer, const char *request)
{
    (void)request;
    size_t size = 8 << 20, room = 1 << 20, used = 0;
    char *zeroes = calloc(1, size), *packed = malloc(room), head[128];
    struct archive *gzip = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_add_filter_gzip(gzip);
    archive_write_set_format_raw(gzip);
    archive_write_set_bytes_in_last_block(gzip, 1);
    must(archive_write_open_memory(gzip, packed, room, &used) == ARCHIVE_OK);
    must(archive_write_header(gzip, entry) == ARCHIVE_OK);
    must(archive_write_data(gzip, zeroes, size) == (ssize_t)size);
    must(archive_write_close(gzip) == ARCHIVE_OK);
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", used);
    scripted_say(peer, head);
    scripted_send(peer, packed, used);
    archive_entry_free(entry);
    archive_write_free(gzip);
    free(zeroes);
    free(packed);
    return true;
}

static void bodies_are_bounded_after_decompression(void **state)
{
    struct fixture *f = serve(state, answer_gzip_bomb);
    assert_fails(f, (struct http_request){.body_limit = 1 << 20}, ERR_INVALID, "1048576 bytes");
    assert_int_equal(get(f, (struct http_request){.body_limit = 8 << 20}).body.len, 8 << 20);
    struct http_header range = {STR("Range"), STR("bytes=0-")};
    struct http_request part = {.headers = &range, .header_count = 1, .body_limit = 1 << 20};
    assert_in_range(get(f, part).body.len, 1, 100000); /* as sent */
}

static bool answer_header_bomb(struct scripted_peer *peer, const char *request)
{
    bool early = strstr(request, "/early");
    scripted_say(peer, early ? "" : "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 5000; i++) {
        scripted_say(peer, early ? "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                                 : "X-Header: 0123456789\r\n");
    }
    scripted_say(peer, "\r\n");
    return false;
}

static void heads_are_bounded(void **state)
{
    struct fixture *f = serve(state, answer_header_bomb);
    assert_fails(f, (struct http_request){0}, ERR_INVALID, "the head of the answer has more than");
    assert_fails(f, (struct http_request){.url = url_of(f, "/early")}, ERR_INVALID,
                 "the head of the answer has more than");
}

/* ---- servers that fail ---- */

static bool answer_badly(struct scripted_peer *peer, const char *request)
{
    static const struct {
        const char *path, *answer;
    } rows[] = {
        {"/chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"},
        {"/length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"},
        {"/nothing", ""},
        {"/garbage", "SSH-2.0-OpenSSH\r\n"},
        {"/size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        {"/negative", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
        {"/head", "HTTP/1.1 200 OK\r\nX: "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strstr(request, rows[i].path)) scripted_say(peer, rows[i].answer);
    }
    return false;
}

static void broken_answers_are_errors(void **state)
{
    struct fixture *f = serve(state, answer_badly);
    static const struct {
        const char *path, *why;
    } rows[] = {
        {"/chunk", "connection broke after"},
        {"/length", "connection broke after"},
        {"/nothing", "closed before the answer"},
        {"/garbage", "127.0.0.1"},
        {"/size", "127.0.0.1"},
        {"/negative", "127.0.0.1"},
        {"/head", "closed before the answer"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_request request = {.url = url_of(f, rows[i].path)};
        assert_fails(f, request, ERR_TRANSIENT, rows[i].why);
    }
}

static bool hang(struct scripted_peer *peer, const char *request)
{
    const char *part = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx";
    if (strstr(request, "/head")) scripted_say(peer, part);
    scripted_linger(peer);
    return false;
}

static void a_hanging_server_times_out(void **state)
{
    struct fixture *f = serve(state, hang);
    const char *const paths[] = {"/nothing", "/head"};
    for (int i = 0; i < 2; i++) {
        struct http_request request = {.url = url_of(f, paths[i]), .timeout_ms = 200};
        int64_t start_ns = clock_now_ns();
        assert_fails(f, request, ERR_TRANSIENT, "timed out after 200ms");
        assert_in_range((clock_now_ns() - start_ns) / CLOCK_MS, 200, 20000);

        request.timeout_ms = 0;
        request.stall_ms = 200;
        start_ns = clock_now_ns();
        assert_fails(f, request, ERR_TRANSIENT, "timed out: no progress for 200ms");
        assert_in_range((clock_now_ns() - start_ns) / CLOCK_MS, 200, 20000);
        struct http_response response;
        err *e AUTO(err_done) = http_do(f->http, &f->a, &request, &response);
        assert_string_equal(e->reason, "Timeout");
    }
}

static bool trickle(struct scripted_peer *peer, const char *request)
{
    (void)request;
    scripted_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
    for (int i = 0; i < 8; i++) {
        usleep(100 * 1000);
        scripted_say(peer, "x");
    }
    return true;
}

static void a_slow_server_may_finish(void **state)
{
    struct fixture *f = serve(state, trickle);
    struct http_request request = {.stall_ms = 300};
    assert_int_equal(get(f, request).body.len, 8);
}

static void refused_connections_say_so(void **state)
{
    struct fixture *f = serve(state, remember);
    int port = f->server.port;
    scripted_stop(&f->server);
    f->server.port = 0;
    str url = str_printf(&f->a, "http://user:s3cret@127.0.0.1:%d/s3cret?s3cret", port);
    struct http_response response;
    struct http_request request = {.url = url};
    err *e AUTO(err_done) = http_do(f->http, &f->a, &request, &response);
    assert_non_null(e);
    str expected = str_printf(&f->a, "127.0.0.1:%d: connection refused", port);
    assert_true(str_eq(err_text(e), expected));
    assert_int_equal(e->kind, ERR_TRANSIENT);
}

static void unknown_hosts_say_so(void **state)
{
    struct fixture *f = *state;
    assert_fails(f, (struct http_request){.url = STR("http://x.invalid/")}, ERR_TRANSIENT,
                 "x.invalid:80: no such host");
}

static bool answer_and_close(struct scripted_peer *peer, const char *request)
{
    remember(peer, request);
    return false;
}

/* One that closes while the request is on its way is another matter: that is an error. */
static void wait_until_closed(struct fixture *f)
{
    while (atomic_load(&f->server.open))
        clock_sleep(CLOCK_MS);
}

static void a_connection_closed_meanwhile_is_replaced(void **state)
{
    struct fixture *f = serve(state, answer_and_close);
    for (int i = 0; i < 5; i++) {
        get(f, (struct http_request){0});
        wait_until_closed(f);
        get(f, (struct http_request){.body = STR("data")});
        wait_until_closed(f);
        assert_true(saw(f, "\r\n\r\ndata"));
    }
    assert_int_equal(atomic_load(&f->server.requests), 10);
}

/* "localhost" has an IPv6 address, too, on most machines, and nobody listens there. */
static void the_next_address_is_tried(void **state)
{
    struct fixture *f = serve(state, remember);
    int64_t start_ns = clock_now_ns();
    get(f, (struct http_request){.url = str_printf(&f->a, "http://localhost:%d/", f->server.port)});
    assert_true(clock_now_ns() - start_ns < 10 * CLOCK_SECOND);
}

/* ---- cancel ---- */

static void *set_flag(void *context)
{
    usleep(50 * 1000);
    atomic_store((atomic_bool *)context, true);
    return NULL;
}

static void a_request_can_be_canceled(void **state)
{
    struct fixture *f = serve(state, hang);
    atomic_bool cancel = false;
    pthread_t thread;
    pthread_create(&thread, NULL, set_flag, &cancel);
    int64_t start_ns = clock_now_ns();
    assert_fails(f, (struct http_request){.cancel = &cancel}, ERR_CANCELED, "no longer wanted");
    assert_in_range((clock_now_ns() - start_ns) / CLOCK_MS, 20, 20000);
    pthread_join(thread, NULL);
    assert_fails(f, (struct http_request){.cancel = &cancel}, ERR_CANCELED, "no longer wanted");
}

struct tally {
    size_t count, errors, canceled;
    bool *seen;
};

static void count_answer(void *context, size_t index, arena *a,
                         const struct http_response *response, err *error)
{
    struct tally *tally = context;
    assert_false(tally->seen[index]);
    tally->seen[index] = true;
    tally->count++;
    assert_true(!response == !!error);
    if (error) {
        tally->errors++;
        tally->canceled += error->kind == ERR_CANCELED;
        err_free(error);
        return;
    }
    assert_true(str_eq(response->body, str_printf(a, "answer %zu", index)));
}

static void a_batch_can_be_canceled(void **state)
{
    struct fixture *f = serve(state, hang);
    atomic_bool cancel = false;
    pthread_t thread;
    struct http_request requests[50];
    bool seen[50] = {0};
    struct tally tally = {.seen = seen};
    for (size_t i = 0; i < COUNT(requests); i++) {
        requests[i] = (struct http_request){.url = url_of(f, "/"), .cancel = &cancel};
    }
    pthread_create(&thread, NULL, set_flag, &cancel);
    http_do_all(f->http, requests, COUNT(requests), 10, count_answer, &tally);
    pthread_join(thread, NULL);
    assert_int_equal(tally.count, 50);
    assert_int_equal(tally.canceled, 50);
}

/* ---- many at once ---- */

static bool answer_number(struct scripted_peer *peer, const char *request)
{
    int number = -1;
    char body[32];
    sscanf(request, "GET /%d", &number);
    if (number % 10 == 7) usleep(2000); /* answers do not come in order */
    snprintf(body, sizeof body, "answer %d", number);
    return scripted_answer(peer, body);
}

static void a_batch_keeps_to_its_limit(void **state)
{
    struct fixture *f = serve(state, answer_number);
    enum { REQUESTS = 1000, IN_FLIGHT = 20 };
    struct http_request *requests = NEW_ARRAY(&f->a, struct http_request, REQUESTS);
    struct tally tally = {.seen = NEW_ARRAY(&f->a, bool, REQUESTS)};
    for (int i = 0; i < REQUESTS; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        requests[i].url = url_of(f, path);
    }
    struct http *wide;
    struct http_options options = {.no_proxy = true, .connections_per_host = 50};
    assert_null(http_new(f->loop, options, &wide));
    http_do_all(wide, requests, REQUESTS, IN_FLIGHT, count_answer, &tally);
    http_free(wide);
    assert_int_equal(tally.count, REQUESTS);
    assert_int_equal(tally.errors, 0);
    assert_in_range(atomic_load(&f->server.busy_max), 2, IN_FLIGHT);
    assert_in_range(atomic_load(&f->server.connections), 2, IN_FLIGHT);
    http_do_all(f->http, requests, 0, IN_FLIGHT, count_answer, &tally);
}

static void connections_per_host_are_bounded(void **state)
{
    struct fixture *f = serve(state, answer_number);
    struct http_request requests[100];
    bool seen[100] = {0};
    struct tally tally = {.seen = seen};
    for (int i = 0; i < 100; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        requests[i] = (struct http_request){.url = url_of(f, path)};
    }
    http_do_all(f->http, requests, 100, 50, count_answer, &tally);
    assert_int_equal(tally.errors, 0);
    assert_in_range(atomic_load(&f->server.connections), 1, 4);
}

struct worker {
    struct fixture *f;
    int failures;
};

static void *request_often(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < 100; i++) {
        arena a AUTO(arena_done) = {0};
        struct http_response response;
        struct http_request request = {
            .url = str_printf(&a, "http://127.0.0.1:%d/%d", worker->f->server.port, i)};
        err *e AUTO(err_done) = http_do(worker->f->http, &a, &request, &response);
        str expected = str_printf(&a, "answer %d", i);
        if (e || !str_eq(response.body, expected)) worker->failures++;
    }
    return NULL;
}

static void workers_share_a_client(void **state)
{
    struct fixture *f = serve(state, answer_number);
    pthread_t threads[8];
    struct worker workers[8];
    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){.f = f};
        pthread_create(&threads[i], NULL, request_often, &workers[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
}

/* ---- streams ---- */

struct reader {
    struct fixture *f;
    struct http_stream *stream, *victim;
    struct http_request request;
    atomic_int heads, chunks, ends; /* ends counts done */
    char text[256];
    enum { READ_ON, CLOSE_IN_HEAD, CLOSE_IN_DATA, CLOSE_IN_DONE, FAIL_IN_DATA, CLOSE_VICTIM } plan;
    err *error;
};

static void reader_head(void *context, const struct http_response *response)
{
    struct reader *reader = context;
    assert_int_equal(response->status, 200);
    if (reader->plan == CLOSE_IN_HEAD) http_close(reader->stream);
    atomic_fetch_add(&reader->heads, 1);
}

static err *reader_data(void *context, str bytes)
{
    struct reader *reader = context;
    size_t len = strlen(reader->text);
    snprintf(reader->text + len, sizeof reader->text - len, STR_FMT, STR_ARG(bytes));
    if (reader->plan == CLOSE_IN_DATA) http_close(reader->stream);
    if (reader->plan == CLOSE_VICTIM) http_close(reader->victim);
    reader->victim = NULL;
    atomic_fetch_add(&reader->chunks, 1);
    return reader->plan == FAIL_IN_DATA ? err_invalid("not what I wanted") : NULL;
}

static void reader_done(void *context, err *error)
{
    struct reader *reader = context;
    if (reader->plan == CLOSE_IN_DONE) http_close(reader->stream);
    reader->error = error;
    atomic_fetch_add(&reader->ends, 1);
}

static const struct http_events reader_events = {reader_head, reader_data, reader_done};

static void open_on_loop(void *context)
{
    struct reader *reader = context;
    reader->stream = http_open(reader->f->http, &reader->request, &reader_events, reader);
    memset(&reader->request, 0, sizeof reader->request); /* it was copied */
}

static void close_on_loop(void *context)
{
    struct reader *reader = context;
    http_close(reader->stream);
}

static void open_and_close(void *context)
{
    open_on_loop(context);
    close_on_loop(context);
}

static void open_reader(struct reader *reader, struct fixture *f, struct http_request request)
{
    reader->f = f;
    reader->request = request;
    if (!request.url.len) reader->request.url = url_of(f, "/");
    loop_call(f->loop, open_on_loop, reader);
}

static bool reaches(atomic_int *counter, int value)
{
    for (int i = 0; i < 3000 && atomic_load(counter) < value; i++)
        usleep(1000);
    return atomic_load(counter) == value;
}

static void nothing(void *context)
{
    (void)context;
}

/* Three lines, then the end, or nothing more under /watch. */
static bool answer_lines(struct scripted_peer *peer, const char *request)
{
    scripted_say(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        scripted_say(peer, "2\r\nx\n\r\n");
        usleep(20 * 1000);
    }
    if (!strstr(request, "/watch")) {
        scripted_say(peer, "0\r\n\r\n");
        return true;
    }
    scripted_linger(peer);
    return false;
}

static void streams_come_in_pieces(void **state)
{
    struct fixture *f = serve(state, answer_lines);
    struct reader reader = {0};
    open_reader(&reader, f, (struct http_request){0});
    assert_true(reaches(&reader.ends, 1));
    assert_null(reader.error);
    assert_int_equal(reader.heads, 1);
    assert_int_equal(reader.chunks, 3);
    assert_string_equal(reader.text, "x\nx\nx\n");
}

static void streams_close_in_any_event(void **state)
{
    struct fixture *f = serve(state, answer_lines);
    struct reader head = {.plan = CLOSE_IN_HEAD}, data = {.plan = CLOSE_IN_DATA};
    struct reader done = {.plan = CLOSE_IN_DONE};
    open_reader(&head, f, (struct http_request){0});
    open_reader(&data, f, (struct http_request){0});
    open_reader(&done, f, (struct http_request){0});
    assert_true(reaches(&done.ends, 1));
    usleep(100 * 1000);
    assert_int_equal(head.heads, 1);
    assert_int_equal(head.chunks + head.ends, 0);
    assert_int_equal(data.chunks, 1);
    assert_int_equal(data.ends, 0);
    assert_int_equal(done.chunks, 3);
    assert_null(done.error);
}

static void a_stream_closes_another(void **state)
{
    struct fixture *f = serve(state, answer_lines);
    struct reader victim = {0}, reader = {.plan = CLOSE_VICTIM};
    open_reader(&victim, f, (struct http_request){.url = url_of(f, "/watch")});
    assert_true(reaches(&victim.chunks, 3));
    reader.victim = victim.stream;
    open_reader(&reader, f, (struct http_request){0});
    assert_true(reaches(&reader.ends, 1));
    assert_int_equal(victim.ends, 0);
    assert_true(reaches(&f->server.open, 1)); /* its connection is gone */
}

static void a_stream_closes_before_it_begins(void **state)
{
    struct fixture *f = serve(state, answer_lines);
    struct reader reader = {.f = f, .request = {.url = url_of(f, "/")}};
    loop_call(f->loop, open_and_close, &reader);
    usleep(50 * 1000);
    assert_int_equal(reader.heads + reader.ends, 0);
}

static void readers_may_refuse_data(void **state)
{
    struct fixture *f = serve(state, answer_lines);
    struct reader reader = {.plan = FAIL_IN_DATA};
    open_reader(&reader, f, (struct http_request){0});
    assert_true(reaches(&reader.ends, 1));
    assert_string_equal(reader.error->message, "not what I wanted");
    err_free(reader.error);
    assert_int_equal(reader.chunks, 1);
}

static void a_bad_stream_ends_in_done(void **state)
{
    struct fixture *f = *state;
    struct reader reader = {0};
    open_reader(&reader, f, (struct http_request){.url = STR("gopher://x/")});
    assert_true(reaches(&reader.ends, 1));
    assert_int_equal(reader.error->kind, ERR_INVALID);
    err_free(reader.error);
}

static void freeing_the_client_cancels(void **state)
{
    struct fixture *f = serve(state, answer_lines);
    struct reader reader = {0}, closed = {0};
    open_reader(&reader, f, (struct http_request){.url = url_of(f, "/watch"), .timeout_ms = -1});
    open_reader(&closed, f, (struct http_request){.url = url_of(f, "/watch"), .timeout_ms = -1});
    assert_true(reaches(&reader.chunks, 3));
    loop_call(f->loop, close_on_loop, &closed);
    http_free(f->http);
    f->http = NULL;
    assert_true(reaches(&reader.ends, 1));
    assert_int_equal(reader.error->kind, ERR_CANCELED);
    err_free(reader.error);
    assert_int_equal(closed.ends, 0);
}

static void measure(void *context)
{
    getrusage(RUSAGE_THREAD, context);
}

static void an_idle_stream_costs_nothing(void **state)
{
    struct fixture *f = serve(state, answer_lines);
    struct reader reader = {0};
    open_reader(
        &reader, f,
        (struct http_request){.url = url_of(f, "/watch"), .timeout_ms = -1, .stall_ms = -1});
    assert_true(reaches(&reader.chunks, 3));
    struct rusage before, after;
    usleep(300 * 1000);
    loop_call(f->loop, measure, &before);
    usleep(2000 * 1000);
    loop_call(f->loop, measure, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 3);
    loop_call(f->loop, close_on_loop, &reader);
    loop_call(f->loop, nothing, NULL);
}

/* ---- proxies ---- */

static void proxies_are_asked(void **state)
{
    struct fixture *f = serve(state, remember);
    str proxy = url_of(f, "");
    struct http_options options = {
        .proxy = proxy, .proxy_user = STR("pu"), .proxy_password = STR("pp")};
    struct http *through;
    assert_null(http_new(f->loop, options, &through));
    struct http_response response;
    struct http_request request = {.url = STR("http://host.invalid/x?y"), .bearer = STR("t")};
    assert_null(http_do(through, &f->a, &request, &response));
    assert_true(saw(f, "GET http://host.invalid:80/x?y HTTP/1.1") ||
                saw(f, "GET http://host.invalid/x?y HTTP/1.1"));
    assert_true(saw(f, "Proxy-Authorization: Basic cHU6cHA="));
    http_free(through);

    options = (struct http_options){.proxy = STR("ftp://x")};
    err *e AUTO(err_done) = http_new(f->loop, options, &through);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_INVALID);
}

static void proxies_of_the_environment(void **state)
{
    struct fixture *f = serve(state, remember);
    setenv("HTTP_PROXY", url_of(f, "").data, 1);
    setenv("http_proxy", url_of(f, "").data, 1);
    setenv("NO_PROXY", "direct.invalid,.local.invalid,10.0.0.0/8", 1);
    struct http *through;
    assert_null(http_new(f->loop, (struct http_options){0}, &through));
    assert_fails(f, (struct http_request){.url = STR("http://host.invalid/")}, ERR_TRANSIENT,
                 "no such host"); /* f->http asks no proxy */
    unsetenv("HTTP_PROXY");
    unsetenv("http_proxy");
    unsetenv("NO_PROXY");
    static const struct {
        const char *url;
        bool proxied;
    } rows[] = {{"http://host.invalid/", true},
                {"http://direct.invalid/", false},
                {"http://a.local.invalid/", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_response response;
        struct http_request request = {.url = str_of(rows[i].url)};
        err *e AUTO(err_done) = http_do(through, &f->a, &request, &response);
        assert_int_equal(!e, rows[i].proxied);
    }
    f->seen[0] = '\0';
    struct http_response response;
    struct http_request here = {.url = url_of(f, "/here")};
    assert_null(http_do(through, &f->a, &here, &response));
    assert_true(saw(f, "GET /here "));
    http_free(through);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_status_headers_and_body),
        TEST(sends_what_it_is_told),
        TEST(sends_bodies),
        TEST(a_head_answer_has_no_body),
        TEST(refuses_bad_requests),
        TEST(user_info_of_the_url_is_not_sent),
        TEST(redirects_are_followed_on_demand),
        TEST(another_server_gets_no_credentials),
        TEST(credentials_do_not_come_back),
        TEST(bad_redirects_are_refused),
        TEST(redirects_change_methods),
        TEST(bodies_are_bounded),
        TEST(bodies_are_bounded_after_decompression),
        TEST(heads_are_bounded),
        TEST(broken_answers_are_errors),
        TEST(a_hanging_server_times_out),
        TEST(a_slow_server_may_finish),
        TEST(refused_connections_say_so),
        TEST(unknown_hosts_say_so),
        TEST(a_connection_closed_meanwhile_is_replaced),
        TEST(the_next_address_is_tried),
        TEST(a_request_can_be_canceled),
        TEST(a_batch_can_be_canceled),
        TEST(a_batch_keeps_to_its_limit),
        TEST(connections_per_host_are_bounded),
        TEST(workers_share_a_client),
        TEST(streams_come_in_pieces),
        TEST(streams_close_in_any_event),
        TEST(a_stream_closes_another),
        TEST(a_stream_closes_before_it_begins),
        TEST(readers_may_refuse_data),
        TEST(a_bad_stream_ends_in_done),
        TEST(freeing_the_client_cancels),
        TEST(an_idle_stream_costs_nothing),
        TEST(proxies_are_asked),
        TEST(proxies_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
