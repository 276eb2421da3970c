#include "net/transfer.h"

#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/limits.h"

enum {
    TIMEOUT_MS = 60 * 1000,
    STALL_MS = 30 * 1000,
    WAIT_MS_MAX = 24 * 3600 * 1000,
    REDIRECT_BODY_BYTES = 64 * 1024, /* read, and dropped, to keep the connection */
};

/* ---- the end ---- */

static void release(struct transfer *transfer)
{
    loop_timer_cancel(transfer->client->loop, &transfer->timer);
    if (transfer->handle) multi_give(transfer->client->multi, transfer->handle);
    transfer->handle = NULL;
    err_free(transfer->error);
    transfer->error = NULL;
}

void transfer_stop(struct transfer *transfer)
{
    release(transfer);
}

void transfer_fail(struct transfer *transfer, err *e)
{
    release(transfer);
    transfer->events->done(transfer->context, e);
}

static err *timed_out(const struct transfer *transfer, const char *how, int64_t span_ns)
{
    str span = clock_format_duration(transfer->arena, span_ns);
    err *e = err_transient(STR_FMT ": timed out%s " STR_FMT, STR_ARG(transfer->host_port), how,
                           STR_ARG(span));
    return err_because(e, "Timeout");
}

/* The system's word for why, in our style: "connection refused". */
static str system_reason(arena *a, CURL *curl)
{
    long number = 0;
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    return number ? str_lower(a, str_of(strerror((int)number))) : STR("could not connect");
}

/* libcurl's words hold no URL for these codes, only what TLS or HTTP complained about. */
static err *in_words_of_curl(const struct transfer *transfer, CURLcode code)
{
    const char *trouble = transfer->handle->trouble;
    return err_transient(STR_FMT ": %s", STR_ARG(transfer->host_port),
                         *trouble ? trouble : curl_easy_strerror(code));
}

static err *error_of(const struct transfer *transfer, CURLcode code)
{
    str peer = transfer->host_port;
    CURL *curl = transfer->handle->curl;
    long connect_status = 0;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: /* the only time-out that libcurl keeps */
        return timed_out(transfer, " connecting for", CLIENT_CONNECT_MS * CLOCK_MS);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_transient(STR_FMT ": no such host", STR_ARG(peer));
    case CURLE_COULDNT_RESOLVE_PROXY:
        return err_transient(STR_FMT ": the proxy's host is not known", STR_ARG(peer));
    case CURLE_COULDNT_CONNECT:
        return err_transient(STR_FMT ": " STR_FMT, STR_ARG(peer),
                             STR_ARG(system_reason(transfer->arena, curl)));
    case CURLE_GOT_NOTHING:
        return err_transient(STR_FMT ": connection closed before the answer", STR_ARG(peer));
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &connect_status);
        if (connect_status >= 300) {
            return err_transient(STR_FMT ": the proxy answered with status %ld", STR_ARG(peer),
                                 connect_status);
        }
        return err_transient(STR_FMT ": connection broke after %zu bytes of the answer",
                             STR_ARG(peer), transfer->header_bytes + transfer->body_bytes);
    case CURLE_SSL_CERTPROBLEM:
        return err_invalid(STR_FMT ": our client certificate cannot be used", STR_ARG(peer));
    default:
        return in_words_of_curl(transfer, code);
    }
}

/* ---- one hop: what libcurl is told ---- */

static err *check_header_text(str text, const char *what)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\r' || c == '\n' || c == '\0') {
            return err_invalid("%s holds a line break or NUL", what);
        }
    }
    return NULL;
}

struct lines {
    arena *arena;
    struct curl_slist *first, **next;
};

/* libcurl only reads the list while the transfer runs, so it may live in the arena. */
static void add_line(struct lines *lines, char *line)
{
    struct curl_slist *node = NEW(lines->arena, struct curl_slist);
    node->data = line;
    *lines->next = node;
    lines->next = &node->next;
}

