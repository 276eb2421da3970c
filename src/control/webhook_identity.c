/* Receivers whose callers show a signed token: gcr, generic-oidc. */
#include "base/b64.h"
#include "base/buf.h"
#include "control/webhook.h"
#include "doc/cel.h"
#include "doc/json.h"

static err *read_token(struct webhook_check *check, struct jwt *out)
{
    str header = webhook_header(check->call, "authorization");
    if (!str_strip_prefix(&header, STR("Bearer ")) || !str_trim(header).len)
        return err_denied("the header authorization is missing, or no bearer token");
    return jwt_parse(check->a, str_trim(header), out);
}

/* ---- gcr: Pub/Sub pushes, signed by Google ---- */

static bool is_google(str issuer)
{
    return str_is(issuer, "https://accounts.google.com") || str_is(issuer, "accounts.google.com");
}

static err *check_google(struct webhook_check *check, const struct jwt *jwt)
{
    str email = node_get_str(check->secret, STR("email"));
    str audience = node_get_str(check->secret, STR("audience"));
    bool verified = false;
    if (!email.len || !audience.len)
        return err_denied("the Secret has not got the keys email and audience");
    TRY(issuer_verify_at(check->issuers, check->a, check->google_keys_url, jwt));
    TRY(jwt_check_time(jwt, check->now_wall_ns));
    if (!is_google(jwt_claim(jwt, "iss"))) return err_denied("the token was not issued by Google");
    if (!jwt_has_audience(jwt, audience)) return err_denied("the token is for another audience");
    if (!webhook_same(jwt_claim(jwt, "email"), email))
        return err_denied("the token is of another account");
    if (!node_to_bool(node_get(jwt->claims, STR("email_verified")), &verified) || !verified)
        return err_denied("the email of the token is not verified");
    return NULL;
}

/* What Container Registry says is in the message, in base64. */
static err *read_message(struct webhook_check *check)
{
    node *body, *inner;
    str data;
    TRY(webhook_body(check, &body));
    TRY(webhook_need(body, "message", "data"));
    err *e = b64_decode(check->a, node_find_str(body, "message", "data", NULL), &data);
    if (e) return err_wrap(e, "message.data of the body");
    struct json_options options = {.last_wins = true, .depth_max = LIMIT_HOOK_JSON_DEPTH};
    e = json_parse(check->a, data, options, &inner);
    if (e) return err_wrap(e, "message.data of the body is no JSON");
    if (!node_is_map(inner)) return err_invalid("message.data of the body is no JSON object");
    TRY(webhook_need(inner, "action", NULL));
    check->request = inner;
    check->delivery = node_find_str(body, "message", "messageId", NULL);
    return NULL;
}

static err *verify_gcr(struct webhook_check *check)
{
    struct jwt jwt;
    TRY(read_token(check, &jwt));
    TRY(check_google(check, &jwt));
    return read_message(check);
}

/* ---- generic-oidc: any issuer, and what has to hold for its tokens ---- */

static const struct receiver_issuer *find_issuer(const struct receiver_spec *spec, str issuer)
{
    for (size_t i = 0; i < spec->issuers.count; i++) {
        if (str_eq(spec->issuers.items[i].issuer_url, issuer)) return &spec->issuers.items[i];
    }
    return NULL;
}

static const char *const names[] = {"claims", "vars", NULL};

/* `vars` grows with each variable, so that a later one may use it. */
static err *run_variables(struct webhook_check *check, const struct receiver_issuer *issuer,
                          struct cel_variable variables[2])
{
    struct cel_pair *pairs = NEW_ARRAY(check->a, struct cel_pair, issuer->variables.count + 1);
    variables[1].value = (struct cel_value){.type = CEL_MAP, .pairs = pairs};
    for (size_t i = 0; i < issuer->variables.count; i++) {
        const struct receiver_variable *variable = &issuer->variables.items[i];
        struct cel *cel;
        pairs[i].key = cel_value_str(variable->name);
        TRY(cel_require(check->a, variable->expression, names, CEL_DYN, &cel));
        err *e = cel_eval(check->a, cel, variables, 2, &pairs[i].value, NULL);
        if (e) {
            return err_wrap(e, "failed to evaluate variable \"" STR_FMT "\"",
                            STR_ARG(variable->name));
        }
        variables[1].value.count++;
    }
    return NULL;
}

static err *run_validations(struct webhook_check *check, const struct receiver_issuer *issuer)
{
    struct cel_variable variables[2] = {{STR("claims"), cel_value_of_json(check->claims)},
                                        {.name = STR("vars")}};
    buf failures = BUF(check->a);
    TRY(run_variables(check, issuer, variables));
    for (size_t i = 0; i < issuer->validations.count; i++) {
        const struct receiver_validation *validation = &issuer->validations.items[i];
        struct cel *cel;
        bool holds = false;
        TRY(cel_require(check->a, validation->expression, names, CEL_BOOL, &cel));
        err *e = cel_eval_bool(check->a, cel, variables, 2, &holds);
        if (e) return err_wrap(e, "failed to evaluate validation");
        if (holds) continue;
        buf_add(&failures, failures.len ? STR("; ") : STR(""));
        buf_add(&failures, validation->message);
    }
    if (!issuer->validations.count) return err_denied("the issuer has no validations");
    if (!failures.len) return NULL;
    return err_denied("token validation failed: " STR_FMT, STR_ARG(buf_str(&failures)));
}

static err *verify_oidc(struct webhook_check *check)
{
    struct jwt jwt;
    TRY(read_token(check, &jwt));
    str iss = jwt_claim(&jwt, "iss");
    const struct receiver_issuer *issuer = iss.len ? find_issuer(check->spec, iss) : NULL;
    if (!issuer) return err_denied("no oidcProvider is configured for the token's issuer");
    TRY(issuer_verify(check->issuers, check->a, issuer->issuer_url, &jwt));
    TRY(jwt_check_time(&jwt, check->now_wall_ns));
    if (!jwt_has_audience(&jwt, issuer->audience))
        return err_denied("the token is for another audience");
    check->claims = jwt.claims;
    return run_validations(check, issuer);
}

WEBHOOK(gcr) = {.type = "gcr", .verify = verify_gcr};
WEBHOOK(generic_oidc) = {.type = "generic-oidc", .verify = verify_oidc};
