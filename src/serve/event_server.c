#include "serve/event_server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "notify/hub.h"

static const double buckets[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1};
METRIC(event_seconds) = {
    .name = "gotk_event_http_request_duration_seconds",
    .help = "How long posted events took to be taken in.",
    .type = METRIC_HISTOGRAM,
    .labels = {"handler", "method", "code", "service"},
    .buckets = buckets,
    .bucket_count = COUNT(buckets),
};

static void say(struct httpd_answer *answer, int status, str text)
{
    answer->status = status;
    answer->body = text;
    answer->content_type = STR("text/plain; charset=utf-8");
}

/* compat: how often the same event may come, in the headers of Flux's limiter. */
static void refuse_repetition(arena *a, int64_t wait_ns, struct httpd_answer *answer)
{
    int64_t seconds = (wait_ns + CLOCK_SECOND - 1) / CLOCK_SECOND;
    str reset = clock_format(a, clock_wall_ns() + wait_ns);
    struct httpd_field *fields = NEW_ARRAY(a, struct httpd_field, 4);
    fields[0] = (struct httpd_field){STR("X-RateLimit-Limit"), STR("1")};
    fields[1] = (struct httpd_field){STR("X-RateLimit-Remaining"), STR("0")};
    fields[2] = (struct httpd_field){STR("X-RateLimit-Reset"), reset};
    fields[3] = (struct httpd_field){STR("Retry-After"), str_printf(a, "%lld", (long long)seconds)};
    say(answer, 429, STR("this event was taken in a moment ago\n"));
    answer->fields = fields;
    answer->field_count = 4;
}

static void take(void *context, arena *a, const struct httpd_request *request,
                 struct httpd_answer *answer)
{
    struct manager *manager = context;
    struct notice notice;
    int64_t wait_ns;
    if (!str_is(request->method, "POST")) {
        say(answer, 405, STR("only POST is allowed here\n"));
        return;
    }
    if (!manager_is_synced(manager)) {
        say(answer, 503, STR("the Alerts are not known yet; try again\n"));
        return;
    }
    err *e AUTO(err_done) = notice_decode(a, request->body, &notice);
    if (e) {
        log_debug("an event was refused", LOG_STR("peer", request->peer), LOG_ERR(e));
        say(answer, 400, str_printf(a, STR_FMT "\n", STR_ARG(err_text(e))));
        return;
    }
    if (hub_post(manager_hub(manager), &notice, &wait_ns))
        answer->status = 202;
    else
        refuse_repetition(a, wait_ns, answer);
}

void event_server_handle(void *context, arena *a, const struct httpd_request *request,
                         struct httpd_answer *answer)
{
    int64_t began_ns = clock_now_ns();
    take(context, a, request, answer);
    str method = str_is(request->method, "POST") ? STR("POST") : STR("other");
    metrics_observe(&metric_event_seconds,
                    (str[]){STR("/"), method, str_printf(a, "%d", answer->status), {0}},
                    (double)(clock_now_ns() - began_ns) / 1e9);
}

err *event_server_start(struct loop *loop, struct manager *manager, str address, struct httpd **out)
{
    struct httpd_options options = {
        .address = address,
        .body_limit = EVENT_SERVER_BODY_BYTES,
        .handler = event_server_handle,
        .context = manager,
    };
    return httpd_start(loop, options, out);
}
