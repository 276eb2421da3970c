#include "net/http.h"

#include <pthread.h>
#include <time.h>

#include "base/buf.h"
#include "net/transfer.h"

enum {
    CANCEL_LOOK_MS = 100,            /* how often a waiting worker looks at request->cancel */
    RESERVE_BYTES_MAX = 1024 * 1024, /* for a body on the word of its Content-Length */
};

struct http {
    struct loop *loop;
    struct client *client;
    struct list_link running; /* struct running; touched on the loop only */
    arena arena;
};

/* A transfer that http_free has to end. */
struct running {
    struct list_link link;
    struct transfer transfer;
};

err *http_new(struct loop *loop, struct http_options options, struct http **out)
{
    struct client *client;
    TRY(client_new(loop, options, transfer_hop_ended, &client));
    arena a = {0};
    struct http *http = NEW(&a, struct http);
    *http = (struct http){.loop = loop, .client = client, .arena = a};
    list_init(&http->running);
    *out = http;
    return NULL;
}

static void start(struct http *http, struct running *running)
{
    list_add_last(&http->running, &running->link);
    transfer_start(&running->transfer);
}

static err *canceled(void)
{
    return err_new(ERR_CANCELED, "", "the request is no longer wanted");
}

static void free_on_loop(void *context)
{
    struct http *http = context;
    /* An event may close other streams, so look at the first one each time. */
    while (!list_is_empty(&http->running)) {
        struct running *first = CONTAINER_OF(http->running.next, struct running, link);
        list_remove(&first->link);
        transfer_fail(&first->transfer, canceled());
    }
    client_free(http->client);
    arena a = http->arena;
    arena_done(&a);
}

void http_free(struct http *http)
{
    if (http) loop_post(http->loop, free_on_loop, http);
}

str http_header(const struct http_response *response, str name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (str_eq(response->headers[i].name, name)) return response->headers[i].value;
    }
    return (str){0};
}

/* ---- calls: an answer as a whole ---- */

/* One request. The loop works on it until it is finished. */
struct call {
    void (*finished)(struct call *call); /* on the loop */
    struct batch *batch;
    struct list_link link; /* in running, then in finished */
    struct running running;
    const struct http_request *request;
    size_t index;
    arena *arena, own_arena;
    struct http_response response;
    buf body;
    err *error;
};

static void call_head(void *context, const struct http_response *response)
{
    struct call *call = context;
    call->response = *response;
    uint64_t length;
    if (str_to_uint(http_header(response, STR("content-length")), &length)) {
        buf_room(&call->body, MIN(length, (uint64_t)RESERVE_BYTES_MAX));
    }
}

static err *call_data(void *context, str bytes)
{
    struct call *call = context;
    buf_add(&call->body, bytes);
    return NULL;
}

static void call_done(void *context, err *error)
{
    struct call *call = context;
    call->error = error;
    call->response.body = buf_str(&call->body);
    list_remove(&call->running.link);
    call->finished(call);
}

static const struct http_events call_events = {call_head, call_data, call_done};

static void call_start(struct http *http, struct call *call)
{
    call->body = BUF(call->arena);
    call->running.transfer = (struct transfer){
        .client = http->client,
        .request = call->request,
        .events = &call_events,
        .context = call,
        .arena = call->arena,
    };
    start(http, &call->running);
}

/* ---- for workers: calls that wait ---- */

/* The calls of one worker that waits for them. Lives on its stack. */
struct batch {
    struct http *http;
    const atomic_bool *cancel;
    struct list_link running; /* struct call; touched on the loop only */
    bool canceled;            /* the same */
    pthread_mutex_t lock;     /* guards finished */
    pthread_cond_t arrived;
    struct list_link finished;
};

/* Hands the call back to the worker. */
static void call_arrived(struct call *call)
{
    struct batch *batch = call->batch;
    list_remove(&call->link);
    pthread_mutex_lock(&batch->lock);
    list_add_last(&batch->finished, &call->link);
    pthread_cond_signal(&batch->arrived); /* within the lock: after it the batch may be gone */
    pthread_mutex_unlock(&batch->lock);
}

