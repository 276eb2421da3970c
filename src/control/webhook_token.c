/* Receivers whose callers know a secret: the path alone, or a header, too. */
#include "control/webhook.h"

/* The path is all that is needed: it is made from the token. */
static err *verify_generic(struct webhook_check *check UNUSED)
{
    return NULL;
}

static err *check_header(struct webhook_check *check, const char *header)
{
    str given = webhook_header(check->call, header);
    if (!given.len) return err_denied("the header %s is missing", header);
    if (!webhook_same(given, check->token))
        return err_denied("the header %s is not the token", header);
    return NULL;
}

static err *verify_gitlab(struct webhook_check *check)
{
    TRY(check_header(check, "x-gitlab-token"));
    check->event = webhook_header(check->call, "x-gitlab-event");
    check->delivery = webhook_header(check->call, "x-gitlab-event-uuid");
    return NULL;
}

static err *verify_harbor(struct webhook_check *check)
{
    return check_header(check, "authorization");
}

WEBHOOK(generic) = {.type = "generic", .verify = verify_generic};
WEBHOOK(gitlab) = {.type = "gitlab", .has_events = true, .verify = verify_gitlab};
WEBHOOK(harbor) = {.type = "harbor", .verify = verify_harbor};
