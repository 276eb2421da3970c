#include "control/receiver_secret.h"

#include "base/hash.h"
#include "kube/secret.h"

static err *need_keys(const struct receiver_spec *spec, str name, const node *data)
{
    bool gcr = str_is(spec->type, "gcr");
    bool full =
        node_get_str(data, STR("token")).len &&
        (!gcr || (node_get_str(data, STR("email")).len && node_get_str(data, STR("audience")).len));
    if (full) return NULL;
    return err_invalid("invalid '" STR_FMT "' secret data: required fields %s", STR_ARG(name),
                       gcr ? "'token', 'email' and 'audience'" : "'token'");
}

err *receiver_secret_read(struct kube *kube, arena *a, str namespace,
                          const struct receiver_spec *spec, node **data_out, str *token_out)
{
    node *secret, *data = NULL;
    *data_out = NULL;
    *token_out = (str){0};
    if (receiver_spec_is_oidc(spec)) return NULL;
    str name =
        str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(spec->secret_ref.name));
    struct kube_request get = {
        .verb = KUBE_GET,
        .ref = {{STR(""), STR("v1"), STR("Secret")}, namespace, spec->secret_ref.name},
    };
    err *e = kube_do(kube, a, &get, &secret);
    if (!e) e = secret_values(a, secret, &data);
    if (e)
        return err_wrap(e, "unable to read token from secret '" STR_FMT "' error", STR_ARG(name));
    TRY(need_keys(spec, name, data));
    *data_out = data;
    *token_out = node_get_str(data, STR("token"));
    return NULL;
}

str receiver_secret_path(arena *a, str token, str name, str namespace)
{
    str text = str_concat(a, token, str_concat(a, name, namespace));
    return str_concat(a, STR("/hook/"), hash_sha256_hex(a, text));
}
