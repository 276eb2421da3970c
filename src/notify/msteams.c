#include "net/url.h"
#include "notify/notify.h"

/* The summary first. */
static node *facts_of(arena *a, const struct notice *notice, const char *name)
{
    node *list = node_list(a);
    for (int pass = 0; pass < 2; pass++) {
        PAIR_EACH (notice->metadata, field) {
            if (str_is(field->key, "summary") != (pass == 0)) continue;
            node_push(a, list,
                      notify_map(a, name, node_str(a, field->key), "value", field->value, NULL));
        }
    }
    return list;
}

static node *block(arena *a, str text, bool heading, bool attention)
{
    return notify_map(a, "type", node_str(a, STR("TextBlock")), "text", node_str(a, text), "size",
                      heading ? node_str(a, STR("large")) : NULL, "weight",
                      heading ? node_str(a, STR("bolder")) : NULL, "wrap", node_bool(a, true),
                      "color", attention ? node_str(a, STR("attention")) : NULL, NULL);
}

static node *adaptive_card(arena *a, const struct notice *notice)
{
    node *facts = facts_of(a, notice, "title");
    node *items =
        notify_list(a, block(a, notify_object_name(a, notice), true, false),
                    block(a, notice->message, false, notice->severity == NOTICE_ERROR), NULL);
    if (facts->count)
        node_push(a, items,
                  notify_map(a, "type", node_str(a, STR("FactSet")), "facts", facts, NULL));
    node *container = notify_map(a, "type", node_str(a, STR("Container")), "items", items, NULL);
    node *content = notify_map(
        a, "$schema", node_str(a, STR("http://adaptivecards.io/schemas/adaptive-card.json")),
        "type", node_str(a, STR("AdaptiveCard")), "version", node_str(a, STR("1.4")), "msteams",
        notify_map(a, "width", node_str(a, STR("Full")), NULL), "body",
        notify_list(a, container, NULL), NULL);
    node *attachment =
        notify_map(a, "contentType", node_str(a, STR("application/vnd.microsoft.card.adaptive")),
                   "content", content, NULL);
    return notify_map(a, "type", node_str(a, STR("message")), "attachments",
                      notify_list(a, attachment, NULL), NULL);
}

/* compat: what connectors understand that are older than workflows. */
static node *message_card(arena *a, const struct notice *notice)
{
    str name = notify_object_name(a, notice);
    node *section = notify_map(a, "activityTitle", node_str(a, notice->message), "activitySubtitle",
                               node_str(a, name), "facts", facts_of(a, notice, "name"), NULL);
    return notify_map(a, "@type", node_str(a, STR("MessageCard")), "@context",
                      node_str(a, STR("http://schema.org/extensions")), "themeColor",
                      node_str(a, notify_either(notice, "0076D7", "FF0000")), "summary",
                      node_str(a, name), "sections", notify_list(a, section, NULL), NULL);
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    struct url url;
    err *e = url_parse(target->address, &url);
    if (e) return err_wrap(e, "address");
    bool legacy = str_ends(str_lower(a, url.host), STR(".webhook.office.com"));
    notify_json(a, out, target->address,
                legacy ? message_card(a, notice) : adaptive_card(a, notice));
    return NULL;
}

PROVIDER(msteams) = {.type = "msteams", .flags = NOTIFY_ADDRESS, .format = format};
