#include "base/buf.h"
#include "notify/notify.h"

static const char *const mentions[] = {"<@", NULL};

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    buf b = BUF(a);
    str mark = notify_either(notice, "✅", "💣"), name = notify_object_name(a, notice);
    buf_printf(&b, STR_FMT " **" STR_FMT "**\n", STR_ARG(mark), STR_ARG(name));
    buf_add(&b, notify_defuse(a, notice->message, mentions));
    BUF_ADD(&b, "\n");
    PAIR_EACH (notice->metadata, field) {
        str value = notify_defuse(a, field->value->text, mentions);
        buf_printf(&b, ">**" STR_FMT "**: " STR_FMT "\n", STR_ARG(field->key), STR_ARG(value));
    }
    notify_json(a, out, target->address,
                notify_map(a, "roomId", node_str(a, target->channel), "markdown",
                           node_str(a, buf_str(&b)), NULL));
    out->bearer = target->token;
    return NULL;
}

PROVIDER(webex) = {.type = "webex", .flags = NOTIFY_ADDRESS, .format = format};
