#include "serve/hook_server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "control/receiver_call.h"

static const double buckets[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
METRIC(receiver_seconds) = {
    .name = "gotk_receiver_http_request_duration_seconds",
    .help = "How long calls of webhooks took.",
    .type = METRIC_HISTOGRAM,
    .labels = {"handler", "method", "code", "service"},
    .buckets = buckets,
    .bucket_count = COUNT(buckets),
};
METRIC(receiver_inflight) = {
    .name = "gotk_receiver_http_requests_inflight",
    .help = "Calls of webhooks that are being answered.",
    .type = METRIC_GAUGE,
    .labels = {"handler", "service"},
};

#define PATIENCE_NS (30 * CLOCK_SECOND)
#define PAUSE_NS    (50 * CLOCK_MS)

struct hook_server {
    struct loop *loop;
    struct httpd *httpd;
    struct pool *pool;
    struct receiver_calls *calls;
    struct list_link parked; /* struct job: wait until others of their namespace are done */
};

/* One call, from the loop to a worker and back. */
struct job {
    struct hook_server *server;
    struct httpd_ticket *ticket;
    struct webhook_call call;
    str method;
    int64_t began_ns;
    int status;
    struct list_link link;   /* in parked */
    struct loop_timer again; /* while it is */
    arena arena;             /* holds the job, too */
};

static void finish(struct job *job)
{
    str code = str_printf(&job->arena, "%d", job->status);
    metrics_observe(&metric_receiver_seconds, (str[]){STR("/hook/"), job->method, code, {0}},
                    (double)(clock_now_ns() - job->began_ns) / 1e9);
    metrics_add(&metric_receiver_inflight, (str[]){STR("/hook/"), {0}}, -1);
    arena a = job->arena;
    arena_done(&a);
}

static void answer_job(struct job *job)
{
    httpd_reply(job->ticket, &(struct httpd_answer){.status = job->status});
    finish(job);
}

static void work(void *context);

static void try_again(void *context)
{
    struct job *job = context;
    list_remove(&job->link);
    pool_run(job->server->pool, work, job);
}

/* One that has to wait for its turn does so without a worker. */
static void reply(void *context)
{
    struct job *job = context;
    struct hook_server *server = job->server;
    int64_t now_ns = clock_now_ns();
    bool busy = job->status == RECEIVER_CALL_BUSY;
    if (busy && server->httpd && now_ns - job->began_ns < PATIENCE_NS) {
        list_add_last(&server->parked, &job->link);
        loop_timer_set(server->loop, &job->again, now_ns + PAUSE_NS, try_again, job);
        return;
    }
    if (busy) job->status = 503;
    answer_job(job);
}

static void work(void *context)
{
    struct job *job = context;
    arena a AUTO(arena_done) = {0};
    job->status = receiver_call_run(job->server->calls, &a, &job->call);
    loop_post(job->server->loop, reply, job);
}

static void copy_headers(struct job *job, const struct httpd_request *request)
{
    size_t count = 0;
    while (webhook_header_names[count])
        count++;
    struct webhook_header *headers = NEW_ARRAY(&job->arena, struct webhook_header, count);
    for (size_t i = 0; i < count; i++) {
        str value = httpd_header(request, webhook_header_names[i]);
        if (!value.len) continue;
        headers[job->call.header_count++] =
            (struct webhook_header){str_of(webhook_header_names[i]), str_dup(&job->arena, value)};
    }
    job->call.headers = headers;
}

static const char *known_method(str method)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (str_is(method, methods[i])) return methods[i];
    }
    return "other";
}

static struct job *job_of(struct hook_server *server, const struct httpd_request *request)
{
    arena a = {0};
    struct job *job = NEW(&a, struct job);
    job->arena = a;
    job->server = server;
    job->began_ns = clock_now_ns();
    job->method = str_of(known_method(request->method));
    job->call = (struct webhook_call){
        .path = str_dup(&job->arena, request->path),
        .query = str_dup(&job->arena, request->query),
        .body = str_dup(&job->arena, request->body),
        .peer = str_dup(&job->arena, request->peer),
    };
    copy_headers(job, request);
    return job;
}

static void handle(void *context, arena *a UNUSED, const struct httpd_request *request,
                   struct httpd_answer *answer)
{
    struct hook_server *server = context;
    if (!str_starts(request->path, STR("/hook/"))) {
        answer->status = 404;
        return;
    }
    struct job *job = job_of(server, request);
    metrics_add(&metric_receiver_inflight, (str[]){STR("/hook/"), {0}}, 1);
    job->ticket = httpd_defer(request);
    pool_run(server->pool, work, job);
}

err *hook_server_start(struct loop *loop, struct manager *manager, struct hook_options options,
                       struct hook_server **out)
{
    struct hook_server *server = lang_zalloc(sizeof *server);
    struct httpd_options listen = {
        .address = options.address,
        .body_limit = LIMIT_HOOK_BODY_BYTES,
        .handler = handle,
        .context = server,
    };
    server->loop = loop;
    list_init(&server->parked);
    err *e = httpd_start(loop, listen, &server->httpd);
    if (e) {
        free(server);
        return e;
    }
    server->calls = receiver_call_new(manager, options.google_keys_url);
    server->pool = pool_new(LIMIT_HOOK_WORKERS);
    *out = server;
    return NULL;
}

int hook_server_port(const struct hook_server *server)
{
    return httpd_port(server->httpd);
}

void hook_server_stop(struct hook_server *server)
{
    if (!server) return;
    if (server->httpd) httpd_stop(server->httpd);
    server->httpd = NULL;
    LIST_EACH (&server->parked, struct job, link, job) {
        list_remove(&job->link);
        loop_timer_cancel(server->loop, &job->again);
        job->status = 503;
        answer_job(job);
    }
}

static void nothing(void *context UNUSED)
{
}

void hook_server_free(struct hook_server *server)
{
    if (!server) return;
    pool_free(server->pool);
    loop_call(server->loop, nothing, NULL); /* the last answers are posted before this */
    receiver_call_free(server->calls);
    free(server);
}
