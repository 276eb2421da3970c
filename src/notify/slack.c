#include "notify/slack.h"

#include "doc/json.h"

#define POST_MESSAGE "https://slack.com/api/chat.postMessage"

static const char *const mentions[] = {"<!", "<@", "@everyone", "@channel", "@here", "@all", NULL};

static node *fields_of(arena *a, const struct notice *notice)
{
    node *list = node_list(a);
    PAIR_EACH (notice->metadata, field) {
        str value = notify_defuse(a, field->value->text, mentions);
        node_push(a, list,
                  notify_map(a, "title", node_str(a, field->key), "value", node_str(a, value),
                             "short", node_bool(a, false), NULL));
    }
    return list;
}

node *slack_payload(arena *a, const struct notice *notice, const struct slack_look *look)
{
    str name = notify_object_name(a, notice);
    str message = notify_defuse(a, notice->message, mentions);
    str line = notify_first_line(message);
    str fallback = str_printf(a, STR_FMT ": " STR_FMT, STR_ARG(name), STR_ARG(line));
    node *attachment = notify_map(
        a, "fallback", look->fallback ? node_str(a, fallback) : NULL, "color",
        node_str(a, notify_either(notice, look->info_color, look->error_color)), "author_name",
        node_str(a, name), "text", node_str(a, message), "mrkdwn_in",
        notify_list(a, node_str(a, STR("text")), NULL), "fields", fields_of(a, notice), NULL);
    return notify_map(a, "channel", node_str(a, look->channel), "username", node_str(a, look->user),
                      "icon_url", node_str(a, STR("")), "icon_emoji", node_str(a, STR("")),
                      "attachments", notify_list(a, attachment, NULL), NULL);
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    struct slack_look look = {
        .channel = target->channel,
        .user = target->user.len ? target->user : notice->controller,
        .info_color = "good",
        .error_color = "danger",
        .fallback = true,
    };
    notify_json(a, out, target->address, slack_payload(a, notice, &look));
    out->bearer = target->token;
    return NULL;
}

/* compat: the API says 200 to everything; whether it worked is in the answer. */
static err *then(struct exchange *exchange, const struct http_response *answer,
                 struct http_request *out UNUSED)
{
    TRY(notify_check(answer));
    if (!str_is(exchange->target->address, POST_MESSAGE)) return NULL;
    node *said;
    err *e AUTO(err_done) =
        json_parse(exchange->a, answer->body, (struct json_options){.last_wins = true}, &said);
    if (e) return err_transient("the answer of Slack is no JSON");
    if (node_get_bool(said, STR("ok"), false)) return NULL;
    str why = str_head_utf8(node_get_str(said, STR("error")), 200);
    bool later = str_is(why, "ratelimited") || str_is(why, "rate_limited") ||
                 str_is(why, "service_unavailable") || str_is(why, "internal_error");
    return err_new(later ? ERR_TRANSIENT : ERR_DENIED, "", "Slack responded with error: " STR_FMT,
                   STR_ARG(why));
}

PROVIDER(slack) = {.type = "slack", .flags = NOTIFY_ADDRESS, .format = format, .then = then};
