#include "scenario/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "scenario/baton.h"

enum { PORTS_FROM = 20000, USUAL_NS_MAX = 2000000, TIMEOUT_MS = 60000, STALL_MS = 30000 };
#define PROBED_NS ((int64_t)60 * 1000000000)

struct httpd {
    struct list_link link; /* among the listeners */
    struct loop *loop;
    struct httpd_options options;
    int port, group;
    struct list_link flights; /* that have arrived */
};

/* What comes back, piece by piece, in this order. */
struct piece {
    struct list_link link;
    int64_t due_ns;
    enum { PIECE_HEAD, PIECE_DATA, PIECE_END, PIECE_BREAK } kind;
    size_t len;
    char data[];
};

/* A request on its way, and its answer. Counted: each side and each message on its way have it. */
struct flight {
    struct list_link any; /* among all that fly */
    int refs, group;
    arena arena;
    /* The client's side. */
    struct transfer *transfer; /* NULL when it does not listen any more */
    struct loop *loop;
    struct loop_timer arrival, deadline;
    struct list_link pieces;
    int64_t last_due_ns, heard_ns;
    struct http_response response;
    size_t body_bytes;
    bool ended, lost; /* nothing more is coming; nothing is ever coming */
    /* The server's side. */
    struct httpd *server;
    struct list_link link; /* among its flights */
    struct loop_timer departure;
    struct httpd_request request;
    const struct http_header *headers;
    size_t header_count;
    struct httpd_stream *stream;
    bool answered;
};

struct httpd_stream {
    struct flight *flight; /* NULL until it is the answer, and when the client is gone */
    void (*gone)(void *context);
    void *context;
    bool ended, broken;
    buf early; /* written before it was the answer */
};

static struct list_link listeners = {&listeners, &listeners};
static struct list_link flying = {&flying, &flying};
static struct wire_weather weathers[BATON_GROUPS];
static uint64_t requests[BATON_GROUPS];
static int next_port = PORTS_FROM;

void wire_weather_set(int group, struct wire_weather weather)
{
    weathers[group] = weather;
}

uint64_t wire_requests(int group)
{
    return requests[group];
}

static bool happens(int per_thousand)
{
    return per_thousand && baton_below(1000) < (uint64_t)per_thousand;
}

/* Most of what is said arrives at once: time is what the seed wants it to be. */
static int64_t delay_ns(int group)
{
    const struct wire_weather *weather = &weathers[group];
    if (happens(weather->late)) return (int64_t)baton_below((uint64_t)weather->late_ns + 1);
    return baton_below(4) ? 0 : (int64_t)baton_below(USUAL_NS_MAX);
}

/* ---- Flights ---- */

static void drop_pieces(struct flight *flight)
{
    while (!list_is_empty(&flight->pieces)) {
        struct piece *piece = CONTAINER_OF(flight->pieces.next, struct piece, link);
        list_remove(&piece->link);
        free(piece);
    }
}

static void unref(struct flight *flight)
{
    if (--flight->refs) return;
    drop_pieces(flight);
    list_remove(&flight->any);
    arena a = flight->arena;
    arena_done(&a);
}

/* A message is told to a thread of a loop. Nobody is there when its process was killed, which is
 * why the message keeps the flight. */
static void tell(struct loop *loop, void (*fn)(void *context), struct flight *flight)
{
    flight->refs++;
    loop_post(loop, fn, flight);
}

static err *broken(const struct transfer *transfer, const char *how)
{
    return err_transient(STR_FMT ": %s", STR_ARG(transfer->host_port), how);
}

/* ---- The client's side ---- */

static void hang_up(void *context);

/* The transfer does not listen any more. */
static void let_go(struct flight *flight)
{
    struct transfer *transfer = flight->transfer;
    flight->transfer = NULL;
    transfer->handle = NULL;
    loop_timer_cancel(flight->loop, &flight->arrival);
    loop_timer_cancel(flight->loop, &flight->deadline);
    drop_pieces(flight);
    if (flight->server && !flight->ended) tell(flight->server->loop, hang_up, flight);
    unref(flight);
}

static void set_deadline(struct flight *flight);

static void on_deadline(void *context)
{
    struct flight *flight = context;
    struct transfer *transfer = flight->transfer;
    int64_t now_ns = clock_now_ns();
    if (transfer->error) {
        err *e = transfer->error;
        transfer->error = NULL;
        transfer_fail(transfer, e);
    } else if (transfer->deadline_ns && now_ns >= transfer->deadline_ns) {
        transfer_fail(transfer, err_because(broken(transfer, "timed out"), "Timeout"));
    } else if (transfer->stall_ns && now_ns >= flight->heard_ns + transfer->stall_ns) {
        transfer_fail(transfer, err_because(broken(transfer, "no progress"), "Timeout"));
    } else {
        set_deadline(flight);
    }
}

