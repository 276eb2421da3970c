#pragma once
/* Keys of NATS: Ed25519 in base32, with a prefix that says whose and a checksum. Any thread. */
#include "base/err.h"

/* Signs a nonce with the seed of a user (SU...). The signature is in base64 of the URL kind without
 * padding; the public key begins with U. Errors never hold the seed. */
MUST_USE err *nkey_sign(struct arena *a, str seed, str nonce, str *public_key, str *signature);
