#include "net/httpd.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "net/file_answer.h"
#include "net/url.h"

struct httpd {
    struct loop *loop;
    struct httpd_options options;
    struct MHD_Daemon *daemon;
    struct loop_fd events;   /* the daemon's epoll descriptor, which holds all its sockets */
    struct loop_timer resume;
    struct loop_timer timer; /* when the daemon wants to look for time-outs */
    int port;
    /* A connection was closed: one that was kept waiting is accepted by another run only. */
    bool has_room_again;
    struct list_link unused;   /* struct peer, for the next connections */
    struct list_link deferred; /* struct httpd_ticket */
    size_t body_bytes;         /* of all requests under way */
    bool run_posted;         /* a stream has something to send */
    struct list_link streams; /* struct httpd_stream */
    arena arena;
};

struct httpd_ticket {
    struct list_link link; /* in deferred */
    struct peer *peer;     /* NULL: the listener is gone */
};

/* One connection and the request that is coming in on it. */
struct peer {
    struct httpd *httpd;
    struct list_link link; /* in unused */
    int fd;
    struct MHD_Connection *connection; /* of a request that is answered later */
    char address[NI_MAXHOST];
    struct loop_timer deadline; /* of the request; not set while it is answered */
    bool head_seen;
    str target; /* as sent */
    buf body;
    struct httpd_ticket *ticket; /* its answer comes later */
    bool answered;               /* the answer is there */
    struct httpd_answer answer;
    arena arena; /* of the request */
};

struct httpd_stream {
    struct httpd *httpd;
    struct list_link link; /* in streams */
    struct MHD_Connection *connection;
    buf waiting; /* on the heap */
    size_t sent; /* of waiting */
    bool suspended, ended, broken;
    struct loop_fd hangup; /* fd 0: not watched; the daemon does not look at who is suspended */
    void (*gone)(void *context);
    void *context;
};

static void run(void *context);

/* ---- streams ---- */

static void on_hangup(void *context, uint32_t events);

/* Tells when the client goes away while there is nothing to send. */
static void watch_hangup(struct httpd_stream *stream)
{
    if (stream->hangup.fd) return;
    stream->hangup = (struct loop_fd){
        .fd = MHD_get_connection_info(stream->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                  ->connect_fd,
        .events = EPOLLRDHUP,
        .fn = on_hangup,
        .context = stream,
    };
    err *e AUTO(err_done) = loop_fd_add(stream->httpd->loop, &stream->hangup);
    if (e) stream->hangup.fd = 0; /* then it ends with the next thing that is sent */
}

static void unwatch_hangup(struct httpd_stream *stream)
{
    if (stream->hangup.fd) loop_fd_remove(stream->httpd->loop, &stream->hangup);
    stream->hangup.fd = 0;
}

static ssize_t stream_read(void *context, uint64_t position, char *out, size_t room)
{
    (void)position;
    struct httpd_stream *stream = context;
    if (stream->broken) return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t count = MIN(stream->waiting.len - stream->sent, room);
    if (count) {
        memcpy(out, stream->waiting.data + stream->sent, count);
        stream->sent += count;
        if (stream->sent < stream->waiting.len) return (ssize_t)count;
        stream->sent = 0;
        buf_clear(&stream->waiting);
        return (ssize_t)count;
    }
    if (stream->ended) return MHD_CONTENT_READER_END_OF_STREAM;
    if (!stream->suspended) {
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
        watch_hangup(stream);
    }
    return 0;
}

static void stream_free(void *context)
{
    struct httpd_stream *stream = context;
    unwatch_hangup(stream);
    list_remove(&stream->link);
    stream->gone(stream->context);
    buf_done(&stream->waiting);
    free(stream);
}

static void run_once(void *context)
{
    struct httpd *httpd = context;
    httpd->run_posted = false;
    run(httpd);
}

static void stream_wake(struct httpd_stream *stream)
{
    if (!stream->suspended) return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
    if (stream->httpd->run_posted) return;
    stream->httpd->run_posted = true;
    loop_timer_set(stream->httpd->loop, &stream->httpd->resume, clock_now_ns(), run_once,
                   stream->httpd);
}

static void on_hangup(void *context, uint32_t events)
{
    (void)events;
    struct httpd_stream *stream = context;
    unwatch_hangup(stream);
    stream->broken = true;
    stream_wake(stream);
}

struct httpd_stream *httpd_stream_new(struct httpd *httpd, void (*gone)(void *context),
                                      void *context)
{
    struct httpd_stream *stream = lang_zalloc(sizeof *stream);
    *stream = (struct httpd_stream){.httpd = httpd, .gone = gone, .context = context};
    list_add_last(&httpd->streams, &stream->link);
    return stream;
}

bool httpd_stream_write(struct httpd_stream *stream, str bytes)
{
    if (stream->waiting.len - stream->sent + bytes.len > LIMIT_HTTPD_STREAM_BYTES)
        stream->broken = true;
    else
        buf_add(&stream->waiting, bytes);
    stream_wake(stream);
    return !stream->broken;
}

void httpd_stream_end(struct httpd_stream *stream)
{
    stream->ended = true;
    stream_wake(stream);
}

void httpd_stream_break(struct httpd_stream *stream)
{
    stream->broken = true;
    stream_wake(stream);
}

/* ---- answers ---- */

static enum MHD_Result queue(struct MHD_Connection *connection, struct MHD_Response *response,
                             int status)
{
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response); /* the queue holds it now */
    return result;
}

