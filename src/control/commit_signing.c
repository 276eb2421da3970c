#include "control/commit_signing.h"

#include "base/clock.h"
#include "kube/secret.h"

static err *sign_with_pgp(void *context, arena *a, str text, str *out)
{
    const struct commit_signing *signing = context;
    return pgpkey_sign(signing->pgp, a, text, clock_wall_ns(), out);
}

static err *sign_with_ssh(void *context, arena *a, str text, str *out)
{
    const struct commit_signing *signing = context;
    return sshkey_sign(&signing->ssh, a, text, out);
}

static err *get_secret(struct work *work, str name, node **out)
{
    struct kube_request get = {
        .verb = KUBE_GET,
        .ref = {{STR(""), STR("v1"), STR("Secret")}, work->namespace, name},
    };
    err *e = kube_do(manager_kube(work->manager), work->a, &get, out);
    return e ? err_wrap(e, "could not find signing key secret '" STR_FMT "'", STR_ARG(name)) : NULL;
}

static err *locked(const char *field, str name)
{
    return err_invalid("can not use passphrase protected signing key without '%s' field present in "
                       "secret " STR_FMT,
                       field, STR_ARG(name));
}

static err *read_pgp(struct work *work, const node *secret, str name, struct commit_signing *out)
{
    str armor, passphrase;
    TRY(secret_value(work->a, secret, "git.asc", &armor));
    TRY(secret_value(work->a, secret, "passphrase", &passphrase));
    if (!armor.len) {
        return err_invalid("signing key secret '" STR_FMT "' does not contain a 'git.asc' key",
                           STR_ARG(name));
    }
    err *e = pgpkey_read(armor, passphrase, &out->pgp);
    out->sign = sign_with_pgp;
    if (!e) return NULL;
    bool needs = str_is(str_of(e->reason), "Locked"), many = str_is(str_of(e->reason), "Several");
    if (!needs && !many) return err_wrap(e, "signing key secret '" STR_FMT "'", STR_ARG(name));
    err_free(e);
    if (needs) return locked("passphrase", name);
    return err_invalid("multiple entities read from secret '" STR_FMT
                       "', could not determine which signing key to use",
                       STR_ARG(name));
}

static err *read_ssh(struct work *work, const node *secret, str name, struct commit_signing *out)
{
    str ignored;
    TRY(secret_value(work->a, secret, "identity", &out->ssh.identity));
    TRY(secret_value(work->a, secret, "password", &out->ssh.password));
    if (!out->ssh.identity.len) {
        return err_invalid("signing key secret '" STR_FMT "' does not contain an 'identity' key",
                           STR_ARG(name));
    }
    if (!out->ssh.password.len && sshkey_is_locked(out->ssh.identity))
        return locked("password", name);
    out->ssh.folder = manager_options_of(work->manager)->storage_path;
    out->ssh.cancel = work->cancel;
    out->sign = sign_with_ssh;
    /* A key that does not sign is told of before there is anything to sign. */
    err *e = sshkey_sign(&out->ssh, work->a, STR("test"), &ignored);
    if (!e || e->kind == ERR_CANCELED) return e;
    return err_wrap(e, "signing key secret '" STR_FMT "'", STR_ARG(name));
}

err *commit_signing_read(struct work *work, const struct imageupdateautomation_key *spec,
                         struct commit_signing *out)
{
    str name = spec->secret_ref.name;
    node *secret;
    *out = (struct commit_signing){0};
    if (!name.len) return NULL;
    TRY(get_secret(work, name, &secret));
    if (!spec->type.len || str_is(spec->type, "gpg")) return read_pgp(work, secret, name, out);
    if (str_is(spec->type, "ssh")) return read_ssh(work, secret, name, out);
    return err_invalid("unknown signing key type \"" STR_FMT "\"", STR_ARG(spec->type));
}

void commit_signing_done(struct commit_signing *signing)
{
    pgpkey_free(signing->pgp);
}
