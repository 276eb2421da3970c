/* Receivers whose callers sign nothing: the path is secret, and the body has to be theirs. */
#include "control/webhook.h"

static err *verify_dockerhub(struct webhook_check *check)
{
    node *body;
    TRY(webhook_body(check, &body));
    TRY(webhook_need(body, "push_data", "tag"));
    return webhook_need(body, "repository", "repo_url");
}

static err *verify_quay(struct webhook_check *check)
{
    node *body;
    str tag;
    TRY(webhook_body(check, &body));
    TRY(webhook_need(body, "docker_url", NULL));
    const node *tags = node_get(body, STR("updated_tags"));
    if (!node_is_list(tags)) return err_invalid("the body has no list updated_tags");
    NODE_EACH (tags, item) {
        if (!node_to_str(item, &tag)) return err_invalid("an item of updated_tags is no text");
    }
    return NULL;
}

static err *verify_acr(struct webhook_check *check)
{
    node *body;
    TRY(webhook_body(check, &body));
    TRY(webhook_need(body, "action", NULL));
    /* The registry tries a new webhook with a ping, which has no target. */
    if (str_is(node_get_str(body, STR("action")), "ping") && !node_get(body, STR("target")))
        return NULL;
    TRY(webhook_need(body, "target", "repository"));
    /* A deletion by digest, and a chart, have no tag. */
    const node *tag = node_find(body, "target", "tag", NULL);
    str text;
    if (tag && !node_is_null(tag) && !node_to_str(tag, &text))
        return err_invalid("target.tag of the body is no text");
    return NULL;
}

/* "dev.cdevents.<subject>.<predicate>.<version>" */
static bool is_cdevent_type(str type)
{
    size_t parts = 0;
    if (!str_strip_prefix(&type, STR("dev.cdevents."))) return false;
    for (str part; str_next(&type, '.', &part); parts++) {
        if (!part.len) return false;
    }
    return parts >= 3;
}

/* What the specification of CDevents 0.4 demands of every event. */
static err *verify_cdevents(struct webhook_check *check)
{
    static const char *const context[] = {"id", "source", "type", "timestamp", "version"};
    node *body;
    check->event = webhook_header(check->call, "ce-type");
    if (!check->event.len) return err_invalid("the header ce-type is missing");
    TRY(webhook_body(check, &body));
    for (size_t i = 0; i < COUNT(context); i++)
        TRY(webhook_need(body, "context", context[i]));
    if (!is_cdevent_type(node_find_str(body, "context", "type", NULL)))
        return err_invalid("context.type of the body is no type of CDevents");
    if (!str_starts(node_find_str(body, "context", "version", NULL), STR("0.")))
        return err_invalid("context.version of the body is no version of CDevents that is known");
    if (!str_eq(node_find_str(body, "context", "type", NULL), check->event))
        return err_invalid("the header ce-type is not the type of the body");
    TRY(webhook_need(body, "subject", "id"));
    TRY(webhook_need(body, "subject", "type"));
    if (!node_is_map(node_find(body, "subject", "content", NULL)))
        return err_invalid("the body has no object subject.content");
    check->delivery = node_find_str(body, "context", "id", NULL);
    return NULL;
}

WEBHOOK(dockerhub) = {.type = "dockerhub", .verify = verify_dockerhub};
WEBHOOK(quay) = {.type = "quay", .verify = verify_quay};
WEBHOOK(acr) = {.type = "acr", .verify = verify_acr};
WEBHOOK(cdevents) = {.type = "cdevents", .has_events = true, .verify = verify_cdevents};
