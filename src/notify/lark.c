#include "base/buf.h"
#include "notify/notify.h"

static const char *const mentions[] = {"<at", NULL};

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    buf b = BUF(a);
    str message = notify_defuse(a, notice->message, mentions);
    buf_printf(&b, "**" STR_FMT "**\n\n", STR_ARG(message));
    PAIR_EACH (notice->metadata, field) {
        str value = notify_defuse(a, field->value->text, mentions);
        buf_printf(&b, STR_FMT ": " STR_FMT "\n", STR_ARG(field->key), STR_ARG(value));
    }
    str name = notify_object_name(a, notice), mark = notify_either(notice, "💫", "🚨");
    str title = str_printf(a, STR_FMT " " STR_FMT, STR_ARG(mark), STR_ARG(name));
    node *text = notify_map(a, "tag", node_str(a, STR("lark_md")), "content",
                            node_str(a, buf_str(&b)), NULL);
    node *element = notify_map(a, "tag", node_str(a, STR("div")), "text", text, NULL);
    node *header = notify_map(
        a, "title",
        notify_map(a, "tag", node_str(a, STR("plain_text")), "content", node_str(a, title), NULL),
        "template", node_str(a, notify_either(notice, "turquoise", "red")), NULL);
    node *card =
        notify_map(a, "config", notify_map(a, "wide_screen_mode", node_bool(a, true), NULL),
                   "header", header, "elements", notify_list(a, element, NULL), NULL);
    notify_json(a, out, target->address,
                notify_map(a, "msg_type", node_str(a, STR("interactive")), "card", card, NULL));
    return NULL;
}

PROVIDER(lark) = {.type = "lark", .flags = NOTIFY_ADDRESS, .format = format};