static void set_deadline(struct flight *flight)
{
    struct transfer *transfer = flight->transfer;
    int64_t due_ns = transfer->deadline_ns ?: INT64_MAX;
    if (transfer->stall_ns) due_ns = MIN(due_ns, flight->heard_ns + transfer->stall_ns);
    if (transfer->error) due_ns = flight->heard_ns;
    if (due_ns == INT64_MAX) return;
    loop_timer_set(flight->loop, &flight->deadline, due_ns, on_deadline, flight);
}

static err *take_data(struct flight *flight, const struct piece *piece)
{
    struct transfer *transfer = flight->transfer;
    flight->body_bytes += piece->len;
    if (flight->body_bytes > transfer->body_limit) {
        return err_invalid(STR_FMT ": the body of the answer has more than %zu bytes",
                           STR_ARG(transfer->host_port), transfer->body_limit);
    }
    return transfer->events->data(transfer->context, str_from(piece->data, piece->len));
}

/* The head is kept by the transfer's arena, beyond the flight. */
static void take_head(struct flight *flight)
{
    struct transfer *transfer = flight->transfer;
    struct http_response *response = &transfer->response;
    *response = flight->response;
    response->headers = NEW_ARRAY(transfer->arena, struct http_header, response->header_count);
    for (size_t i = 0; i < response->header_count; i++) {
        const struct http_header *header = &flight->response.headers[i];
        response->headers[i] = (struct http_header){str_dup(transfer->arena, header->name),
                                                    str_dup(transfer->arena, header->value)};
    }
    if (transfer->events->head) transfer->events->head(transfer->context, response);
}

/* Events may end the transfer. */
static void take(struct flight *flight, const struct piece *piece)
{
    struct transfer *transfer = flight->transfer;
    err *e = NULL;
    flight->heard_ns = clock_now_ns();
    switch (piece->kind) {
    case PIECE_HEAD:
        take_head(flight);
        break;
    case PIECE_DATA:
        e = take_data(flight, piece);
        if (e && flight->transfer) transfer_fail(transfer, e);
        break;
    case PIECE_END:
        transfer_fail(transfer, NULL);
        break;
    case PIECE_BREAK:
        transfer_fail(transfer, broken(transfer, "connection broke"));
        break;
    }
}

static void on_arrival(void *context)
{
    struct flight *flight = context;
    flight->refs++;
    while (flight->transfer && !list_is_empty(&flight->pieces)) {
        struct piece *piece = CONTAINER_OF(flight->pieces.next, struct piece, link);
        if (piece->due_ns > clock_now_ns()) {
            loop_timer_set(flight->loop, &flight->arrival, piece->due_ns, on_arrival, flight);
            break;
        }
        list_remove(&piece->link);
        take(flight, piece);
        free(piece);
    }
    unref(flight);
}

static void arrive(void *context)
{
    struct flight *flight = context;
    if (flight->transfer) on_arrival(flight);
    unref(flight);
}

/* From the server's side. */
static void send_piece(struct flight *flight, int kind, str bytes)
{
    if (!flight->transfer || flight->ended || flight->lost) return;
    if (kind != PIECE_BREAK && happens(weathers[flight->group].cut)) kind = PIECE_BREAK;
    struct piece *piece = malloc(sizeof *piece + bytes.len);
    must(piece);
    int64_t due_ns = clock_now_ns() + delay_ns(flight->group);
    flight->last_due_ns = MAX(flight->last_due_ns, due_ns);
    *piece = (struct piece){.due_ns = flight->last_due_ns, .kind = kind, .len = bytes.len};
    if (bytes.len) memcpy(piece->data, bytes.data, bytes.len);
    list_add_last(&flight->pieces, &piece->link);
    flight->ended = kind == PIECE_END || kind == PIECE_BREAK;
    tell(flight->loop, arrive, flight);
}

/* ---- The server's side ---- */

static void leave_server(struct flight *flight)
{
    if (!flight->server) return;
    list_remove(&flight->link);
    loop_timer_cancel(flight->server->loop, &flight->departure);
    flight->server = NULL;
    struct httpd_stream *stream = flight->stream;
    flight->stream = NULL;
    if (stream) {
        stream->flight = NULL;
        stream->gone(stream->context);
        buf_done(&stream->early);
        free(stream);
    }
    unref(flight);
}

