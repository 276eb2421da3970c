#include "notify/slack.h"

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    struct slack_look look = {
        .channel = target->channel,
        .user = target->user,
        .info_color = "#0076D7",
        .error_color = "#FF0000",
    };
    notify_json(a, out, target->address, slack_payload(a, notice, &look));
    return NULL;
}

PROVIDER(rocket) = {.type = "rocket", .flags = NOTIFY_ADDRESS, .format = format};
