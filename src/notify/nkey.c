#include "notify/nkey.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/b64.h"
#include "base/buf.h"

enum {
    PREFIX_SEED = 18 << 3, /* what makes the first letter an S */
    PREFIX_USER = 20 << 3, /* the same, a U */
    KEY_BYTES = 32,
    SIGNATURE_BYTES = 64,
    SEED_BYTES = 2 + KEY_BYTES + 2, /* both prefixes, key, checksum */
    PUBLIC_BYTES = 1 + KEY_BYTES + 2,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static str to_base32(arena *a, const uint8_t *bytes, size_t len)
{
    buf b = BUF(a);
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 5; count -= 5)
            buf_add_char(&b, alphabet[bits >> (count - 5) & 31]);
    }
    if (count) buf_add_char(&b, alphabet[bits << (5 - count) & 31]);
    return buf_str(&b);
}

/* Exactly len bytes, without padding; false for anything else. */
static bool from_base32(str text, uint8_t *out, size_t len)
{
    uint32_t bits = 0;
    int count = 0;
    size_t done = 0;
    if (text.len != (len * 8 + 4) / 5) return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!at) return false;
        bits = bits << 5 | (uint32_t)(at - alphabet);
        count += 5;
        if (count < 8) continue;
        count -= 8;
        out[done++] = (uint8_t)(bits >> count);
    }
    return done == len && (bits & ((1u << count) - 1)) == 0;
}

/* CRC-16/XMODEM */
static unsigned checksum(const uint8_t *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xFFFF;
    }
    return crc;
}

static str show_public(arena *a, const uint8_t key[KEY_BYTES])
{
    uint8_t bytes[PUBLIC_BYTES] = {PREFIX_USER};
    memcpy(bytes + 1, key, KEY_BYTES);
    unsigned crc = checksum(bytes, PUBLIC_BYTES - 2);
    bytes[PUBLIC_BYTES - 2] = (uint8_t)crc;
    bytes[PUBLIC_BYTES - 1] = (uint8_t)(crc >> 8);
    return to_base32(a, bytes, sizeof bytes);
}

static err *read_seed(str seed, uint8_t bytes[SEED_BYTES])
{
    if (!from_base32(seed, bytes, SEED_BYTES))
        return err_invalid("it is not a seed of NATS, which has 58 letters and digits");
    unsigned crc = bytes[SEED_BYTES - 2] | (unsigned)bytes[SEED_BYTES - 1] << 8;
    if (checksum(bytes, SEED_BYTES - 2) != crc)
        return err_invalid("the seed's checksum is wrong: it has been cut or mistyped");
    unsigned whose = (bytes[0] & 7u) << 5 | bytes[1] >> 3;
    if ((bytes[0] & 0xF8) != PREFIX_SEED || whose != PREFIX_USER)
        return err_invalid("it is not the seed of a user, which begins with SU");
    return NULL;
}

err *nkey_sign(arena *a, str seed, str nonce, str *public_key, str *signature)
{
    uint8_t bytes[SEED_BYTES], raw[KEY_BYTES], signed_bytes[SIGNATURE_BYTES];
    size_t raw_len = sizeof raw, signed_len = sizeof signed_bytes;
    TRY(read_seed(seed, bytes));
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes + 2, KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    OPENSSL_cleanse(bytes, sizeof bytes);
    bool good = key && context && EVP_PKEY_get_raw_public_key(key, raw, &raw_len) == 1 &&
                EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signed_bytes, &signed_len, (const uint8_t *)nonce.data,
                               nonce.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    if (!good) return err_internal("Ed25519 is not available");
    *public_key = show_public(a, raw);
    *signature = b64_encode_url(a, str_from((const char *)signed_bytes, signed_len));
    return NULL;
}