static void hang_up(void *context)
{
    struct flight *flight = context;
    leave_server(flight);
    unref(flight);
}

static void add_field(struct flight *flight, struct http_header *headers, size_t *count, str name,
                      str value)
{
    headers[(*count)++] =
        (struct http_header){str_lower(&flight->arena, name), str_dup(&flight->arena, value)};
}

/* The client is told at once, or has to wait until its patience ends. A stream is waited for
 * without end; but the kernel probes its connection, and finds nobody. */
static void lose(struct flight *flight, bool stream)
{
    flight->lost = !stream && baton_below(2);
    if (stream && baton_below(2)) flight->last_due_ns = clock_now_ns() + PROBED_NS;
    send_piece(flight, PIECE_BREAK, (str){0});
}

static void answer(struct flight *flight, const struct httpd_answer *answer)
{
    arena *a = &flight->arena;
    flight->answered = true;
    baton_trace("answer %d %zu", answer->status, answer->body.len);
    str body = answer->body;
    struct http_header *headers = NEW_ARRAY(a, struct http_header, answer->field_count + 2);
    size_t count = 0;
    int status = answer->status;
    if (answer->file.len) {
        err *e AUTO(err_done) = fs_read(a, answer->file, LIMIT_HTTP_BODY_BYTES, &body);
        status = e ? 404 : 200;
    }
    if (answer->content_type.len)
        add_field(flight, headers, &count, STR("content-type"), answer->content_type);
    if (!answer->stream)
        add_field(flight, headers, &count, STR("content-length"), str_printf(a, "%zu", body.len));
    for (size_t i = 0; i < answer->field_count; i++)
        add_field(flight, headers, &count, answer->fields[i].name, answer->fields[i].value);
    flight->response =
        (struct http_response){.status = status, .headers = headers, .header_count = count};
    if (happens(weathers[flight->group].lost_answers)) lose(flight, answer->stream);
    send_piece(flight, PIECE_HEAD, (str){0});
    if (answer->stream) {
        flight->stream = answer->stream;
        answer->stream->flight = flight;
        send_piece(flight, PIECE_DATA, buf_str(&answer->stream->early));
        if (answer->stream->broken) send_piece(flight, PIECE_BREAK, (str){0});
        if (answer->stream->ended) send_piece(flight, PIECE_END, (str){0});
        if (flight->ended || !flight->transfer) leave_server(flight);
        return;
    }
    str head = str_head(body, body.len ? baton_below(body.len) : 0);
    if (head.len) send_piece(flight, PIECE_DATA, head);
    if (body.len) send_piece(flight, PIECE_DATA, str_skip(body, head.len));
    send_piece(flight, PIECE_END, (str){0});
    leave_server(flight);
}

static void handle(struct flight *flight)
{
    arena a AUTO(arena_done) = {0};
    struct httpd *server = flight->server;
    struct httpd_answer out = {.status = 500};
    if (flight->request.body.len > server->options.body_limit) {
        out.status = 413;
    } else {
        server->options.handler(server->options.context, &a, &flight->request, &out);
    }
    if (!flight->request.place) return; /* deferred */
    answer(flight, &out);
}

static void on_departure(void *context)
{
    handle(context);
}

/* The request is at the server, or will be after a while. */
static void reach(void *context)
{
    struct flight *flight = context;
    int64_t wait_ns = delay_ns(flight->group);
    if (!flight->server) {
        /* hung up before it arrived */
    } else if (wait_ns) {
        loop_timer_set(flight->server->loop, &flight->departure, clock_now_ns() + wait_ns,
                       on_departure, flight);
    } else {
        handle(flight);
    }
    unref(flight);
}

static struct httpd *listener_of(int port)
{
    LIST_EACH (&listeners, struct httpd, link, httpd) {
        if (httpd->port == port) return httpd;
    }
    return NULL;
}

static void fly(struct flight *flight, struct httpd *server)
{
    flight->server = server;
    flight->refs++;
    list_add_last(&server->flights, &flight->link);
    flight->request.connection = flight;
    flight->request.place = flight;
    tell(server->loop, reach, flight);
}

static str copy_z(arena *a, str text)
{
    return (str){str_z(a, text), text.len};
}

static void add_header(struct flight *flight, struct http_header *headers, const char *name,
                       str value)
{
    if (value.len)
        headers[flight->header_count++] =
            (struct http_header){str_of(name), str_dup(&flight->arena, value)};
}

