#include "notify/slack.h"

/* compat: the webhook understands Slack's payload at a path of its own. */
static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    struct slack_look look = {
        .user = target->user.len ? target->user : notice->controller,
        .info_color = "good",
        .error_color = "danger",
    };
    str url = target->address;
    if (!str_ends(url, STR("/slack"))) {
        str_strip_suffix(&url, STR("/"));
        url = str_concat(a, url, STR("/slack"));
    }
    notify_json(a, out, url, slack_payload(a, notice, &look));
    return NULL;
}

PROVIDER(discord) = {.type = "discord", .flags = NOTIFY_ADDRESS, .format = format};
