/*
 * A call of any type with any headers and body: "type\nname: value\n...\n\nbody". Without the token
 * nothing that needs it is accepted; expressions over the body never do harm.
 */
#include "control/webhook.h"
#include "control/receiver_filter.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_open(str type)
{
    static const char *const types[] = {"generic", "dockerhub", "quay", "acr", "cdevents"};
    for (size_t i = 0; i < COUNT(types); i++) {
        if (str_is(type, types[i])) return true;
    }
    return false;
}

static void filter(arena *a, const struct webhook_call *call)
{
    node *body, *object = node_map(a);
    struct json_options options = {.last_wins = true, .depth_max = LIMIT_HOOK_JSON_DEPTH};
    bool chosen;
    err *e AUTO(err_done) = json_parse(a, call->body, options, &body);
    if (e || !node_is_map(body)) return;
    struct kube_kind kind = {STR("g"), STR("v"), STR("K")};
    err *bad AUTO(err_done) UNUSED = receiver_filter_run(
        a, STR("req.all(k, req[k] != res) && size(req) < 9 || req.a.b.startsWith('x')"), kind,
        object, body, NULL, &chosen);
}

/* The body as a set of keys. */
static const node *call_keys(arena *a, str body)
{
    node *keys = NULL;
    err *e AUTO(err_done) = json_parse(a, body, (struct json_options){0}, &keys);
    return e ? NULL : keys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str rest = str_from((const char *)data, size), line;
    struct webhook_header *headers = NEW_ARRAY(&a, struct webhook_header, 32);
    struct webhook_call call = {.path = STR("/hook/x"), .headers = headers};
    struct receiver_spec spec = {0};
    str_cut(rest, '\n', &spec.type, &rest);
    while (call.header_count < 32 && str_next(&rest, '\n', &line) && line.len) {
        struct webhook_header *header = &headers[call.header_count++];
        str_cut(line, ':', &header->name, &header->value);
        header->value = str_trim(header->value);
    }
    call.body = rest;
    /* Types with keys of issuers need a network: the token alone is read of those. */
    if (str_is(spec.type, "gcr") || str_is(spec.type, "generic-oidc")) {
        struct jwt jwt;
        err *e AUTO(err_done) = jwt_parse(&a, webhook_header(&call, "authorization"), &jwt);
        err *time AUTO(err_done) UNUSED = e ? NULL : jwt_check_time(&jwt, 0);
        err *made AUTO(err_done) = e ? NULL : jwt_verify(&jwt, call_keys(&a, call.body));
        must(e || made);
        return 0;
    }
    struct webhook_check check = {
        .a = &a, .call = &call, .spec = &spec, .token = STR("9d2c1a5be0f84f7f")};
    err *e AUTO(err_done) = webhook_verify(&check);
    must(e || is_open(spec.type));
    filter(&a, &call);
    return 0;
}
