/* Google Pub/Sub over its REST API, with the key of a service account: the key is exchanged for a
 * token, with which the message is published. */
#include "base/b64.h"
#include "base/clock.h"
#include "doc/json.h"
#include "net/url.h"
#include "notify/assertion.h"
#include "notify/notify.h"

#define SCOPE             "https://www.googleapis.com/auth/pubsub"
#define TOKEN_URL         "https://oauth2.googleapis.com/token"
#define ASSERTION_SECONDS 3600

/* compat: the Secret's token holds the JSON that Google gives out for a service account. */
static err *begin(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    node *key;
    str assertion;
    struct json_options lenient = {.last_wins = true};
    err *bad AUTO(err_done) = json_parse(a, exchange->target->token, lenient, &key);
    if (bad || !str_is(node_get_str(key, STR("type")), "service_account"))
        return err_invalid(
            "the key 'token' of the Secret is not the JSON key of a service account");
    str audience = node_get_str(key, STR("token_uri"));
    if (!audience.len) audience = STR(TOKEN_URL);
    int64_t now = clock_wall_ns() / CLOCK_SECOND;
    node *claims = notify_map(a, "iss", node_str(a, node_get_str(key, STR("client_email"))),
                              "scope", node_str(a, STR(SCOPE)), "aud", node_str(a, audience), "iat",
                              node_int(a, now), "exp", node_int(a, now + ASSERTION_SECONDS), NULL);
    err *e = assertion_sign(a, node_get_str(key, STR("private_key")), claims, &assertion);
    if (e) return err_wrap(e, "token");
    out->url = audience;
    out->method = "POST";
    out->body = str_concat(
        a, STR("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="),
        assertion);
    notify_header(a, out, "Content-Type", STR("application/x-www-form-urlencoded"));
    return NULL;
}

static void publish(struct exchange *exchange, str token, struct http_request *out)
{
    arena *a = exchange->a;
    const struct target *target = exchange->target;
    node *attributes = node_map(a);
    for (size_t i = 0; i < target->header_count; i++)
        node_set_str(a, attributes, target->headers[i].name, target->headers[i].value);
    str data = b64_encode(a, notice_json(a, exchange->notice));
    str project = url_escape(a, target->address), topic = url_escape(a, target->channel);
    str url = str_printf(
        a, "https://pubsub.googleapis.com/v1/projects/" STR_FMT "/topics/" STR_FMT ":publish",
        STR_ARG(project), STR_ARG(topic));
    node *message = notify_map(a, "data", node_str(a, data), "attributes",
                               attributes->count ? attributes : NULL, NULL);
    notify_json(a, out, url, notify_map(a, "messages", notify_list(a, message, NULL), NULL));
    out->bearer = token;
}

static err *then(struct exchange *exchange, const struct http_response *answer,
                 struct http_request *out)
{
    node *said;
    TRY(notify_check(answer));
    if (exchange->step > 0) return NULL;
    err *e = json_parse(exchange->a, answer->body, (struct json_options){.last_wins = true}, &said);
    if (e) return err_wrap(e, "the answer with the token");
    str token = node_get_str(said, STR("access_token"));
    if (!token.len) return err_denied("Google gave no token");
    publish(exchange, token, out);
    return NULL;
}

PROVIDER(googlepubsub) = {.type = "googlepubsub",
                          .flags = NOTIFY_ADDRESS | NOTIFY_TOKEN | NOTIFY_CHANNEL,
                          .begin = begin,
                          .then = then};