#define ADD_LINE(lines, ...) add_line((lines), (char *)str_printf((lines)->arena, __VA_ARGS__).data)

/* What another server than the one the request was for may see. */
static bool is_public_header(str name)
{
    static const char *const names[] = {"accept",        "accept-encoding", "accept-language",
                                        "content-type",  "git-protocol",    "if-modified-since",
                                        "if-none-match", "range",           "user-agent"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (str_eq_fold(name, str_of(names[i]))) return true;
    }
    return false;
}

static bool has_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (str_eq_fold(request->headers[i].name, str_of(name))) return true;
    }
    return false;
}

static err *add_credentials(struct lines *lines, const struct http_request *request)
{
    if (request->bearer.len) {
        TRY(check_header_text(request->bearer, "the bearer token"));
        ADD_LINE(lines, "Authorization: Bearer " STR_FMT, STR_ARG(request->bearer));
    } else if (request->user.len || request->password.len) {
        TRY(check_header_text(request->user, "the user name"));
        TRY(check_header_text(request->password, "the password"));
        str pair = str_printf(lines->arena, STR_FMT ":" STR_FMT, STR_ARG(request->user),
                              STR_ARG(request->password));
        ADD_LINE(lines, "Authorization: Basic " STR_FMT, STR_ARG(b64_encode(lines->arena, pair)));
    }
    return NULL;
}

static err *header_lines(const struct transfer *transfer, bool rename_host, struct curl_slist **out)
{
    const struct http_request *request = transfer->request;
    struct lines lines = {.arena = transfer->arena, .next = &lines.first};
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!transfer->trusted && !is_public_header(header->name)) continue;
        if (header->name.len == 0) return err_invalid("a request header has no name");
        TRY(check_header_text(header->name, "the name of a request header"));
        err *e = check_header_text(header->value, "its value");
        if (e) return err_wrap(e, "request header '" STR_FMT "'", STR_ARG(header->name));
        /* With "Name:" libcurl would leave it out. */
        const char *format = header->value.len ? STR_FMT ": " STR_FMT : STR_FMT ";" STR_FMT;
        ADD_LINE(&lines, format, STR_ARG(header->name), STR_ARG(header->value));
    }
    if (transfer->trusted) TRY(add_credentials(&lines, request));
    if (rename_host && !has_header(request, "host")) {
        ADD_LINE(&lines, "Host: " STR_FMT, STR_ARG(transfer->host_port));
    }
    /* Not to wait for "100 Continue", and not to claim that a body is a form. */
    ADD_LINE(&lines, "Expect:");
    if (!has_header(request, "content-type")) ADD_LINE(&lines, "Content-Type:");
    *out = lines.first;
    return NULL;
}

