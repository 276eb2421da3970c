#include "notify/notify.h"

/* Cards render a few HTML tags: what an event says is text. */
static str escape(arena *a, str text)
{
    text = str_replace(a, text, STR("&"), STR("&amp;"));
    text = str_replace(a, text, STR("<"), STR("&lt;"));
    return str_replace(a, text, STR(">"), STR("&gt;"));
}

static node *paragraph(arena *a, const struct notice *notice)
{
    str text = escape(a, notice->message);
    if (notice->severity == NOTICE_ERROR)
        text = str_printf(a, "<font color=\"#ff0000\">" STR_FMT "</font>", STR_ARG(text));
    node *widget = notify_map(a, "textParagraph", notify_map(a, "text", node_str(a, text), NULL),
                              "keyValue", node_null(a), NULL);
    return notify_map(a, "header", node_str(a, STR("")), "widgets", notify_list(a, widget, NULL),
                      NULL);
}

static node *key_values(arena *a, const struct notice *notice)
{
    node *widgets = node_list(a);
    PAIR_EACH (notice->metadata, field) {
        str value = escape(a, field->value->text);
        node *pair = notify_map(a, "topLabel", node_str(a, field->key), "content",
                                node_str(a, value), "contentMultiline", node_bool(a, false),
                                "bottomLabel", node_null(a), "icon", node_null(a), NULL);
        node_push(a, widgets, notify_map(a, "keyValue", pair, "textParagraph", node_null(a), NULL));
    }
    return notify_map(a, "widgets", widgets, NULL);
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    node *header = notify_map(a, "title", node_str(a, notify_object_name(a, notice)), "subtitle",
                              node_str(a, notice->controller), "imageUrl", node_null(a),
                              "imageStyle", node_null(a), NULL);
    node *sections = notify_list(a, paragraph(a, notice), NULL);
    if (notice->metadata->count) node_push(a, sections, key_values(a, notice));
    node *card = notify_map(a, "header", header, "sections", sections, NULL);
    notify_json(a, out, target->address, notify_map(a, "cards", notify_list(a, card, NULL), NULL));
    return NULL;
}

PROVIDER(googlechat) = {.type = "googlechat", .flags = NOTIFY_ADDRESS, .format = format};
