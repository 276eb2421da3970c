#pragma once
/*
 * The SSH transport: how OpenSSH's client is started for one remote, by git for
 * fetch and push, by sshpoll to list references. [worker]
 *
 * Identity, known hosts, passphrase and the configuration are files that exist
 * in memory only (memfd, mode 0600, closed when the run ends). ssh closes what
 * it inherits, so it opens them as /proc/<our process>/fd/<n>, which the kernel
 * allows to our user alone; no secret is on disk, in an argument or in an
 * environment. A passphrase is given, once, by a small script, in memory too, that
 * ssh starts as its SSH_ASKPASS.
 *
 * Nothing else has a say: no configuration of the user or the system, no agent,
 * no forwarding, no other way to log in than this one key, no host key that is
 * not in these known hosts. ssh never asks anybody and learns nothing.
 *
 * GIT_SSH_COMMAND goes through a shell, as git has no other way to hand over
 * options. Its text is ours: a program and the path of the configuration. User,
 * host, port and path follow as arguments, which no shell reads here; the path
 * is quoted for the shell of the server.
 */
#include "git/remote.h"

struct ssh {
    const char *config; /* for `ssh -F` */
    const char *const
        *variables; /* of the environment of git or ssh, "NAME=value"; end with NULL */
    int files[5], file_count;
};

/* For a checked remote with an ssh:// URL. Texts live in the arena, files until ssh_close. */
MUST_USE err *ssh_open(arena *a, const struct remote *remote, struct ssh *out);
void ssh_close(struct ssh *ssh);

/* After "ssh": the arguments that start a service ("git-upload-pack") at the remote; NULL at the
 * end. */
const char *const *ssh_args(arena *a, const struct ssh *ssh, const struct remote *remote,
                            const char *service);
/* What went wrong, out of what ssh and the server said: with the texts of the reference where it
 * has one, without paths of ours; said is
 * free of control characters. NULL: it was neither. */
err *ssh_error(str said);
