#pragma once
/*
 * The public keys of those who issue tokens, fetched over HTTP and kept for a
 * while. [worker] A set is asked for again when it is old, and at most once a
 * minute when a token names a key that it has not got. The number of issuers,
 * and the size of what they say, are bounded; redirects are not followed.
 */
#include "cloud/jwt.h"
#include "net/http.h"

struct issuer_keys;

struct issuer_keys *issuer_new(struct http *http);
void issuer_free(struct issuer_keys *keys);

/* Verifies the signature with the keys at that URL. */
MUST_USE err *issuer_verify_at(struct issuer_keys *keys, arena *a, str keys_url,
                               const struct jwt *jwt);
/* Finds the keys by OpenID Connect Discovery: the document below the issuer's URL has to name that
 * very URL as its issuer. Keys over plain HTTP are fetched for a plain HTTP issuer only. */
MUST_USE err *issuer_verify(struct issuer_keys *keys, arena *a, str issuer_url,
                            const struct jwt *jwt);
