#include "base/clock.h"
#include "notify/notify.h"

static void push_tag(arena *a, node *tags, str key, str value)
{
    str tag = str_printf(a, STR_FMT ":" STR_FMT, STR_ARG(key), STR_ARG(value));
    node_push(a, tags, node_str(a, str_lower(a, tag)));
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    node *tags = node_list(a);
    push_tag(a, tags, STR("flux_reporting_controller"), notice->controller);
    push_tag(a, tags, STR("flux_reason"), notice->reason);
    push_tag(a, tags, STR("kube_kind"), notice->about.kind.kind);
    push_tag(a, tags, STR("kube_name"), notice->about.name);
    push_tag(a, tags, STR("kube_namespace"), notice->about.namespace);
    PAIR_EACH (notice->metadata, field)
        push_tag(a, tags, field->key, field->value->text);

    str title = str_printf(a, "Events from the " STR_FMT " " STR_FMT "/" STR_FMT,
                           STR_ARG(notice->about.kind.kind), STR_ARG(notice->about.name),
                           STR_ARG(notice->about.namespace));
    str address = target->address;
    str_strip_suffix(&address, STR("/"));
    notify_json(a, out, str_concat(a, address, STR("/api/v1/events")),
                notify_map(a, "title", node_str(a, title), "text", node_str(a, notice->message),
                           "tags", tags, "source_type_name", node_str(a, STR("fluxcd")),
                           "date_happened", node_int(a, notice->wall_ns / CLOCK_SECOND),
                           "alert_type", node_str(a, notice_severity_name(notice)), NULL));
    notify_header(a, out, "DD-API-KEY", target->token);
    return NULL;
}

PROVIDER(datadog) = {.type = "datadog", .flags = NOTIFY_ADDRESS | NOTIFY_TOKEN, .format = format};