static void set_method(CURL *curl, const char *method, str body)
{
    bool writes = body.len || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
                  !strcmp(method, "PATCH");
    curl_easy_setopt(curl, CURLOPT_NOBODY, 0L);
    if (writes) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data ? body.data : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    if (!strcmp(method, "HEAD")) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

/*
 * Built from what url_parse has seen, so that libcurl cannot see another host. With a server name
 * of the client's, that name is the URL's host (and with it SNI and the name in the certificate),
 * and libcurl is told to connect to the real one.
 */
static str address(const struct transfer *transfer, bool rename_host)
{
    const struct url *url = &transfer->url;
    arena *a = transfer->arena;
    str server = transfer->host_port;
    if (rename_host) {
        server = str_printf(a, STR_FMT ":%d", STR_ARG(transfer->client->options.server_name),
                            url_port(url));
    }
    return str_printf(a, STR_FMT "://" STR_FMT STR_FMT "%s" STR_FMT, STR_ARG(url->scheme),
                      STR_ARG(server), STR_ARG(url->path.len ? url->path : STR("/")),
                      url->query.len ? "?" : "", STR_ARG(url->query));
}

static err *set_options(struct transfer *transfer)
{
    const struct http_request *request = transfer->request;
    CURL *curl = transfer->handle->curl;
    arena *a = transfer->arena;
    bool rename_host = transfer->trusted && transfer->client->options.server_name.len;
    struct curl_slist *lines, *connect_to = NULL;
    TRY(client_check(transfer->client, &transfer->url));
    TRY(header_lines(transfer, rename_host, &lines));
    if (rename_host) {
        connect_to = NEW(a, struct curl_slist);
        connect_to->data = (char *)str_printf(a, "::" STR_FMT, STR_ARG(transfer->host_port)).data;
    }
    bool https = str_eq_fold(transfer->url.scheme, STR("https"));
    /* As Go does: decompress unless the caller speaks of encodings or asks for a part. */
    bool plain = has_header(request, "accept-encoding") || has_header(request, "range") ||
                 !strcmp(transfer->method, "HEAD");

    set_method(curl, transfer->method, transfer->body);
    curl_easy_setopt(curl, CURLOPT_URL, address(transfer, rename_host).data);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, plain ? NULL : "gzip");
    curl_easy_setopt(curl, CURLOPT_PROXY, client_proxy(transfer->client, &transfer->url).data);
    bool http2 = https && !request->no_http2;
    long version = http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, version);
    /* Wait for the connection that is being made rather than make one for each request. */
    curl_easy_setopt(curl, CURLOPT_PIPEWAIT, http2 ? 1L : 0L);
    return NULL;
}

/* ---- one hop: what comes back ---- */

/* False, with the error kept, makes the callback of libcurl end the transfer. */
static bool refuse(struct transfer *transfer, err *e)
{
    if (!transfer->error) {
        transfer->error = e;
    } else {
        err_free(e);
    }
    return false;
}

