#include "notify/notify.h"

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    node *details = node_map(a);
    PAIR_EACH (notice->metadata, field)
        node_set(a, details, field->key, field->value);
    node_set_str(a, details, STR("severity"), notice_severity_name(notice));
    str message = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(notice->about.kind.kind),
                             STR_ARG(notice->about.name));
    notify_json(a, out, target->address,
                notify_map(a, "message", node_str(a, message), "description",
                           node_str(a, notice->message), "details", details, NULL));
    notify_header(a, out, "Authorization", str_concat(a, STR("GenieKey "), target->token));
    return NULL;
}

PROVIDER(opsgenie) = {
    .type = "opsgenie", .flags = NOTIFY_ADDRESS | NOTIFY_TOKEN | NOTIFY_SINGLY, .format = format};
