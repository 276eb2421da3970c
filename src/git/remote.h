#pragma once
/*
 * A repository on a server, and what it takes to reach it. Plain data; texts
 * are borrowed. Any thread.
 */
#include "base/arena.h"
#include "base/err.h"

struct remote {
    str url; /* http(s)://, without user info, or ssh:// with the user; no query, no fragment */
    str user, password;    /* basic authentication; user alone for SSH, "git" when not given */
    str bearer;            /* instead of both */
    str ca_pem;            /* added to the system's certificates */
    str cert_pem, key_pem; /* client certificate */
    str proxy, proxy_user, proxy_password; /* empty: from the environment */
    /* SSH: private key, its passphrase, lines of known hosts; lists of OpenSSH, empty: its own. */
    str identity, passphrase, known_hosts;
    str kex_algorithms, host_key_algorithms;
};

/* Checks the URL and moves its user info to the fields that are empty, so that no argument, log or
 * error ever carries it. INVALID, with the reason "URLInvalid", says what is wrong. */
MUST_USE err *remote_check(arena *a, struct remote *remote);
bool remote_is_ssh(const struct remote *remote);
/* The value of an Authorization header, or empty; always so for SSH. */
str remote_authorization(arena *a, const struct remote *remote);
/* A copy with its texts in the arena. */
struct remote remote_dup(arena *a, const struct remote *remote);
/* 32 hex digits that differ when the URL or any credential does; they reveal neither. */
str remote_id(arena *a, const struct remote *remote);
/* The same over certificates and proxy only: who shares it may share connections. */
str remote_trust(arena *a, const struct remote *remote);

/* A full name such as "refs/heads/main" or "HEAD", by the rules of git-check-ref-format. */
bool remote_ref_is_valid(str ref);
bool remote_sha_is_valid(str sha); /* 40 lower-case hex digits */
/* What a server says, cut short and without control characters: fit for a message. */
str remote_shown(arena *a, str text);
