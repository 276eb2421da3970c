#include "serve/event_server.h"

#include "base/clock.h"
#include "base/log.h"
#include "notify/hub.h"

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

void event_server_handle(void *context, arena *a, const struct httpd_request *request,
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
