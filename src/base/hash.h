#pragma once
/*
 * Digests (OpenSSL) and the keyed hash for tables. Any thread.
 */
#include "base/str.h"

enum { HASH_SHA256_BYTES = 32, HASH_SHA1_BYTES = 20 };

/* SipHash-2-4 under a key drawn at start: an attacker cannot choose collisions. */
uint64_t hash_keyed(str s);
/* The same under a fixed key, for values that are stored or compared between runs. */
uint64_t hash_stable(str s);
uint64_t hash_mix(uint64_t a, uint64_t b);

void hash_sha256(str s, uint8_t out[HASH_SHA256_BYTES]);
str hash_sha256_hex(struct arena *a, str s);

/* Digest of a text that comes in pieces. */
struct hash_state;
struct hash_state *
hash_new(const char *algorithm); /* "sha256", "sha384", "sha512", "sha1"; NULL if unknown */
void hash_free(struct hash_state *state);
void hash_state_done(struct hash_state **state); /* for AUTO */
void hash_add(struct hash_state *state, str s);
str hash_hex(struct arena *a, struct hash_state *state); /* ends the state's use */

/* HMAC (RFC 2104): the bytes of the code. `algorithm` as above. */
str hash_hmac(struct arena *a, const char *algorithm, str key, str text);

str hash_to_hex(struct arena *a, const uint8_t *bytes, size_t len);
/* Compares in time that depends on the length only. */
bool hash_equal(str a, str b);
