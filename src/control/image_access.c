#include "control/image_access.h"

#include "base/clock.h"
#include "kube/secret.h"

struct taking {
    struct work *work;
    str namespace; /* of the ImageRepository */
    struct registry_access *access;
    struct keychain *keychain;
};

const char *image_access_refused(const struct imagerepository_spec *spec)
{
    return str_is(spec->provider, "generic") ? NULL : "spec.provider";
}

static err *get(struct taking *taking, const char *kind, str name, node **out)
{
    struct kube_request request = {
        .verb = KUBE_GET,
        .ref = {{STR(""), STR("v1"), str_of(kind)}, taking->namespace, name},
    };
    err *e = kube_do(manager_kube(taking->work->manager), taking->work->a, &request, out);
    return e ? err_wrap(e, "failed to get %s '" STR_FMT "/" STR_FMT "'",
                        str_is(str_of(kind), "Secret") ? "secret" : "service account",
                        STR_ARG(taking->namespace), STR_ARG(name))
             : NULL;
}

/* The value of the first key that is there; empty when none is. */
static err *first_value(struct taking *taking, const node *secret, const char *key,
                        const char *old_key, str *out)
{
    TRY(secret_value(taking->work->a, secret, key, out));
    return out->len ? NULL : secret_value(taking->work->a, secret, old_key, out);
}

static err *take_credentials(struct taking *taking, str name)
{
    node *secret;
    TRY(get(taking, "Secret", name, &secret));
    err *e = keychain_add_secret(taking->work->a, taking->keychain, secret);
    return e ? err_wrap(e, "secret '" STR_FMT "/" STR_FMT "'", STR_ARG(taking->namespace),
                        STR_ARG(name))
             : NULL;
}

/* compat: a pull secret that is missing, or of another type, is passed over. */
static err *take_account(struct taking *taking, str name)
{
    node *account;
    TRY(get(taking, "ServiceAccount", name, &account));
    NODE_EACH (node_get(account, STR("imagePullSecrets")), secret) {
        err *e = take_credentials(taking, node_get_str(secret, STR("name")));
        if (err_is(e, ERR_NOT_FOUND) || err_is(e, ERR_INVALID)) {
            err_free(e);
            continue;
        }
        if (e) return e;
    }
    return NULL;
}

static err *take_certificates(struct taking *taking, str name)
{
    struct registry_access *access = taking->access;
    node *secret;
    TRY(get(taking, "Secret", name, &secret));
    TRY(first_value(taking, secret, "ca.crt", "caFile", &access->ca_pem));
    TRY(first_value(taking, secret, "tls.crt", "certFile", &access->cert_pem));
    TRY(first_value(taking, secret, "tls.key", "keyFile", &access->key_pem));
    if (!access->cert_pem.len == !access->key_pem.len) return NULL;
    return err_invalid("secret '" STR_FMT "/" STR_FMT "': tls.crt and tls.key go together",
                       STR_ARG(taking->namespace), STR_ARG(name));
}

static err *take_proxy(struct taking *taking, str name)
{
    struct registry_access *access = taking->access;
    node *secret;
    TRY(get(taking, "Secret", name, &secret));
    TRY(secret_value(taking->work->a, secret, "address", &access->proxy));
    TRY(secret_value(taking->work->a, secret, "username", &access->proxy_user));
    TRY(secret_value(taking->work->a, secret, "password", &access->proxy_password));
    if (access->proxy.len) return NULL;
    return err_invalid("secret '" STR_FMT "/" STR_FMT "' has no key 'address'",
                       STR_ARG(taking->namespace), STR_ARG(name));
}

static err *take_all(struct taking *taking, const struct imagerepository_spec *spec)
{
    str account = spec->service_account_name;
    if (spec->secret_ref.name.len) TRY(take_credentials(taking, spec->secret_ref.name));
    if (account.len) TRY(take_account(taking, account));
    if (spec->cert_secret_ref.name.len) TRY(take_certificates(taking, spec->cert_secret_ref.name));
    if (spec->proxy_secret_ref.name.len) TRY(take_proxy(taking, spec->proxy_secret_ref.name));
    return NULL;
}

err *image_access_take(struct work *work, str namespace, const struct imagerepository_spec *spec,
                       struct registry_access *out)
{
    struct taking taking = {work, namespace, out, NEW(work->a, struct keychain)};
    *out = (struct registry_access){
        .keychain = taking.keychain,
        .insecure = spec->insecure,
        .due_ns = clock_now_ns() + imagerepository_spec_timeout_ns(spec),
        .cancel = work->cancel,
    };
    err *e = take_all(&taking, spec);
    if (!e) return NULL;
    e = err_wrap(e, "failed to configure authentication options");
    return err_because(e, "AuthenticationFailed");
}
