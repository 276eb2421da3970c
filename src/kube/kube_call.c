#include "kube/kube_call.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"

struct kube_call {
    arena arena; /* holds this struct, the request and the answer's headers */
    struct kube *kube;
    struct http_request request;
    struct http_response response;
    buf body;
    struct http_stream *stream;
    struct loop_timer refused; /* the request could not be written down: fn hears of it later */
    err *refusal;
    kube_call_fn *fn;
    void *context;
};

static void on_head(void *context, const struct http_response *response);
static err *on_data(void *context, str bytes);
static void on_done(void *context, err *error);
static const struct http_events http_events = {on_head, on_data, on_done};

static void call_free(struct kube_call *call)
{
    buf_done(&call->body);
    err_free(call->refusal);
    arena all = call->arena;
    arena_done(&all);
}

static void finish(struct kube_call *call, err *e)
{
    bool answered = call->response.status != 0;
    if (call->stream) kube_count_answer(call->kube, &call->request, call->response.status);
    call->response.body = buf_str(&call->body);
    if (!e && call->response.status == 401) kube_renew_token(call->kube, call->request.bearer);
    if (!e && call->response.status >= 400)
        e = kube_status_error(call->response.status, call->response.body);
    call->fn(call->context, &call->arena, answered ? &call->response : NULL, e);
    call_free(call);
}

static void on_refused(void *context)
{
    struct kube_call *call = context;
    err *e = call->refusal;
    call->refusal = NULL;
    finish(call, e);
}

struct kube_call *kube_call_start(struct kube *kube, const struct kube_request *request,
                                  const struct kube_resource *resource, kube_call_fn *fn,
                                  void *context)
{
    arena all = {0};
    struct kube_call *call = NEW(&all, struct kube_call);
    *call = (struct kube_call){.arena = all, .kube = kube, .fn = fn, .context = context};
    call->refusal = kube_prepare(kube, &call->arena, request, resource, &call->request);
    if (call->refusal) {
        loop_timer_set(kube_loop(kube), &call->refused, clock_now_ns(), on_refused, call);
        return call;
    }
    call->stream = http_open(kube_http(kube, false), &call->request, &http_events, call);
    return call;
}

void kube_call_cancel(struct kube_call *call)
{
    if (!call) return;
    if (call->stream) http_close(call->stream);
    loop_timer_cancel(kube_loop(call->kube), &call->refused);
    call_free(call);
}

static void on_head(void *context, const struct http_response *response)
{
    struct kube_call *call = context;
    arena *a = &call->arena;
    call->response.status = response->status;
    call->response.header_count = response->header_count;
    call->response.headers = NEW_ARRAY(a, struct http_header, response->header_count);
    for (size_t i = 0; i < response->header_count; i++)
        call->response.headers[i] = (struct http_header){
            .name = str_dup(a, response->headers[i].name),
            .value = str_dup(a, response->headers[i].value),
        };
}

static err *on_data(void *context, str bytes)
{
    struct kube_call *call = context;
    if (call->body.len + bytes.len > LIMIT_HTTP_BODY_BYTES)
        return err_invalid("the answer is larger than %u bytes (LIMIT_HTTP_BODY_BYTES)",
                           LIMIT_HTTP_BODY_BYTES);
    buf_add(&call->body, bytes);
    return NULL;
}

static void on_done(void *context, err *error)
{
    finish(context, error);
}
