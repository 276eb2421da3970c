#include "base/clock.h"
#include "notify/notify.h"

static node *tag(arena *a, str key, str value)
{
    str k = str_replace(a, key, STR(":"), STR("|")), v = str_replace(a, value, STR(":"), STR("|"));
    return node_str(a, str_printf(a, STR_FMT ": " STR_FMT, STR_ARG(k), STR_ARG(v)));
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    node *tags = notify_list(a, node_str(a, STR("flux")), node_str(a, notice->controller), NULL);
    PAIR_EACH (notice->metadata, field)
        node_push(a, tags, tag(a, field->key, field->value->text));
    node_push(a, tags, tag(a, STR("kind"), notice->about.kind.kind));
    node_push(a, tags, tag(a, STR("name"), notice->about.name));
    node_push(a, tags, tag(a, STR("namespace"), notice->about.namespace));
    notify_json(a, out, target->address,
                notify_map(a, "when", node_int(a, notice->wall_ns / CLOCK_SECOND), "text",
                           node_str(a, notify_object_name(a, notice)), "tags", tags, NULL));
    notify_authorize(out, target);
    return NULL;
}

PROVIDER(grafana) = {.type = "grafana", .flags = NOTIFY_ADDRESS, .format = format};
