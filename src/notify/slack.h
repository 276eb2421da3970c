#pragma once
/* The attachment that Slack made and that Discord and Rocket.Chat understand. */
#include "notify/notify.h"

struct slack_look {
    str channel, user;
    const char *info_color, *error_color;
    bool fallback; /* a line for where attachments are not shown */
};
node *slack_payload(arena *a, const struct notice *notice, const struct slack_look *look);