static void add_field(arena *a, struct MHD_Response *response, str name, str value)
{
    if (value.len) MHD_add_response_header(response, str_z(a, name), str_z(a, value));
}

static struct MHD_Response *response_of_bytes(str body)
{
    return MHD_create_response_from_buffer(body.len, (void *)body.data, MHD_RESPMEM_MUST_COPY);
}

static struct MHD_Response *response_of_stream(struct httpd_stream *stream,
                                               struct MHD_Connection *connection)
{
    enum { BLOCK_BYTES = 16 * 1024 };
    stream->connection = connection;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, stream_read, stream,
                                             stream_free);
}

/* Our own refusals: a line of text. */
static enum MHD_Result refuse(struct peer *peer, struct MHD_Connection *connection, int status,
                              const char *why)
{
    struct MHD_Response *response =
        response_of_bytes(str_printf(&peer->arena, "%d %s\n", status, why));
    add_field(&peer->arena, response, STR("Content-Type"), STR("text/plain; charset=utf-8"));
    return queue(connection, response, status);
}

static str header_of(struct MHD_Connection *connection, const char *name)
{
    return str_of(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

/* NULL when there is no such file. */
static struct MHD_Response *response_of_file(arena *a, struct MHD_Connection *connection, str path,
                                             int *status)
{
    struct file_wanted wanted = {
        .range = header_of(connection, "Range"),
        .if_range = header_of(connection, "If-Range"),
        .if_none_match = header_of(connection, "If-None-Match"),
        .if_modified_since = header_of(connection, "If-Modified-Since"),
    };
    struct file_answer file;
    err *e AUTO(err_done) = file_answer_open(a, path, &wanted, &file);
    if (e) return NULL;
    *status = file.status;
    struct MHD_Response *response =
        file.fd < 0 ? response_of_bytes(STR(""))
                    : MHD_create_response_from_fd_at_offset64(file.count, file.fd, file.from);
    add_field(a, response, STR("Accept-Ranges"), STR("bytes"));
    add_field(a, response, STR("ETag"), file.etag);
    add_field(a, response, STR("Last-Modified"), file.last_modified);
    add_field(a, response, STR("Content-Range"), file.content_range);
    return response;
}

static enum MHD_Result send_answer(struct peer *peer, struct MHD_Connection *connection,
                                   const struct httpd_answer *answer)
{
    arena *a = &peer->arena;
    int status = answer->status;
    struct MHD_Response *response =
        answer->stream     ? response_of_stream(answer->stream, connection)
        : answer->file.len ? response_of_file(a, connection, answer->file, &status)
                           : response_of_bytes(answer->body);
    if (!response) return refuse(peer, connection, MHD_HTTP_NOT_FOUND, "not found");
    add_field(a, response, STR("Content-Type"), answer->content_type);
    for (size_t i = 0; i < answer->field_count; i++) {
        add_field(a, response, answer->fields[i].name, answer->fields[i].value);
    }
    return queue(connection, response, status);
}

/* ---- requests ---- */

static bool has_dots(str path)
{
    for (str segment; str_next(&path, '/', &segment);) {
        if (str_is(segment, ".") || str_is(segment, "..")) return true;
    }
    return false;
}

/* Splits and decodes the target; NULL or what is wrong with it. */
static const char *read_target(struct peer *peer, str *path, str *query)
{
    str raw = peer->target;
    str_cut(peer->target, '?', &raw, query);
    if (!str_starts(raw, STR("/"))) return "the target is not an absolute path";
    err *e AUTO(err_done) = url_unescape(&peer->arena, raw, path);
    if (e) return "the path does not decode";
    for (size_t i = 0; i < path->len; i++) {
        unsigned char c = (unsigned char)path->data[i];
        if (c < 0x20 || c == 0x7f || c == '\\') return "the path holds a character not allowed";
    }
    return has_dots(*path) ? "the path holds a segment of dots" : NULL;
}

/* How the request says where it ends. */
struct framing {
    int lengths, codings;
    uint64_t length;
    bool bad;
};

static enum MHD_Result note_framing(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind;
    struct framing *framing = context;
    if (str_eq_fold(str_of(name), STR("Transfer-Encoding"))) framing->codings++;
    if (!str_eq_fold(str_of(name), STR("Content-Length"))) return MHD_YES;
    framing->lengths++;
    if (!str_to_uint(str_of(value), &framing->length)) framing->bad = true;
    return MHD_YES;
}

static enum MHD_Result begin(struct peer *peer, struct MHD_Connection *connection)
{
    str path, query;
    const char *why = read_target(peer, &path, &query);
    if (why) return refuse(peer, connection, MHD_HTTP_BAD_REQUEST, why);

    struct framing framing = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_framing, &framing);
    if (framing.bad || framing.lengths + framing.codings > 1) {
        return refuse(peer, connection, MHD_HTTP_BAD_REQUEST, "the body's length is ambiguous");
    }
    size_t limit = peer->httpd->options.body_limit;
    if (framing.length > limit || (framing.codings && !limit)) {
        return refuse(peer, connection, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
    }
    return MHD_YES;
}

/* A body whose length was not stated and that is too long has no answer: the connection ends. So
 * does one for which there is no room beside those of others. */
static enum MHD_Result take_body(struct peer *peer, str bytes)
{
    struct httpd *httpd = peer->httpd;
    if (bytes.len > httpd->options.body_limit - peer->body.len) return MHD_NO;
    if (httpd->body_bytes + bytes.len > LIMIT_HTTPD_BODIES_BYTES) return MHD_NO;
    httpd->body_bytes += bytes.len;
    buf_add(&peer->body, bytes);
    return MHD_YES;
}

static enum MHD_Result answer_request(struct peer *peer, struct MHD_Connection *connection,
                                      const char *method)
{
    struct httpd_request request = {
        .method = str_of(method),
        .body = buf_str(&peer->body),
        .peer = str_of(peer->address),
        .connection = connection,
        .place = peer,
    };
    const char *why = read_target(peer, &request.path, &request.query);
    must(!why);
    struct httpd_answer answer = {0};
    const struct httpd_options *options = &peer->httpd->options;
    options->handler(options->context, &peer->arena, &request, &answer);
    if (peer->ticket) {
        MHD_suspend_connection(connection);
        return MHD_YES;
    }
    must(answer.status);
    return send_answer(peer, connection, &answer);
}

static void run(void *context);

struct httpd_ticket *httpd_defer(const struct httpd_request *request)
{
    struct peer *peer = request->place;
    struct httpd_ticket *ticket = lang_zalloc(sizeof *ticket);
    must(!peer->ticket);
    *ticket = (struct httpd_ticket){.peer = peer};
    peer->ticket = ticket;
    list_add_last(&peer->httpd->deferred, &ticket->link);
    return ticket;
}

static void keep_answer(struct peer *peer, const struct httpd_answer *answer)
{
    arena *a = &peer->arena;
    struct httpd_field *fields = NEW_ARRAY(a, struct httpd_field, answer->field_count + 1);
    must(answer->status && !answer->file.len);
    for (size_t i = 0; i < answer->field_count; i++) {
        fields[i] = (struct httpd_field){str_dup(a, answer->fields[i].name),
                                         str_dup(a, answer->fields[i].value)};
    }
    peer->answer = *answer;
    peer->answer.body = str_dup(a, answer->body);
    peer->answer.content_type = str_dup(a, answer->content_type);
    peer->answer.fields = fields;
}

/* The daemon asks for the request's answer once more when it goes on with the connection. */
static void go_on(struct httpd_ticket *ticket, const struct httpd_answer *answer)
{
    struct peer *peer = ticket->peer;
    list_remove(&ticket->link);
    ticket->peer = NULL;
    keep_answer(peer, answer);
    peer->ticket = NULL;
    peer->answered = true;
    MHD_resume_connection(peer->connection);
}

void httpd_reply(struct httpd_ticket *ticket, const struct httpd_answer *answer)
{
    struct httpd *httpd = ticket->peer ? ticket->peer->httpd : NULL;
    if (httpd) {
        go_on(ticket, answer);
        run(httpd);
    }
    free(ticket);
}

str httpd_header(const struct httpd_request *request, const char *name)
{
    return header_of(request->connection, name);
}

/* Called with the head, with each piece of the body, and at the end. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **request)
{
    (void)context, (void)url, (void)version;
    struct peer *peer = *request;
    if (!peer->head_seen) {
        peer->head_seen = true;
        return begin(peer, connection);
    }
    if (*data_len) {
        enum MHD_Result result = take_body(peer, str_from(data, *data_len));
        *data_len = 0;
        return result;
    }
    loop_timer_cancel(peer->httpd->loop, &peer->deadline);
    if (peer->answered) return send_answer(peer, connection, &peer->answer);
    peer->connection = connection;
    return answer_request(peer, connection, method);
}

/* ---- connections ---- */

static void on_deadline(void *context)
{
    struct peer *peer = context;
    shutdown(peer->fd, SHUT_RDWR); /* the daemon sees the end and closes it */
}

static void drop_body(struct peer *peer)
{
    peer->httpd->body_bytes -= peer->body.len;
    peer->body = BUF(&peer->arena);
}

static void expect_request(struct peer *peer)
{
    peer->head_seen = false;
    peer->answered = false;
    peer->target = (str){0};
    peer->body = BUF(&peer->arena);
    loop_timer_set(peer->httpd->loop, &peer->deadline,
                   clock_now_ns() + LIMIT_HTTPD_REQUEST_MS * CLOCK_MS, on_deadline, peer);
}

static struct peer *take_unused(struct httpd *httpd)
{
    struct peer *peer = CONTAINER_OF(httpd->unused.next, struct peer, link);
    if (list_is_empty(&httpd->unused)) {
        peer = NEW(&httpd->arena, struct peer);
        peer->httpd = httpd;
    }
    list_remove(&peer->link);
    return peer;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct httpd *httpd = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct peer *gone = *socket_context;
        loop_timer_cancel(httpd->loop, &gone->deadline);
        drop_body(gone);
        arena_done(&gone->arena);
        list_add_first(&httpd->unused, &gone->link);
        httpd->has_room_again = true;
        return;
    }
    struct peer *peer = take_unused(httpd);
    const struct sockaddr *address =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    socklen_t len =
        address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, len, peer->address, sizeof peer->address, NULL, 0, NI_NUMERICHOST)) {
        peer->address[0] = '\0';
    }
    peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    expect_request(peer);
    *socket_context = peer;
}

