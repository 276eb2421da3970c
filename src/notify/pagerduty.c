#include "base/clock.h"
#include "notify/notify.h"

/* compat: an incident per object, opened by errors and resolved by anything better; what is better
 * is recorded as a change, too. */
static node *payload_of(arena *a, const struct notice *notice, bool change)
{
    str words = notify_reason_words(a, notice->reason);
    str kind = str_lower(a, notice->about.kind.kind);
    str summary = str_printf(a, STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(words), STR_ARG(kind),
                             STR_ARG(notice->about.name));
    node *details = notify_map(a, "message", node_str(a, notice->message), "metadata",
                               (node *)notice->metadata, NULL);
    return notify_map(a, "summary", node_str(a, summary), "source",
                      node_str(a, str_concat(a, STR("Flux "), notice->controller)), "severity",
                      change ? NULL : node_str(a, STR("error")), "timestamp",
                      node_str(a, clock_format(a, notice->wall_ns)), "component",
                      change ? NULL : node_str(a, notice->about.name), "group",
                      change ? NULL : node_str(a, notice->about.kind.kind), "custom_details",
                      details, NULL);
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    bool error = notice->severity == NOTICE_ERROR;
    str origin;
    if (str_is(notice->reason, "Progressing")) return NULL;
    TRY(notify_origin(a, target->address, &origin));
    notify_json(a, out, str_concat(a, origin, STR("/v2/enqueue")),
                notify_map(a, "routing_key", node_str(a, target->channel), "event_action",
                           node_str(a, error ? STR("trigger") : STR("resolve")), "dedup_key",
                           node_str(a, notice->uid), "payload",
                           error ? payload_of(a, notice, false) : NULL, NULL));
    return NULL;
}

static err *then(struct exchange *exchange, const struct http_response *answer,
                 struct http_request *out)
{
    arena *a = exchange->a;
    str origin;
    TRY(notify_check(answer));
    if (exchange->step > 0 || exchange->notice->severity == NOTICE_ERROR) return NULL;
    TRY(notify_origin(a, exchange->target->address, &origin));
    notify_json(a, out, str_concat(a, origin, STR("/v2/change/enqueue")),
                notify_map(a, "routing_key", node_str(a, exchange->target->channel), "payload",
                           payload_of(a, exchange->notice, true), NULL));
    return NULL;
}

PROVIDER(pagerduty) = {.type = "pagerduty",
                       .flags = NOTIFY_ADDRESS | NOTIFY_CHANNEL | NOTIFY_SINGLY,
                       .format = format,
                       .then = then};
