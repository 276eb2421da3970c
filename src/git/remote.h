#pragma once
/*
 * A repository on a server, and what it takes to reach it. Plain data; texts
 * are borrowed. The URL never carries credentials: remote_of takes them out.
 */
#include "base/arena.h"
#include "base/err.h"

struct remote {
    str url;                       /* http:// or https://, without user info, query, fragment */
    str user, password;            /* basic authentication */
    str bearer;                    /* instead of both */
    str ca_pem;                    /* added to the system's certificates */
    str cert_pem, key_pem;         /* client certificate */
    str proxy, proxy_user, proxy_password; /* empty: from the environment */
};

/* Checks the URL and moves its user info into the fields that are empty. INVALID, reason
 * "URLInvalid", says what is wrong with it. */
MUST_USE err *remote_check(arena *a, struct remote *remote);
/* 32 hex digits that differ when the URL or any credential differs; reveals neither. */
str remote_id(arena *a, const struct remote *remote);
/* The same without the URL: who shares it may share connections. */
str remote_trust(arena *a, const struct remote *remote);

/* A name such as "refs/heads/main" by the rules of git check-ref-format. */
bool remote_ref_is_valid(str ref);
bool remote_sha_is_valid(str sha); /* 40 lower-case hex digits */
