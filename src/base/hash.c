#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/arena.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t table_key[2];

static void draw_key(void)
{
    must(getrandom(table_key, sizeof table_key, 0) == (ssize_t)sizeof table_key);
}

static uint64_t rotated(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotated(s->v1, 13) ^ s->v0;
    s->v0 = rotated(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotated(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotated(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotated(s->v1, 17) ^ s->v2;
    s->v2 = rotated(s->v2, 32);
}

static uint64_t siphash(str s, uint64_t k0, uint64_t k1)
{
    struct sip sip = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
                      k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
    size_t whole = s.len / 8 * 8;
    uint64_t word;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, s.data + i, 8);
        sip.v3 ^= word;
        sip_round(&sip);
        sip_round(&sip);
        sip.v0 ^= word;
    }
    word = (uint64_t)s.len << 56;
    for (size_t i = whole; i < s.len; i++) {
        word |= (uint64_t)(unsigned char)s.data[i] << (8 * (i - whole));
    }
    sip.v3 ^= word;
    sip_round(&sip);
    sip_round(&sip);
    sip.v0 ^= word;
    sip.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

uint64_t hash_keyed(str s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_key);
    return siphash(s, table_key[0], table_key[1]);
}

uint64_t hash_stable(str s)
{
    return siphash(s, 0x666978706f696e74u, 0x6f62736572766564u);
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    uint64_t both[2] = {a, b};
    return hash_stable(str_from((const char *)both, sizeof both));
}

struct hash_state {
    EVP_MD_CTX *context;
};

struct hash_state *hash_new(const char *algorithm)
{
    const EVP_MD *md = EVP_get_digestbyname(algorithm);
    if (!md) return NULL;
    struct hash_state *state = lang_zalloc(sizeof *state);
    state->context = EVP_MD_CTX_new();
    must(state->context && EVP_DigestInit_ex(state->context, md, NULL) == 1);
    return state;
}

void hash_free(struct hash_state *state)
{
    if (!state) return;
    EVP_MD_CTX_free(state->context);
    free(state);
}

void hash_state_done(struct hash_state **state)
{
    hash_free(*state);
    *state = NULL;
}

void hash_add(struct hash_state *state, str s)
{
    must(EVP_DigestUpdate(state->context, s.data, s.len) == 1);
}

str hash_hex(arena *a, struct hash_state *state)
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    must(EVP_DigestFinal_ex(state->context, bytes, &len) == 1);
    return hash_to_hex(a, bytes, len);
}

void hash_sha256(str s, uint8_t out[HASH_SHA256_BYTES])
{
    must(EVP_Digest(s.data ? s.data : "", s.len, out, NULL, EVP_sha256(), NULL) == 1);
}

str hash_sha256_hex(arena *a, str s)
{
    uint8_t bytes[HASH_SHA256_BYTES];
    hash_sha256(s, bytes);
    return hash_to_hex(a, bytes, sizeof bytes);
}

str hash_hmac(struct arena *a, const char *algorithm, str key, str text)
{
    const EVP_MD *md = EVP_get_digestbyname(algorithm);
    unsigned char *bytes = arena_alloc(a, EVP_MAX_MD_SIZE);
    unsigned len = 0;
    must(md && HMAC(md, key.len ? key.data : "", (int)key.len, (const unsigned char *)text.data,
                    text.len, bytes, &len));
    return str_from((const char *)bytes, len);
}

str hash_to_hex(arena *a, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(a, len * 2 + 1);
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[len * 2] = '\0';
    return (str){text, len * 2};
}

bool hash_equal(str a, str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}