static void start_on_loop(void *context)
{
    struct call *call = context;
    struct batch *batch = call->batch;
    list_add_last(&batch->running, &call->link);
    if (batch->canceled) {
        call_done(call, canceled());
        return;
    }
    call_start(batch->http, call);
}

static void cancel_on_loop(void *context)
{
    struct batch *batch = context;
    batch->canceled = true;
    while (!list_is_empty(&batch->running)) {
        struct call *call = CONTAINER_OF(batch->running.next, struct call, link);
        transfer_fail(&call->running.transfer, canceled());
    }
}

static void batch_init(struct batch *batch, struct http *http, const atomic_bool *cancel)
{
    must(!loop_is_here(http->loop)); /* the loop would wait for itself */
    *batch = (struct batch){.http = http, .cancel = cancel};
    list_init(&batch->running);
    list_init(&batch->finished);
    pthread_mutex_init(&batch->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&batch->arrived, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void batch_done(struct batch *batch)
{
    pthread_cond_destroy(&batch->arrived);
    pthread_mutex_destroy(&batch->lock);
}

static void batch_start(struct batch *batch, struct call *call)
{
    call->batch = batch;
    call->finished = call_arrived;
    loop_post(batch->http->loop, start_on_loop, call);
}

/* A batch that nobody can cancel sleeps until an answer arrives. */
static void wait_a_while(struct batch *batch)
{
    if (!batch->cancel) {
        pthread_cond_wait(&batch->arrived, &batch->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += CANCEL_LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&batch->arrived, &batch->lock, &until);
}

/* The next finished call; there has to be one under way. */
static struct call *batch_wait(struct batch *batch)
{
    pthread_mutex_lock(&batch->lock);
    while (list_is_empty(&batch->finished)) {
        if (!batch->cancel || !atomic_load(batch->cancel)) {
            wait_a_while(batch);
            continue;
        }
        pthread_mutex_unlock(&batch->lock);
        loop_call(batch->http->loop, cancel_on_loop, batch);
        batch->cancel = NULL; /* told once; the calls end now */
        pthread_mutex_lock(&batch->lock);
    }
    struct call *call = CONTAINER_OF(batch->finished.next, struct call, link);
    list_remove(&call->link);
    pthread_mutex_unlock(&batch->lock);
    return call;
}

err *http_do(struct http *http, arena *a, const struct http_request *request,
             struct http_response *out)
{
    struct batch batch AUTO(batch_done);
    batch_init(&batch, http, request->cancel);
    struct call call = {.request = request, .arena = a};
    batch_start(&batch, &call);
    batch_wait(&batch);
    if (call.error) return call.error;
    *out = call.response;
    return NULL;
}

static void batch_start_next(struct batch *batch, struct call *call,
                             const struct http_request *requests, size_t index)
{
    arena a = call->own_arena;
    *call = (struct call){.request = &requests[index], .index = index, .own_arena = a};
    call->arena = &call->own_arena;
    batch_start(batch, call);
}

void http_do_all(struct http *http, const struct http_request *requests, size_t count,
                 int in_flight, http_done_fn *done, void *context)
{
    must(in_flight > 0);
    if (count == 0) return;
    struct batch batch AUTO(batch_done);
    batch_init(&batch, http, requests[0].cancel);
    arena a AUTO(arena_done) = {0};
    size_t call_count = MIN(count, (size_t)in_flight), next = 0;
    struct call *calls = NEW_ARRAY(&a, struct call, call_count);
    while (next < call_count) {
        batch_start_next(&batch, &calls[next], requests, next);
        next++;
    }
    for (size_t left = count; left > 0; left--) {
        struct call *call = batch_wait(&batch);
        done(context, call->index, call->arena, call->error ? NULL : &call->response, call->error);
        arena_reset(&call->own_arena);
        if (next < count) {
            batch_start_next(&batch, call, requests, next);
            next++;
        } else {
            arena_done(&call->own_arena);
        }
    }
}

static void copy_request(arena *a, const struct http_request *from, struct http_request *to)
{
    *to = *from;
    struct http_header *headers = NEW_ARRAY(a, struct http_header, from->header_count);
    for (size_t i = 0; i < from->header_count; i++) {
        headers[i].name = str_dup(a, from->headers[i].name);
        headers[i].value = str_dup(a, from->headers[i].value);
    }
    to->headers = headers;
    to->method = from->method ? str_z(a, str_of(from->method)) : NULL;
    to->url = str_dup(a, from->url);
    to->body = str_dup(a, from->body);
    to->user = str_dup(a, from->user);
    to->password = str_dup(a, from->password);
    to->bearer = str_dup(a, from->bearer);
    to->cancel = NULL;
}

/* ---- for those who do not wait ---- */

struct sent {
    struct call call;
    struct http *http;
    struct http_request request;
    http_sent_fn *done;
    void *context;
};

static void sent_finished(struct call *call)
{
    struct sent *sent = CONTAINER_OF(call, struct sent, call);
    sent->done(sent->context, call->error ? NULL : &call->response, call->error);
}

static void send_on_loop(void *context)
{
    struct sent *sent = context;
    call_start(sent->http, &sent->call);
}

void http_send(struct http *http, arena *a, const struct http_request *request, http_sent_fn *done,
               void *context)
{
    struct sent *sent = NEW(a, struct sent);
    sent->http = http;
    sent->done = done;
    sent->context = context;
    copy_request(a, request, &sent->request);
    sent->call = (struct call){.finished = sent_finished, .request = &sent->request, .arena = a};
    loop_post(http->loop, send_on_loop, sent);
}

/* ---- for the loop: streams ---- */

struct http_stream {
    struct http *http;
    struct running running;
    struct http_request request;
    const struct http_events *events;
    void *context;
    arena arena;
    bool closed; /* by its owner: no event any more */
    bool ended;  /* done is being called */
};

static void stream_free(struct http_stream *stream)
{
    arena a = stream->arena;
    arena_done(&a);
}

static void stream_head(void *context, const struct http_response *response)
{
    struct http_stream *stream = context;
    if (!stream->closed && stream->events->head) stream->events->head(stream->context, response);
}

static err *stream_data(void *context, str bytes)
{
    struct http_stream *stream = context;
    err *e = stream->closed ? NULL : stream->events->data(stream->context, bytes);
    if (!stream->closed) return e;
    err_free(e);
    return canceled();
}

static void stream_done(void *context, err *error)
{
    struct http_stream *stream = context;
    list_remove(&stream->running.link);
    if (stream->closed) { /* release_stream follows */
        err_free(error);
        return;
    }
    stream->ended = true;
    stream->events->done(stream->context, error);
    stream_free(stream);
}

static const struct http_events stream_events = {stream_head, stream_data, stream_done};

static void start_stream(void *context)
{
    struct http_stream *stream = context;
    if (!stream->closed) start(stream->http, &stream->running);
}

static void release_stream(void *context)
{
    struct http_stream *stream = context;
    list_remove(&stream->running.link);
    /* Without a handle it has not begun, or http_free has ended it and its client is gone. */
    if (stream->running.transfer.handle) transfer_stop(&stream->running.transfer);
    stream_free(stream);
}

struct http_stream *http_open(struct http *http, const struct http_request *request,
                              const struct http_events *events, void *context)
{
    arena a = {0};
    struct http_stream *stream = NEW(&a, struct http_stream);
    *stream = (struct http_stream){
        .http = http,
        .events = events,
        .context = context,
        .arena = a,
    };
    copy_request(&stream->arena, request, &stream->request);
    stream->running.transfer = (struct transfer){
        .client = http->client,
        .request = &stream->request,
        .events = &stream_events,
        .context = stream,
        .arena = &stream->arena,
        .unbounded = true,
    };
    loop_post(http->loop, start_stream, stream); /* we may be within a callback of libcurl */
    return stream;
}

void http_close(struct http_stream *stream)
{
    if (!stream || stream->closed || stream->ended) return;
    stream->closed = true;
    loop_post(stream->http->loop, release_stream, stream); /* the same */
}