/* The first that is known of a request. What it returns becomes the request's context. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    (void)context;
    struct peer *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    peer->target = str_dup(&peer->arena, str_of(target));
    return peer;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    (void)context, (void)connection, (void)why;
    struct peer *peer = *request;
    drop_body(peer);
    arena_done(&peer->arena);
    expect_request(peer);
}

/* We decode the target ourselves. */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text);
}

/* ---- the listener ---- */

static void run(void *context)
{
    struct httpd *httpd = context;
    do {
        httpd->has_room_again = false;
        MHD_run(httpd->daemon);
    } while (httpd->has_room_again);
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (MHD_get_timeout(httpd->daemon, &wait_ms) == MHD_YES) {
        int64_t due_ns = clock_now_ns() + (int64_t)wait_ms * CLOCK_MS;
        loop_timer_set(httpd->loop, &httpd->timer, due_ns, run, httpd);
    } else {
        loop_timer_cancel(httpd->loop, &httpd->timer);
    }
}

static void on_event(void *context, uint32_t events)
{
    (void)events;
    run(context);
}

/* A socket for one of the addresses; -1 with errno. */
static int bind_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    int yes = 1, no = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    /* "::" stands for every address, of IPv4 too. */
    if (info->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    must(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

/* -1 with errno, or with the code of getaddrinfo. No host: every address. */
static int listen_by(const char *host, const char *port, int family, int *code)
{
    struct addrinfo hints = {
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *infos;
    *code = getaddrinfo(host, port, &hints, &infos);
    if (*code) return -1;
    int fd = bind_one(infos), saved = errno;
    freeaddrinfo(infos);
    errno = saved;
    return fd;
}

static err *listen_on(arena *a, str address, int *out)
{
    str host, port;
    uint64_t number;
    if (!str_cut_last(address, ':', &host, &port) || !str_to_uint(port, &number) ||
        number > 65535) {
        return err_invalid("address '" STR_FMT "' does not end with a port, such as :8080",
                           STR_ARG(address));
    }
    if (str_strip_prefix(&host, STR("["))) str_strip_suffix(&host, STR("]"));
    const char *name = host.len ? str_z(a, host) : NULL, *service = str_z(a, port);
    int code, fd = listen_by(name, service, name ? AF_UNSPEC : AF_INET6, &code);
    /* Without a host, an IPv6 socket that takes IPv4 too; IPv4 alone where there is no IPv6. */
    if (!name && fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        fd = listen_by(name, service, AF_INET, &code);
    }
    if (code) return err_invalid("address '" STR_FMT "': %s", STR_ARG(address), gai_strerror(code));
    if (fd < 0) {
        return err_transient("listening on '" STR_FMT "': %s", STR_ARG(address), strerror(errno));
    }
    *out = fd;
    return NULL;
}

static err *start(struct httpd *httpd)
{
    int fd = -1;
    TRY(listen_on(&httpd->arena, httpd->options.address, &fd));
    httpd->port = port_of(fd);
    bool tls = httpd->options.cert_pem.len;
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? str_z(&httpd->arena, httpd->options.cert_pem) : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? str_z(&httpd->arena, httpd->options.key_pem) : NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    httpd->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
        on_request, httpd, /* run by us, when its epoll has events */
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIMIT_HTTPD_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LIMIT_HTTPD_HEADER_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(LIMIT_HTTPD_REQUEST_MS / 1000),
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, /* by loop_new */
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, httpd,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, httpd,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, httpd,
        MHD_OPTION_ARRAY, tls ? secure : secure + COUNT(secure) - 1,
        MHD_OPTION_END);
    if (!httpd->daemon) {
        close(fd);
        return err_transient("listening on '" STR_FMT "': the server does not start",
                             STR_ARG(httpd->options.address));
    }
    httpd->events = (struct loop_fd){
        .fd = MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
        .events = EPOLLIN,
        .fn = on_event,
        .context = httpd,
    };
    return loop_fd_add(httpd->loop, &httpd->events);
}

err *httpd_start(struct loop *loop, struct httpd_options options, struct httpd **out)
{
    arena a = {0};
    struct httpd *httpd = NEW(&a, struct httpd);
    *httpd = (struct httpd){.loop = loop, .options = options, .arena = a};
    httpd->events.fd = -1;
    list_init(&httpd->unused);
    list_init(&httpd->deferred);
    list_init(&httpd->streams);
    err *e = start(httpd);
    if (e) {
        httpd_stop(httpd);
        return e;
    }
    *out = httpd;
    return NULL;
}

void httpd_stop(struct httpd *httpd)
{
    if (!httpd) return;
    if (httpd->events.fd >= 0) loop_fd_remove(httpd->loop, &httpd->events);
    /* Their tickets are still held by somebody. */
    LIST_EACH (&httpd->deferred, struct httpd_ticket, link, ticket)
        go_on(ticket, &(struct httpd_answer){.status = MHD_HTTP_SERVICE_UNAVAILABLE});
    if (httpd->daemon) MHD_run(httpd->daemon);
    if (!list_is_empty(&httpd->streams)) {
        /* A daemon must not be stopped while connections are suspended. */
        LIST_EACH (&httpd->streams, struct httpd_stream, link, stream) {
            stream->broken = true;
            stream_wake(stream);
        }
        MHD_run(httpd->daemon);
    }
    if (httpd->daemon) MHD_stop_daemon(httpd->daemon); /* closes the listening socket, too */
    loop_timer_cancel(httpd->loop, &httpd->timer);
    loop_timer_cancel(httpd->loop, &httpd->resume);
    arena a = httpd->arena;
    arena_done(&a);
}

int httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}
