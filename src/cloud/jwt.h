#pragma once
/*
 * Signed tokens of OpenID Connect (JWS, RFC 7515 and 7519): split, and checked
 * with keys of the issuer. RS256 and ES256; whatever else a header says (jku,
 * x5u, none, HS256) is refused or not looked at. Errors never quote a token.
 * Pure; any thread.
 */
#include "doc/doc.h"

struct jwt {
    str algorithm, key_id;
    const node *claims; /* a map; not to be trusted before jwt_verify */
    str signed_part, signature;
};

/* INVALID for anything that is no JWT of a sane size. */
MUST_USE err *jwt_parse(arena *a, str text, struct jwt *out);
/* DENIED unless one of the keys of the set (RFC 7517) has made the signature. NOT_FOUND when the
 * set has no key of that id: it may have been changed. */
MUST_USE err *jwt_verify(const struct jwt *jwt, const node *key_set);
/* DENIED unless it is valid at that time, by exp, nbf and iat, with a minute of tolerance for the
 * clocks. A token without exp is refused. */
MUST_USE err *jwt_check_time(const struct jwt *jwt, int64_t now_wall_ns);
bool jwt_has_audience(const struct jwt *jwt, str audience); /* aud is it, or a list with it */
str jwt_claim(const struct jwt *jwt, const char *name);     /* a text; else empty */
