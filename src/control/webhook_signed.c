/* Receivers whose callers sign the body: generic-hmac, github, bitbucket, nexus. */
#include "control/webhook.h"
#include "net/url.h"

static const char *const digests[] = {"sha1", "sha256", "sha512"};

/* "sha256=<hex>", with no digest weaker than those from `first` on. */
static err *check_signature(struct webhook_check *check, const char *header, size_t first)
{
    str signature = webhook_header(check->call, header), name, hex;
    if (!signature.len) return err_denied("the header %s is missing", header);
    if (!str_cut(signature, '=', &name, &hex))
        return err_denied("the header %s is no digest and hex", header);
    for (size_t i = first; i < COUNT(digests); i++) {
        if (!str_is(name, digests[i])) continue;
        str wanted = webhook_hmac(check->a, digests[i], check->token, check->call->body);
        if (webhook_same(str_lower(check->a, hex), wanted)) return NULL;
        return err_denied("the header %s is not the signature of the body", header);
    }
    return err_denied("the header %s has a digest that is not accepted here", header);
}

static err *verify_generic(struct webhook_check *check)
{
    return check_signature(check, "x-signature", 0);
}

/* The value of "payload" in a form. */
static err *form_payload(struct webhook_check *check, str *out)
{
    str rest = check->call->body;
    for (str pair; str_next(&rest, '&', &pair);) {
        str name, value;
        if (!str_cut(pair, '=', &name, &value) || !str_is(name, "payload")) continue;
        return url_unescape(check->a, str_replace(check->a, value, STR("+"), STR(" ")), out);
    }
    return err_invalid("the form has no payload");
}

/* A caller that has signed with SHA-256 is held to it: a false one cannot fall back to SHA-1. */
static err *check_hub(struct webhook_check *check)
{
    bool strong = webhook_header(check->call, "x-hub-signature-256").len;
    return strong ? check_signature(check, "x-hub-signature-256", 1)
                  : check_signature(check, "x-hub-signature", 0);
}

/* The body of GitHub is an object, as it is or in a form. */
static err *read_hub(struct webhook_check *check)
{
    struct webhook_call inner = *check->call;
    struct webhook_check as_json = *check;
    node *body;
    str type = webhook_header(check->call, "content-type"), name = type, rest;
    str_cut(type, ';', &name, &rest);
    if (str_eq_fold(str_trim(name), STR("application/x-www-form-urlencoded")))
        TRY(form_payload(check, &inner.body));
    else if (!str_eq_fold(str_trim(name), STR("application/json")))
        return err_invalid("the Content-Type is neither application/json nor a form");
    as_json.call = &inner;
    TRY(webhook_body(&as_json, &body));
    check->request = body;
    return NULL;
}

static err *verify_github(struct webhook_check *check)
{
    TRY(check_hub(check));
    check->event = webhook_header(check->call, "x-github-event");
    check->delivery = webhook_header(check->call, "x-github-delivery");
    if (!check->event.len) return err_invalid("the header x-github-event is missing");
    return read_hub(check);
}

static err *verify_bitbucket(struct webhook_check *check)
{
    TRY(check_hub(check));
    check->event = webhook_header(check->call, "x-event-key");
    check->delivery = webhook_header(check->call, "x-request-uuid");
    if (!check->delivery.len) check->delivery = webhook_header(check->call, "x-request-id");
    return NULL;
}

static err *verify_nexus(struct webhook_check *check)
{
    str signature = webhook_header(check->call, "x-nexus-webhook-signature");
    node *body;
    if (!signature.len) return err_denied("the header x-nexus-webhook-signature is missing");
    str wanted = webhook_hmac(check->a, "sha1", check->token, check->call->body);
    if (!webhook_same(str_lower(check->a, signature), wanted))
        return err_denied("the header x-nexus-webhook-signature is not the signature of the body");
    check->delivery = webhook_header(check->call, "x-nexus-webhook-delivery");
    return webhook_body(check, &body);
}

WEBHOOK(generic_hmac) = {.type = "generic-hmac", .verify = verify_generic};
WEBHOOK(github) = {.type = "github", .has_events = true, .verify = verify_github};
WEBHOOK(bitbucket) = {.type = "bitbucket", .has_events = true, .verify = verify_bitbucket};
WEBHOOK(nexus) = {.type = "nexus", .verify = verify_nexus};
