#pragma once
/*
 * A signed statement about who we are (JWT, RS256), as services take it in
 * exchange for a token. Pure; any thread. Errors hold nothing of the key.
 */
#include "doc/doc.h"

/* key_pem: an RSA private key, PKCS#1 or PKCS#8. */
MUST_USE err *assertion_sign(arena *a, str key_pem, const node *claims, str *out);
