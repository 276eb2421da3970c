#include "git/sshkey.h"

#include "base/b64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "git/gitrun.h"

#define SIGN_NS  (10 * CLOCK_SECOND)
#define BEGIN    "-----BEGIN OPENSSH PRIVATE KEY-----"
#define MAGIC    "openssh-key-v1\0"
#define PASSWORD "FIXPOINT_PASSWORD"

/* The body of the file begins with magic and the name of the cipher, "none" for an open key. */
bool sshkey_is_locked(str identity)
{
    arena a AUTO(arena_done) = {0};
    ptrdiff_t at = str_find(identity, STR(BEGIN));
    if (at < 0) return str_find(identity, STR("ENCRYPTED")) >= 0; /* PEM says so in its text */
    str rest = str_skip(identity, (size_t)at + sizeof BEGIN - 1), line, bytes = {0};
    buf b = BUF(&a);
    while (str_next_line(&rest, &line) && !str_starts(line, STR("-----")))
        buf_add(&b, str_trim(line));
    err_free(b64_decode(&a, buf_str(&b), &bytes));
    return str_strip_prefix(&bytes, STR(MAGIC)) && bytes.len > 8 &&
           !str_starts(str_skip(bytes, 4), STR("none"));
}

/* What ssh-keygen asks for the password: prints it from its environment. */
static err *write_asker(arena *a, str folder, str *out)
{
    *out = fs_join(a, folder, STR("askpass"));
    return fs_write(*out, STR("#!/bin/sh\nprintf '%s\\n' \"$" PASSWORD "\"\n"), 0700);
}

err *sshkey_sign(const struct sshkey *key, arena *a, str text, str *out)
{
    static const char *const args[] = {"-q", "-Y", "sign", "-n", "git", "-f", GITRUN_KEY, NULL};
    str asker = STR("/bin/false");
    if (key->password.len) TRY(write_asker(a, key->folder, &asker));
    const char *variables[] = {
        "SSH_ASKPASS_REQUIRE=force",
        str_z(a, str_concat(a, STR("SSH_ASKPASS="), asker)),
        str_z(a, str_concat(a, STR(PASSWORD "="), key->password)),
        NULL,
    };
    str identity = str_trim_right(key->identity);
    struct gitrun run = {
        .git = STR("ssh-keygen"),
        .folder = key->folder,
        .args = args,
        .input = text,
        .key = str_concat(a, identity, STR("\n")),
        .variables = variables,
        .due_ns = clock_now_ns() + SIGN_NS,
        .cancel = key->cancel,
    };
    err *e = gitrun_do(a, &run, out);
    if (!e || e->kind == ERR_CANCELED) return e;
    bool wrong = str_find(err_text(e), STR("incorrect passphrase")) >= 0;
    err_free(e);
    return wrong ? err_invalid("the password is wrong")
                 : err_invalid("ssh-keygen cannot sign with the key, or is not installed");
}
