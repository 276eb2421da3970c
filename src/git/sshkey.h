#pragma once
/*
 * A private SSH key, and signatures of commits made with it by ssh-keygen
 * (format SSHSIG, namespace "git"). Key and password reach the program through
 * memory only. [worker]
 */
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"

struct sshkey {
    str identity, password; /* password may be empty */
    str folder;             /* an existing folder of ours, for the program to be in */
    const atomic_bool *cancel;
};

/* Does the key need a password? False, too, for what is no key. */
bool sshkey_is_locked(str identity);
/* An armored signature. INVALID when the key or the password is wrong. */
MUST_USE err *sshkey_sign(const struct sshkey *key, arena *a, str text, str *out);
