#include "notify/destination.h"

#include <string.h>

#include "base/regex.h"
#include "doc/cel.h"
#include "doc/yaml.h"
#include "kube/secret.h"

#define SHORT_BYTES 4 /* shorter values are words of any text; masking them would tell them */

enum { TEXTS = 13 };

static void texts_of(struct target_spec *spec, str *out[TEXTS])
{
    str *texts[TEXTS] = {&spec->namespace,
                         &spec->name,
                         &spec->uid,
                         &spec->type,
                         &spec->channel,
                         &spec->user,
                         &spec->address,
                         &spec->proxy,
                         &spec->secret,
                         &spec->cert_secret,
                         &spec->proxy_secret,
                         &spec->service_account,
                         &spec->commit_status_expr};
    memcpy(out, texts, sizeof texts);
}

struct target_spec destination_copy(arena *a, const struct target_spec *from)
{
    struct target_spec spec = *from;
    str *texts[TEXTS];
    texts_of(&spec, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = str_dup(a, *texts[i]);
    spec.object = spec.object ? doc_copy(a, spec.object) : NULL;
    return spec;
}

bool destination_equal(const struct target_spec *left, const struct target_spec *right)
{
    struct target_spec a = *left, b = *right;
    str *of_a[TEXTS], *of_b[TEXTS];
    texts_of(&a, of_a);
    texts_of(&b, of_b);
    for (size_t i = 0; i < TEXTS; i++)
        if (!str_eq(*of_a[i], *of_b[i])) return false;
    return a.timeout_ns == b.timeout_ns && a.suspended == b.suspended;
}

static err *compile(arena *a, const struct target_spec *spec, struct cel **out)
{
    static const char *const names[] = {"event", "provider", "alert", NULL};
    err *e = cel_require(a, spec->commit_status_expr, names, CEL_DYN, out);
    return e ? err_wrap(e, "spec.commitStatusExpr") : NULL;
}

err *destination_check(const struct target_spec *spec)
{
    const struct provider *provider = notify_find(spec->type);
    if (!provider) {
        return err_new(ERR_INVALID, "UnsupportedField", "spec.type: there is no type '" STR_FMT "'",
                       STR_ARG(spec->type));
    }
    if (spec->service_account.len) {
        return err_new(ERR_INVALID, "UnsupportedField",
                       "spec.serviceAccountName: identities of clouds are not supported; put the "
                       "credentials into the Secret of spec.secretRef");
    }
    if (!spec->commit_status_expr.len) return NULL;
    arena a AUTO(arena_done) = {0};
    struct cel *cel;
    return err_because(compile(&a, spec, &cel), "InvalidCELExpression");
}

err *destination_status_id(arena *a, const struct target_spec *spec, const node *event,
                           const node *alert, str *out)
{
    struct cel *cel;
    TRY(compile(a, spec, &cel));
    const struct cel_variable variables[] = {{STR("event"), cel_value_of(event)},
                                             {STR("provider"), cel_value_of(spec->object)},
                                             {STR("alert"), cel_value_of(alert)}};
    err *e = cel_eval_str(a, cel, variables, COUNT(variables), out);
    if (e) return err_wrap(e, "spec.commitStatusExpr");
    *out = str_dup(a, *out);
    return out->len ? NULL : err_invalid("spec.commitStatusExpr: the result is empty");
}

/* ---- Secrets ---- */

static void override(str *out, const node *data, const char *key)
{
    str value = node_get_str(data, str_of(key));
    if (value.len) *out = value;
}

/* compat: a list of names and values as YAML. Values with line breaks would be headers of their
 * own. */
static err *take_headers(arena *a, str text, struct target *out)
{
    if (!text.len) return NULL;
    node *map;
    err *e AUTO(err_done) = yaml_parse(a, text, (struct yaml_options){.dialect = YAML_V3}, &map);
    if (e || !node_is_map(map)) {
        return err_invalid("the key 'headers' of the Secret is no YAML map of names to values");
    }
    struct regex *name AUTO(regex_free_done) = NULL, *value AUTO(regex_free_done) = NULL;
    TRY(regex_compile(STR("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$"), &name));
    TRY(regex_compile(STR("^[\\t\\x{20}-\\x{7e}\\x{80}-\\x{10ffff}]*$"), &value));
    struct http_header *headers = NEW_ARRAY(a, struct http_header, map->count + 1);
    PAIR_EACH (map, pair) {
        if (!regex_match(name, pair->key)) {
            return err_invalid("the key 'headers' of the Secret holds a name that is no name of an "
                               "HTTP header");
        }
        if (!node_is_scalar(pair->value) || !regex_match(value, pair->value->text)) {
            return err_invalid("the key 'headers' of the Secret: the value of '" STR_FMT
                               "' is not a text on one line",
                               STR_ARG(pair->key));
        }
        headers[out->header_count++] = (struct http_header){pair->key, pair->value->text};
    }
    out->headers = headers;
    return NULL;
}

static err *take_secret(arena *a, const node *secret, struct target *out, struct http_options *http)
{
    node *data;
    TRY(secret_values(a, secret, &data));
    out->secret = data;
    override(&out->address, data, "address");
    override(&out->user, data, "username");
    override(&http->proxy, data, "proxy");
    out->token = str_trim(node_get_str(data, STR("token")));
    out->password = node_get_str(data, STR("password"));
    out->address = str_trim(out->address);
    return take_headers(a, node_get_str(data, STR("headers")), out);
}

static err *take_proxy(arena *a, const node *secret, struct http_options *http)
{
    node *data;
    TRY(secret_values(a, secret, &data));
    http->proxy = str_trim(node_get_str(data, STR("address")));
    if (!http->proxy.len) return err_invalid("the proxy's Secret has no key 'address'");
    http->proxy_user = node_get_str(data, STR("username"));
    http->proxy_password = node_get_str(data, STR("password"));
    return NULL;
}

static void take_certificates(const node *data, struct http_options *http)
{
    override(&http->ca_pem, data, "caFile");
    override(&http->ca_pem, data, "ca.crt");
    override(&http->cert_pem, data, "certFile");
    override(&http->cert_pem, data, "tls.crt");
    override(&http->key_pem, data, "keyFile");
    override(&http->key_pem, data, "tls.key");
}

/* ---- the whole ---- */

static err *check_needs(const struct provider *provider, const struct target *target)
{
    if (target->address.len > LIMIT_NOTICE_ADDRESS_BYTES) {
        return err_invalid("the address has %zu bytes, more than the limit of %d",
                           target->address.len, LIMIT_NOTICE_ADDRESS_BYTES);
    }
    if ((provider->flags & NOTIFY_ADDRESS) && !target->address.len)
        return err_invalid("neither spec.address nor the key 'address' of the Secret is set");
    if ((provider->flags & NOTIFY_TOKEN) && !target->token.len)
        return err_invalid("the key 'token' of the Secret is missing");
    if ((provider->flags & NOTIFY_CHANNEL) && !target->channel.len)
        return err_invalid("spec.channel is missing");
    return NULL;
}

err *destination_build(arena *a, const struct target_spec *spec,
                       const struct target_secrets *secrets, struct target *out,
                       struct http_options *http_out)
{
    TRY(destination_check(spec));
    const struct provider *provider = notify_find(spec->type);
    struct target target = {
        .type = spec->type,
        .address = spec->address,
        .channel = spec->channel,
        .user = spec->user,
        .provider_namespace = spec->namespace,
        .provider_name = spec->name,
        .provider_uid = spec->uid,
    };
    struct http_options http = {.proxy = spec->proxy, .no_link_local = true};
    if (secrets->secret) TRY(take_secret(a, secrets->secret, &target, &http));
    if (secrets->proxy) TRY(take_proxy(a, secrets->proxy, &http));
    if (secrets->cert) {
        node *data;
        TRY(secret_values(a, secrets->cert, &data));
        take_certificates(data, &http);
    } else if (provider->flags & (NOTIFY_COMMIT | NOTIFY_COMMENT)) {
        override(&http.ca_pem, target.secret, "ca.crt");
    }
    http.ca_only = http.ca_pem.len > 0; /* compat: it replaces the system's certificates */
    TRY(check_needs(provider, &target));
    *out = target;
    *http_out = http;
    return NULL;
}

static str hide(arena *a, str text, str value)
{
    if (value.len < SHORT_BYTES) return text;
    return str_replace(a, text, value, STR("*****"));
}

str destination_mask(arena *a, const struct target *target, str text)
{
    text = hide(a, text, target->token);
    text = hide(a, text, target->password);
    PAIR_EACH (target->secret, pair)
        if (!str_is(pair->key, "username")) text = hide(a, text, str_trim(pair->value->text));
    for (size_t i = 0; i < target->header_count; i++)
        text = hide(a, text, target->headers[i].value);
    return text;
}