static struct flight *flight_new(const struct transfer *transfer)
{
    arena own = {0};
    struct flight *flight = NEW(&own, struct flight);
    flight->arena = own;
    flight->group = baton_group();
    list_init(&flight->pieces);
    list_add_last(&flying, &flight->any);
    arena *a = &flight->arena;
    const struct http_request *request = transfer->request;
    struct http_header *headers = NEW_ARRAY(a, struct http_header, request->header_count + 2);
    for (size_t i = 0; i < request->header_count; i++) {
        headers[flight->header_count++] = (struct http_header){
            str_dup(a, request->headers[i].name), str_dup(a, request->headers[i].value)};
    }
    if (request->bearer.len)
        add_header(flight, headers, "Authorization",
                   str_concat(a, STR("Bearer "), request->bearer));
    add_header(flight, headers, "User-Agent", transfer->client->options.user_agent);
    flight->headers = headers;
    str path = {0};
    err *e AUTO(err_done) = url_unescape(a, transfer->url.path, &path);
    flight->request = (struct httpd_request){
        .method = copy_z(a, str_of(transfer->method)),
        .path = path.len ? path : STR("/"),
        .query = copy_z(a, transfer->url.query),
        .body = str_dup(a, request->body),
        .peer = STR("127.0.0.1"),
    };
    return flight;
}

/* A second one of the same: nobody waits for its answer. */
static void fly_again(struct transfer *transfer, struct httpd *server)
{
    struct flight *ghost = flight_new(transfer);
    ghost->refs = 1;
    fly(ghost, server);
    unref(ghost);
}

static err *begin(struct transfer *transfer)
{
    TRY(url_parse(transfer->request->url, &transfer->url));
    transfer->host_port = url_host_port(transfer->arena, &transfer->url);
    return NULL;
}

void transfer_start(struct transfer *transfer)
{
    const struct http_request *request = transfer->request;
    int64_t timeout_ms = request->timeout_ms ?: TIMEOUT_MS,
            stall_ms = request->stall_ms ?: STALL_MS;
    int64_t now_ns = transfer->started_ns = clock_now_ns();
    if (baton_before_io) baton_before_io(baton_group());
    requests[baton_group()]++;
    baton_trace("%s " STR_FMT " " STR_FMT, request->method ?: "", STR_ARG(request->url),
                STR_ARG(request->body));
    if (timeout_ms > 0) transfer->deadline_ns = now_ns + timeout_ms * CLOCK_MS;
    if (stall_ms > 0) transfer->stall_ns = stall_ms * CLOCK_MS;
    transfer->method = request->method ?: request->body.len ? "POST" : "GET";
    if (request->method) transfer->method = request->method;
    transfer->body_limit = request->body_limit
                               ?: transfer->unbounded ? SIZE_MAX
                                                      : LIMIT_HTTP_BODY_BYTES;
    if (request->body_limit) transfer->body_limit = request->body_limit;
    err *e = begin(transfer);
    struct flight *flight = flight_new(transfer);
    flight->refs = 1;
    flight->transfer = transfer;
    flight->loop = transfer->client->loop;
    flight->heard_ns = now_ns;
    transfer->handle = (struct multi_handle *)flight;
    struct httpd *server = e ? NULL : listener_of(url_port(&transfer->url));
    const struct wire_weather *weather = &weathers[flight->group];
    if (!e && !server) e = broken(transfer, "connection refused");
    if (!e && happens(weather->lost_requests)) {
        if (baton_below(2)) e = broken(transfer, "connection reset by peer");
        if (!transfer->deadline_ns) transfer->deadline_ns = now_ns + PROBED_NS;
    } else if (!e) {
        if (happens(weather->doubled)) fly_again(transfer, server);
        fly(flight, server);
    }
    transfer->error = e;
    set_deadline(flight);
}

void transfer_stop(struct transfer *transfer)
{
    if (!transfer->handle) return;
    err_free(transfer->error);
    transfer->error = NULL;
    let_go((struct flight *)transfer->handle);
}

void transfer_fail(struct transfer *transfer, err *e)
{
    transfer_stop(transfer);
    transfer->events->done(transfer->context, e);
}

void transfer_hop_ended(void *owner, CURLcode code)
{
    (void)owner, (void)code;
}

err *client_new(struct loop *loop, struct http_options options,
                void (*done)(void *owner, CURLcode code), struct client **out)
{
    (void)done;
    arena a = {0};
    struct client *client = NEW(&a, struct client);
    *client = (struct client){.loop = loop, .options = options};
    client->options.user_agent = copy_z(&a, options.user_agent);
    client->arena = a;
    *out = client;
    return NULL;
}