static err *too_long(const struct transfer *transfer, const char *what, size_t limit_bytes)
{
    return err_invalid(STR_FMT ": %s of the answer has more than %zu bytes",
                       STR_ARG(transfer->host_port), what, limit_bytes);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool end_head(struct transfer *transfer)
{
    struct http_response *response = &transfer->response;
    long status = 0;
    curl_easy_getinfo(transfer->handle->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 100 && status < 200) {
        response->header_count = 0;
        return true;
    }
    response->status = (int)status;
    transfer->head_complete = true;
    transfer->redirecting = transfer->request->follow && is_redirect(response->status) &&
                            http_header(response, STR("location")).len;
    if (transfer->redirecting) return true;

    uint64_t length;
    if (strcmp(transfer->method, "HEAD") &&
        str_to_uint(http_header(response, STR("content-length")), &length) &&
        length > transfer->body_limit) {
        return refuse(transfer, too_long(transfer, "the body", transfer->body_limit));
    }
    if (transfer->events->head) transfer->events->head(transfer->context, response);
    return true;
}

/* One line of the head, or of a trailer, which is of no interest. */
static bool take_header_line(struct transfer *transfer, str line)
{
    transfer->received_bytes += (int64_t)line.len;
    transfer->header_bytes += line.len;
    if (transfer->header_bytes > LIMIT_HTTP_HEADER_BYTES) {
        return refuse(transfer, too_long(transfer, "the head", LIMIT_HTTP_HEADER_BYTES));
    }
    if (transfer->head_complete) return true;
    line = str_trim_right(line);
    if (line.len == 0) return end_head(transfer);

    str name, value;
    struct http_response *response = &transfer->response;
    if (str_starts(line, STR("HTTP/"))) {
        response->header_count = 0;
    } else if (str_cut(line, ':', &name, &value)) {
        struct http_header header = {str_lower(transfer->arena, str_trim(name)),
                                     str_dup(transfer->arena, str_trim(value))};
        *ARENA_PUSH(transfer->arena, response->headers, response->header_count,
                    transfer->header_room) = header;
    }
    return true;
}

static bool take_body(struct transfer *transfer, str bytes)
{
    transfer->received_bytes += (int64_t)bytes.len;
    transfer->body_bytes += bytes.len;
    if (transfer->redirecting) {
        if (transfer->body_bytes <= REDIRECT_BODY_BYTES) return true;
        return refuse(transfer, too_long(transfer, "the redirect", REDIRECT_BODY_BYTES));
    }
    if (transfer->body_bytes > transfer->body_limit) {
        return refuse(transfer, too_long(transfer, "the body", transfer->body_limit));
    }
    err *e = transfer->events->data(transfer->context, bytes);
    return e ? refuse(transfer, e) : true;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    return take_header_line(context, str_from(data, size * count)) ? size * count : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    return take_body(context, str_from(data, size * count)) ? size * count : 0;
}

/* ---- hops ---- */

static err *begin_hop(struct transfer *transfer, str url)
{
    TRY(url_parse(url, &transfer->url));
    str scheme = transfer->url.scheme;
    if (!str_eq_fold(scheme, STR("https")) && !str_eq_fold(scheme, STR("http"))) {
        return err_invalid("URL: scheme '" STR_FMT "' is not http or https", STR_ARG(scheme));
    }
    transfer->host_port = url_host_port(transfer->arena, &transfer->url);
    transfer->response = (struct http_response){0};
    transfer->header_room = 0;
    transfer->header_bytes = transfer->body_bytes = 0;
    transfer->moved_bytes = transfer->received_bytes;
    transfer->head_complete = transfer->redirecting = false;

    TRY(set_options(transfer));
    CURL *curl = transfer->handle->curl;
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    return multi_start(transfer->client->multi, transfer->handle);
}

/* The same host, and the same port or the step from the usual http to the usual https. */
static bool is_same_server(const struct url *from, const struct url *to)
{
    if (!str_eq_fold(from->host, to->host)) return false;
    if (str_eq_fold(from->scheme, to->scheme)) return url_port(from) == url_port(to);
    return url_port(from) == 80 && url_port(to) == 443;
}

/* 303 asks for a GET; so do 301 and 302 after a POST, by custom (RFC 9110 section 15.4). */
static bool becomes_get(int status, const char *method)
{
    if (status == 303) return strcmp(method, "HEAD");
    return (status == 301 || status == 302) && !strcmp(method, "POST");
}

static err *follow(struct transfer *transfer)
{
    str from = transfer->host_port;
    if (++transfer->redirects > LIMIT_HTTP_REDIRECTS) {
        return err_invalid(STR_FMT ": more than %d redirects", STR_ARG(from), LIMIT_HTTP_REDIRECTS);
    }
    char *location = NULL;
    curl_easy_getinfo(transfer->handle->curl, CURLINFO_REDIRECT_URL, &location);
    str target = str_dup(transfer->arena, str_of(location));
    struct url url;
    err *e = url_parse(target, &url);
    if (e) return err_wrap(e, STR_FMT ": redirect", STR_ARG(from));
    if (url.user.len || url.password.len) {
        return err_invalid(STR_FMT ": redirect to a URL with a user name in it", STR_ARG(from));
    }
    if (str_eq_fold(transfer->url.scheme, STR("https")) && !str_eq_fold(url.scheme, STR("https"))) {
        return err_invalid(STR_FMT ": redirect from https to " STR_FMT, STR_ARG(from),
                           STR_ARG(url.scheme));
    }
    if (!is_same_server(&transfer->url, &url)) transfer->trusted = false;
    if (becomes_get(transfer->response.status, transfer->method)) {
        transfer->method = "GET";
        transfer->body = (str){0};
    }
    if (!transfer->trusted && transfer->body.len) {
        return err_invalid(STR_FMT ": redirect of a request with a body to another server, %s",
                           STR_ARG(from), url_host_port(transfer->arena, &url).data);
    }
    return begin_hop(transfer, target);
}

void transfer_hop_ended(void *owner, CURLcode code)
{
    struct transfer *transfer = owner;
    err *e = transfer->error;
    transfer->error = NULL;
    if (!e && code == CURLE_OK && !transfer->head_complete) code = CURLE_GOT_NOTHING;
    if (!e && code != CURLE_OK) e = error_of(transfer, code);
    if (!e && transfer->redirecting) {
        e = follow(transfer);
        if (!e) return;
    }
    transfer_fail(transfer, e); /* NULL: the clean end */
}

/* ---- the start, and time ---- */

static void on_timer(void *context);

static void set_timer(struct transfer *transfer)
{
    int64_t due_ns = transfer->deadline_ns;
    if (transfer->look_ns && (!due_ns || transfer->look_ns < due_ns)) due_ns = transfer->look_ns;
    if (!due_ns) return;
    loop_timer_set(transfer->client->loop, &transfer->timer, due_ns, on_timer, transfer);
}

/* Has less than a byte per second moved, either way, since the last look? */
static bool is_stalled(struct transfer *transfer)
{
    curl_off_t sent_bytes = 0;
    curl_easy_getinfo(transfer->handle->curl, CURLINFO_SIZE_UPLOAD_T, &sent_bytes);
    int64_t moved_bytes = transfer->received_bytes + sent_bytes;
    int64_t since_bytes = moved_bytes - transfer->moved_bytes;
    transfer->moved_bytes = moved_bytes;
    return since_bytes < MAX(transfer->stall_ns / CLOCK_SECOND, (int64_t)1);
}

static void on_timer(void *context)
{
    struct transfer *transfer = context;
    int64_t now_ns = clock_now_ns();
    if (transfer->error) { /* the start went wrong */
        err *e = transfer->error;
        transfer->error = NULL;
        transfer_fail(transfer, e);
        return;
    }
    if (transfer->deadline_ns && now_ns >= transfer->deadline_ns) {
        int64_t span_ns = transfer->deadline_ns - transfer->started_ns;
        transfer_fail(transfer, timed_out(transfer, " after", span_ns));
        return;
    }
    if (transfer->look_ns && now_ns >= transfer->look_ns) {
        if (is_stalled(transfer)) {
            transfer_fail(transfer, timed_out(transfer, ": no progress for", transfer->stall_ns));
            return;
        }
        transfer->look_ns = now_ns + transfer->stall_ns;
    }
    set_timer(transfer);
}

static const char *default_method(const struct http_request *request)
{
    if (request->method) return request->method;
    return request->body.len ? "POST" : "GET";
}

void transfer_start(struct transfer *transfer)
{
    const struct http_request *request = transfer->request;
    int64_t timeout_ms = MIN(request->timeout_ms ?: TIMEOUT_MS, (int64_t)WAIT_MS_MAX);
    int64_t stall_ms = MIN(request->stall_ms ?: STALL_MS, (int64_t)WAIT_MS_MAX);
    int64_t now_ns = transfer->started_ns = clock_now_ns();
    if (timeout_ms > 0) transfer->deadline_ns = now_ns + timeout_ms * CLOCK_MS;
    if (stall_ms > 0) {
        transfer->stall_ns = stall_ms * CLOCK_MS;
        transfer->look_ns = now_ns + transfer->stall_ns;
    }
    transfer->method = default_method(request);
    transfer->body = request->body;
    size_t usual_bytes = transfer->unbounded ? SIZE_MAX : LIMIT_HTTP_BODY_BYTES;
    transfer->body_limit = request->body_limit ?: usual_bytes;
    transfer->trusted = true;
    transfer->handle = multi_take(transfer->client->multi, transfer);

    transfer->error = begin_hop(transfer, request->url);
    if (transfer->error) {
        loop_timer_set(transfer->client->loop, &transfer->timer, now_ns, on_timer, transfer);
    } else {
        set_timer(transfer);
    }
}
