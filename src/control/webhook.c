#include "control/webhook.h"


#include "base/hash.h"
#include "doc/json.h"

const char *const webhook_header_names[] = {
    "authorization",
    "ce-id",
    "ce-source",
    "ce-specversion",
    "ce-type",
    "content-type",
    "x-event-key",
    "x-github-delivery",
    "x-github-event",
    "x-gitlab-event",
    "x-gitlab-event-uuid",
    "x-gitlab-token",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-nexus-webhook-delivery",
    "x-nexus-webhook-signature",
    "x-request-id",
    "x-request-uuid",
    "x-signature",
    NULL,
};

str webhook_header(const struct webhook_call *call, const char *name)
{
    for (size_t i = 0; i < call->header_count; i++) {
        if (str_is(call->headers[i].name, name)) return call->headers[i].value;
    }
    return (str){0};
}

str webhook_hmac(arena *a, const char *digest, str key, str text)
{
    str code = hash_hmac(a, digest, key, text);
    return hash_to_hex(a, (const uint8_t *)code.data, code.len);
}

/* Of digests, so that the lengths do not show either. */
bool webhook_same(str given, str secret)
{
    uint8_t a[HASH_SHA256_BYTES], b[HASH_SHA256_BYTES];
    hash_sha256(given, a);
    hash_sha256(secret, b);
    return hash_equal(str_from((const char *)a, sizeof a), str_from((const char *)b, sizeof b));
}

err *webhook_body(struct webhook_check *check, node **out)
{
    struct json_options options = {.last_wins = true, .depth_max = LIMIT_HOOK_JSON_DEPTH};
    node *body;
    err *e = json_parse(check->a, check->call->body, options, &body);
    if (e) return err_wrap(e, "the body is no JSON");
    if (!node_is_map(body)) return err_invalid("the body is no JSON object");
    *out = body;
    return NULL;
}

err *webhook_need(const node *body, const char *first, const char *second)
{
    const node *found =
        second ? node_find(body, first, second, NULL) : node_get(body, str_of(first));
    str text;
    if (node_to_str(found, &text) && text.len) return NULL;
    return err_invalid("the body has no text %s%s%s", first, second ? "." : "",
                       second ? second : "");
}

bool webhook_is_json(const struct webhook_call *call)
{
    str type = webhook_header(call, "content-type");
    for (str one; str_next(&type, ',', &one);) {
        str name = one, rest;
        str_cut(one, ';', &name, &rest);
        if (str_eq_fold(str_trim(name), STR("application/json"))) return true;
    }
    return false;
}

/* ---- one call ---- */

static const struct webhook *find(str type)
{
    ROSTER_EACH (webhook, struct webhook, it) {
        if (str_is(type, (*it)->type)) return *it;
    }
    return NULL;
}

static err *check_event(const struct webhook_check *check)
{
    const struct schema_strings *events = &check->spec->events;
    for (size_t i = 0; i < events->count; i++) {
        if (str_eq_fold(events->items[i], check->event)) return NULL;
    }
    return err_denied("the event '" STR_FMT "' is not authorised",
                      STR_ARG(str_head_utf8(check->event, 100)));
}

err *webhook_verify(struct webhook_check *check)
{
    const struct webhook *webhook = find(check->spec->type);
    if (!webhook)
        return err_invalid("the type '" STR_FMT "' is not known", STR_ARG(check->spec->type));
    /* An empty key would make every digest and every comparison a public one. */
    if (!check->token.len && !receiver_spec_is_oidc(check->spec))
        return err_denied("the token of the Secret is empty");
    TRY(webhook->verify(check));
    return webhook->has_events && check->spec->events.count ? check_event(check) : NULL;
}
