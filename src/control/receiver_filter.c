#include "control/receiver_filter.h"

static const char *const filter_names[] = {"res", "req", "claims", NULL};
static const char *const claim_names[] = {"claims", "vars", NULL};

static err *check_filter(arena *a, str expression)
{
    struct cel *cel;
    return expression.len ? cel_require(a, expression, filter_names, CEL_BOOL, &cel) : NULL;
}

static err *check_filters(arena *a, const struct receiver_spec *spec)
{
    TRY(check_filter(a, spec->resource_filter));
    for (size_t i = 0; i < spec->resources.count; i++) {
        err *e = check_filter(a, spec->resources.items[i].filter);
        if (e) return err_wrap(e, "resources[%zu].filter", i);
    }
    return NULL;
}

static err *check_claims(arena *a, const struct receiver_issuer *issuer)
{
    struct cel *cel;
    for (size_t i = 0; i < issuer->variables.count; i++) {
        const struct receiver_variable *variable = &issuer->variables.items[i];
        err *e = cel_require(a, variable->expression, claim_names, CEL_DYN, &cel);
        if (e) {
            return err_wrap(e, "invalid expression for variable \"" STR_FMT "\"",
                            STR_ARG(variable->name));
        }
    }
    for (size_t i = 0; i < issuer->validations.count; i++) {
        const struct receiver_validation *validation = &issuer->validations.items[i];
        err *e = cel_require(a, validation->expression, claim_names, CEL_BOOL, &cel);
        if (e) {
            return err_wrap(e, "invalid expression for validation \"" STR_FMT "\"",
                            STR_ARG(validation->message));
        }
    }
    return NULL;
}

/* What the rules of the CRD say, for servers that do not know them. */
static err *check_issuers(const struct receiver_spec *spec)
{
    bool oidc = receiver_spec_is_oidc(spec);
    if (oidc && !spec->issuers.count)
        return err_invalid("generic-oidc receivers must define at least one oidcProvider");
    if (oidc && spec->secret_ref.name.len)
        return err_invalid("secretRef cannot be set when type is generic-oidc");
    if (!oidc && spec->issuers.count)
        return err_invalid("oidcProviders can only be set when type is generic-oidc");
    if (!oidc && !spec->secret_ref.name.len)
        return err_invalid("secretRef is required when type is not generic-oidc");
    for (size_t i = 0; i < spec->issuers.count; i++) {
        const struct receiver_issuer *issuer = &spec->issuers.items[i];
        for (size_t k = 0; k < i; k++) {
            if (str_eq(spec->issuers.items[k].issuer_url, issuer->issuer_url)) {
                return err_invalid("oidcProviders[%zu]: duplicate issuerURL \"" STR_FMT "\"", i,
                                   STR_ARG(issuer->issuer_url));
            }
        }
        if (!issuer->validations.count) {
            return err_invalid("oidcProviders[%zu] (issuerURL=\"" STR_FMT
                               "\"): at least one validation is required; without validations any "
                               "caller able to obtain a token from this issuer can trigger the "
                               "Receiver",
                               i, STR_ARG(issuer->issuer_url));
        }
    }
    return NULL;
}

err *receiver_filter_check(arena *a, const struct receiver_spec *spec)
{
    err *e = check_issuers(spec);
    if (e) return err_because(e, "ValidationFailed");
    e = check_filters(a, spec);
    for (size_t i = 0; !e && i < spec->issuers.count; i++) {
        const struct receiver_issuer *issuer = &spec->issuers.items[i];
        e = check_claims(a, issuer);
        if (e) {
            e = err_wrap(e, "oidcProviders[%zu] (issuerURL=\"" STR_FMT "\")", i,
                         STR_ARG(issuer->issuer_url));
        }
    }
    return err_because(e, "InvalidCELExpression");
}

/* The object as its metadata alone shows it. */
static const node *shown(arena *a, struct kube_kind kind, const node *object)
{
    node *res = node_map(a);
    node *metadata = node_get(object, STR("metadata"));
    node_set_str(a, res, STR("apiVersion"), kube_api_version(a, kind));
    node_set_str(a, res, STR("kind"), kind.kind);
    if (metadata) node_set(a, res, STR("metadata"), metadata);
    return res;
}

err *receiver_filter_run(arena *a, str expression, struct kube_kind kind, const node *object,
                         const node *request, const node *claims, bool *out)
{
    struct cel *cel;
    *out = true;
    if (!expression.len) return NULL;
    TRY(cel_require(a, expression, filter_names, CEL_BOOL, &cel));
    const node *none = node_map(a);
    const struct cel_variable variables[] = {
        {STR("res"), cel_value_of_json(shown(a, kind, object))},
        {STR("req"), cel_value_of_json(request ? request : none)},
        {STR("claims"), cel_value_of_json(claims ? claims : none)},
    };
    return cel_eval_bool(a, cel, variables, COUNT(variables), out);
}
