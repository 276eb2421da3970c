#pragma once
/*
 * A private key in OpenPGP's armor (RFC 4880, and EdDSA as GnuPG writes it), and
 * detached signatures made with it. RSA, ECDSA and Ed25519; keys protected by a
 * passphrase. The key never leaves memory. Any thread.
 */
#include "base/arena.h"
#include "base/err.h"

struct pgpkey;

/* INVALID. The reason is "Locked" when a passphrase is needed and there is none, and "Several" when
 * the text has more than one key of its own. */
MUST_USE err *pgpkey_read(str armor, str passphrase, struct pgpkey **out);
void pgpkey_free(struct pgpkey *key);
/* An armored signature of the text. */
MUST_USE err *pgpkey_sign(const struct pgpkey *key, arena *a, str text, int64_t wall_ns, str *out);