void client_free(struct client *client)
{
    if (!client) return;
    arena a = client->arena;
    arena_done(&a);
}

bool client_is_link_local(const struct sockaddr *address, size_t len)
{
    (void)address, (void)len;
    return false;
}

/* ---- httpd ---- */

str httpd_header(const struct httpd_request *request, const char *name)
{
    const struct flight *flight = request->connection;
    for (size_t i = 0; i < flight->header_count; i++) {
        if (str_eq_fold(flight->headers[i].name, str_of(name))) return flight->headers[i].value;
    }
    return (str){0};
}

struct httpd_ticket *httpd_defer(const struct httpd_request *request)
{
    struct flight *flight = request->connection;
    flight->request.place = NULL;
    flight->refs++;
    return (struct httpd_ticket *)flight;
}

void httpd_reply(struct httpd_ticket *ticket, const struct httpd_answer *reply)
{
    struct flight *flight = (struct flight *)ticket;
    if (flight->server) answer(flight, reply);
    unref(flight);
}

struct httpd_stream *httpd_stream_new(struct httpd *httpd, void (*gone)(void *context),
                                      void *context)
{
    (void)httpd;
    struct httpd_stream *stream = calloc(1, sizeof *stream);
    must(stream);
    *stream = (struct httpd_stream){.gone = gone, .context = context};
    return stream;
}

static void end_stream(void *context)
{
    struct flight *flight = context;
    leave_server(flight);
    unref(flight);
}

bool httpd_stream_write(struct httpd_stream *stream, str bytes)
{
    struct flight *flight = stream->flight;
    if (!flight) {
        buf_add(&stream->early, bytes);
        return true;
    }
    if (flight->ended) return false;
    send_piece(flight, PIECE_DATA, bytes);
    if (flight->ended) tell(flight->server->loop, end_stream, flight);
    return !flight->ended;
}

void httpd_stream_end(struct httpd_stream *stream)
{
    struct flight *flight = stream->flight;
    stream->ended = true;
    if (!flight || flight->ended) return;
    send_piece(flight, PIECE_END, (str){0});
    tell(flight->server->loop, end_stream, flight);
}

void httpd_stream_break(struct httpd_stream *stream)
{
    struct flight *flight = stream->flight;
    stream->ended = stream->broken = true;
    if (!flight || flight->ended) return;
    send_piece(flight, PIECE_BREAK, (str){0});
    tell(flight->server->loop, end_stream, flight);
}

err *httpd_start(struct loop *loop, struct httpd_options options, struct httpd **out)
{
    str host, port;
    int64_t number = 0;
    str_cut_last(options.address, ':', &host, &port);
    if (!str_to_int(port, &number)) return err_invalid("an address without a port");
    if (number && listener_of((int)number)) return err_transient("address already in use");
    struct httpd *httpd = calloc(1, sizeof *httpd);
    must(httpd);
    *httpd = (struct httpd){.loop = loop,
                            .options = options,
                            .port = number ? (int)number : next_port++,
                            .group = baton_group()};
    list_init(&httpd->flights);
    list_add_last(&listeners, &httpd->link);
    *out = httpd;
    return NULL;
}

static void close_flights(struct httpd *httpd)
{
    while (!list_is_empty(&httpd->flights)) {
        struct flight *flight = CONTAINER_OF(httpd->flights.next, struct flight, link);
        send_piece(flight, PIECE_BREAK, (str){0});
        leave_server(flight);
    }
}

void httpd_stop(struct httpd *httpd)
{
    if (!httpd) return;
    list_remove(&httpd->link);
    close_flights(httpd);
    free(httpd);
}

int httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}

/* Nothing of the group runs any more, so what it has is left as it is. */
void wire_cut(int group)
{
    LIST_EACH (&listeners, struct httpd, link, httpd) {
        if (httpd->group != group) continue;
        list_remove(&httpd->link);
        while (!list_is_empty(&httpd->flights)) {
            struct flight *flight = CONTAINER_OF(httpd->flights.next, struct flight, link);
            list_remove(&flight->link);
            send_piece(flight, PIECE_BREAK, (str){0});
            flight->server = NULL;
            flight->stream = NULL;
        }
    }
    LIST_EACH (&flying, struct flight, any, flight) {
        if (flight->group != group || !flight->transfer) continue;
        flight->transfer = NULL;
        if (flight->server && !flight->ended) tell(flight->server->loop, hang_up, flight);
    }
}
