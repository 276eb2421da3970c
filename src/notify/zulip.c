#include "net/url.h"
#include "notify/notify.h"

static const char *const mentions[] = {"@**", "@_**", "@*", NULL};

/* compat: the channel is <channel>/<topic>; the content is markdown. */
static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    str origin, channel, topic;
    TRY(notify_origin(a, target->address, &origin));
    if (!str_cut(target->channel, '/', &channel, &topic))
        return err_invalid("spec.channel: '" STR_FMT "' is not <channel>/<topic>",
                           STR_ARG(target->channel));
    str content = notify_defuse(a, notify_markdown(a, notice), mentions);
    str to = url_escape(a, channel), about = url_escape(a, topic), text = url_escape(a, content);
    out->url = str_concat(a, origin, STR("/api/v1/messages"));
    out->method = "POST";
    out->body = str_printf(a, "type=stream&to=" STR_FMT "&topic=" STR_FMT "&content=", STR_ARG(to),
                           STR_ARG(about));
    out->body = str_concat(a, out->body, text);
    notify_header(a, out, "Content-Type", STR("application/x-www-form-urlencoded"));
    out->user = target->user;
    out->password = target->password;
    return NULL;
}

PROVIDER(zulip) = {.type = "zulip", .flags = NOTIFY_ADDRESS | NOTIFY_CHANNEL, .format = format};
