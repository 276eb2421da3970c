#include <string.h>

#include "base/buf.h"
#include "net/url.h"
#include "notify/notify.h"

/* MarkdownV2: each of these needs a backslash, wherever it stands. */
static str escape(arena *a, str text)
{
    buf b = BUF(a);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] && strchr("\\.-_[]()~>`#+=|{}!*", text.data[i])) buf_add_char(&b, '\\');
        buf_add_char(&b, text.data[i]);
    }
    return buf_str(&b);
}

static str text_of(arena *a, const struct notice *notice)
{
    buf b = BUF(a);
    str kind = str_lower(a, notice->about.kind.kind);
    str heading = str_printf(a, STR_FMT " " STR_FMT "/" STR_FMT "/" STR_FMT,
                             STR_ARG(notify_either(notice, "💫", "🚨")), STR_ARG(kind),
                             STR_ARG(notice->about.name), STR_ARG(notice->about.namespace));
    str escaped = escape(a, heading), message = escape(a, notice->message);
    buf_printf(&b, "*" STR_FMT "*\n" STR_FMT "\n", STR_ARG(escaped), STR_ARG(message));
    PAIR_EACH (notice->metadata, field) {
        str key = escape(a, field->key), value = escape(a, field->value->text);
        buf_printf(&b, "\\- *" STR_FMT "*: " STR_FMT "\n", STR_ARG(key), STR_ARG(value));
    }
    return buf_str(&b);
}

/* compat: the address is always that of the service; the channel is <chat>[:<thread>]. */
static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    str chat, thread;
    bool in_thread = str_cut(target->channel, ':', &chat, &thread);
    str token = str_replace(a, url_escape(a, target->token), STR("%3A"), STR(":"));
    str url = str_printf(a, "https://api.telegram.org/bot" STR_FMT "/sendMessage", STR_ARG(token));
    notify_json(a, out, url,
                notify_map(a, "chat_id", node_str(a, chat), "message_thread_id",
                           in_thread ? node_str(a, thread) : NULL, "parse_mode",
                           node_str(a, STR("MarkdownV2")), "text", node_str(a, text_of(a, notice)),
                           NULL));
    return NULL;
}

PROVIDER(telegram) = {.type = "telegram", .flags = NOTIFY_TOKEN | NOTIFY_CHANNEL, .format = format};
