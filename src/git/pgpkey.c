#include "git/pgpkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"

enum {
    TAG_SIGNATURE = 2,
    TAG_KEY = 5,
    TAG_SUBKEY = 7,
    ALGORITHM_RSA = 1,
    ALGORITHM_RSA_SIGN = 3,
    ALGORITHM_ECDSA = 19,
    ALGORITHM_EDDSA = 22,
    KEY_BYTES_MAX = 64 * 1024,
    FLAG_SIGN = 2,
    SHA256_ID = 8,
    SHA512_ID = 10,
    WIDTH = 64, /* of a line of armor */
};

struct pgpkey {
    EVP_PKEY *key;
    uint8_t algorithm, hash;
    uint8_t fingerprint[HASH_SHA1_BYTES];
};

/* A key packet, taken apart. */
struct packet {
    str body, open, secret; /* open: what the fingerprint is of */
    uint8_t algorithm;
    bool signs, flagged;
};

struct reading {
    arena a; /* its secrets are wiped */
    str passphrase;
    struct packet keys[16];
    size_t count, primaries;
};

static err *bad(const char *what)
{
    return err_invalid("the key cannot be read: %s", what);
}

/* ---- Armor ---- */

static err *unarmor(arena *a, str text, str *out)
{
    static const char begin[] = "-----BEGIN PGP PRIVATE KEY BLOCK-----", end[] = "-----END PGP";
    ptrdiff_t at = str_find(text, str_of(begin));
    if (text.len > KEY_BYTES_MAX) return bad("it is too large");
    if (at < 0) return bad("it is no armored private key");
    str rest = str_skip(text, (size_t)at + sizeof begin - 1), line;
    buf b = BUF(a);
    bool in_body = false;
    while (str_next_line(&rest, &line) && !str_starts(line, str_of(end))) {
        line = str_trim(line);
        bool is_header = !in_body && str_find(line, STR(": ")) > 0;
        if (line.len && !is_header) in_body = true;
        if (is_header || (line.len && line.data[0] == '=')) continue; /* a checksum of the text */
        buf_add(&b, line);
    }
    err *e = b64_decode(a, buf_str(&b), out);
    err_free(e);
    return e ? bad("its armor is damaged") : NULL;
}

static uint32_t crc24(str bytes)
{
    uint32_t crc = 0xb704ce;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint32_t)(unsigned char)bytes.data[i] << 16;
        for (int k = 0; k < 8; k++) {
            crc <<= 1;
            if (crc & 0x1000000) crc ^= 0x1864cfb;
        }
    }
    return crc & 0xffffff;
}

static str armor(arena *a, str bytes)
{
    uint32_t crc = crc24(bytes);
    char sum[] = {(char)(crc >> 16), (char)(crc >> 8), (char)crc};
    str text = b64_encode(a, bytes);
    buf b = BUF(a);
    BUF_ADD(&b, "-----BEGIN PGP SIGNATURE-----\n\n");
    for (; text.len; text = str_skip(text, WIDTH))
        buf_printf(&b, STR_FMT "\n", STR_ARG(str_head(text, WIDTH)));
    buf_printf(&b, "=" STR_FMT "\n-----END PGP SIGNATURE-----\n",
               STR_ARG(b64_encode(a, str_from(sum, sizeof sum))));
    return buf_str(&b);
}

/* ---- Packets ---- */

/* The first `count` bytes, big end first. */
static bool take_number(str *from, size_t count, uint32_t *out)
{
    *out = 0;
    if (from->len < count) return false;
    for (size_t i = 0; i < count; i++)
        *out = *out << 8 | (unsigned char)from->data[i];
    *from = str_skip(*from, count);
    return true;
}

static bool take_bytes(str *from, size_t count, str *out)
{
    if (from->len < count) return false;
    *out = str_head(*from, count);
    *from = str_skip(*from, count);
    return true;
}

static bool take_mpi(str *from, str *out)
{
    uint32_t bits;
    return take_number(from, 2, &bits) && take_bytes(from, (bits + 7) / 8, out);
}

/* The length of a new packet, or of a subpacket, which have the same form. */
static bool take_length(str *from, uint32_t *out)
{
    uint32_t first, second;
    if (!take_number(from, 1, &first)) return false;
    *out = first;
    if (first < 192) return true;
    if (first == 255) return take_number(from, 4, out);
    if (first >= 224 || !take_number(from, 1, &second)) return false; /* partial lengths */
    *out = ((first - 192) << 8) + second + 192;
    return true;
}

static bool take_packet(str *from, int *tag, str *body)
{
    static const size_t old_lengths[] = {1, 2, 4};
    uint32_t head, len;
    if (!take_number(from, 1, &head) || !(head & 0x80)) return false;
    if (head & 0x40) {
        *tag = (int)(head & 0x3f);
        return take_length(from, &len) && take_bytes(from, len, body);
    }
    *tag = (int)(head >> 2 & 0xf);
    return (head & 3) < 3 && take_number(from, old_lengths[head & 3], &len) &&
           take_bytes(from, len, body);
}

static size_t public_mpis(uint8_t algorithm)
{
    return algorithm == ALGORITHM_RSA || algorithm == ALGORITHM_RSA_SIGN ? 2 : 1;
}

/* Version 4: creation, algorithm, public part, secret part. Other algorithms are passed over. */
static bool read_key(str body, struct packet *out)
{
    uint32_t version, algorithm, len;
    str rest = body, skipped;
    if (!take_number(&rest, 1, &version) || version != 4) return false;
    if (!take_bytes(&rest, 4, &skipped) || !take_number(&rest, 1, &algorithm)) return false;
    bool curve = algorithm == ALGORITHM_ECDSA || algorithm == ALGORITHM_EDDSA;
    if (!curve && algorithm != ALGORITHM_RSA && algorithm != ALGORITHM_RSA_SIGN) return false;
    if (curve && !(take_number(&rest, 1, &len) && take_bytes(&rest, len, &skipped))) return false;
    for (size_t i = 0; i < public_mpis((uint8_t)algorithm); i++) {
        if (!take_mpi(&rest, &skipped)) return false;
    }
    *out = (struct packet){.body = body,
                           .open = str_head(body, body.len - rest.len),
                           .secret = rest,
                           .algorithm = (uint8_t)algorithm};
    return true;
}

/* The flags that a signature over the key before it gives. */
static void read_flags(str body, struct packet *key)
{
    uint32_t version, len, type, flags;
    str skipped, area;
    if (!take_number(&body, 1, &version) || version != 4 || !take_bytes(&body, 3, &skipped) ||
        !take_number(&body, 2, &len) || !take_bytes(&body, len, &area))
        return;
    while (take_length(&area, &len) && len > 0 && take_bytes(&area, len, &skipped)) {
        if (!take_number(&skipped, 1, &type) || (type & 0x7f) != 27) continue;
        key->flagged = true;
        if (take_number(&skipped, 1, &flags)) key->signs = flags & FLAG_SIGN;
    }
}

static err *read_packets(struct reading *r, str bytes)
{
    struct packet *last = NULL;
    int tag;
    str body;
    while (bytes.len) {
        if (!take_packet(&bytes, &tag, &body)) return bad("its packets are damaged");
        if (tag == TAG_SIGNATURE && last) read_flags(body, last);
        if (tag != TAG_KEY && tag != TAG_SUBKEY) continue;
        r->primaries += tag == TAG_KEY;
        if (r->count == COUNT(r->keys)) return bad("it has too many subkeys");
        last = read_key(body, &r->keys[r->count]) ? &r->keys[r->count++] : NULL;
    }
    if (r->primaries > 1) return err_new(ERR_INVALID, "Several", "it has more than one key");
    return r->count ? NULL : bad("it has no key for RSA, ECDSA or Ed25519");
}

/* ---- The secret part ---- */

static const EVP_MD *digest_of(uint32_t id)
{
    if (id == 2) return EVP_sha1();
    if (id == SHA256_ID) return EVP_sha256();
    if (id == 9) return EVP_sha384();
    return id == SHA512_ID ? EVP_sha512() : NULL;
}

/* One block of the key: `zeros` in front, then salt and passphrase, again and again. */
static void stretch_block(const EVP_MD *md, size_t zeros, str salted, size_t count, uint8_t *out)
{
    static const uint8_t nothing[64];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, nothing, zeros));
    for (size_t left = MAX(count, salted.len); left;) {
        size_t part = MIN(left, salted.len);
        must(EVP_DigestUpdate(ctx, salted.data, part));
        left -= part;
        if (!salted.len) break;
    }
    must(EVP_DigestFinal_ex(ctx, out, NULL));
    EVP_MD_CTX_free(ctx);
}

/* RFC 4880 section 3.7.1. */
static bool stretch(struct reading *r, str *from, size_t key_len, uint8_t *key)
{
    uint32_t kind, hash, coded;
    str salt = {0};
    size_t count = 0;
    if (!take_number(from, 1, &kind) || !take_number(from, 1, &hash)) return false;
    if (kind != 0 && kind != 1 && kind != 3) return false;
    if (kind && !take_bytes(from, 8, &salt)) return false;
    if (kind == 3) {
        if (!take_number(from, 1, &coded)) return false;
        count = (size_t)(16 + (coded & 15)) << ((coded >> 4) + 6);
    }
    const EVP_MD *md = digest_of(hash);
    if (!md) return false;
    str salted = str_concat(&r->a, salt, r->passphrase);
    uint8_t block[EVP_MAX_MD_SIZE];
    size_t size = (size_t)EVP_MD_get_size(md);
    for (size_t done = 0, zeros = 0; done < key_len; done += size, zeros++) {
        stretch_block(md, zeros, salted, count, block);
        memcpy(key + done, block, MIN(size, key_len - done));
    }
    OPENSSL_cleanse(block, sizeof block);
    return true;
}

static bool decrypt_cfb(const EVP_CIPHER *cipher, const uint8_t *key, str iv, str from,
                        uint8_t *out)
{
    int len = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done = ctx && EVP_DecryptInit_ex(ctx, cipher, NULL, key, (const uint8_t *)iv.data) &&
                EVP_DecryptUpdate(ctx, out, &len, (const uint8_t *)from.data, (int)from.len);
    EVP_CIPHER_CTX_free(ctx);
    return done && (size_t)len == from.len;
}

/* Splits off the checksum at the end, and compares. */
static bool check_sum(str *plain, bool sha1)
{
    size_t len = sha1 ? HASH_SHA1_BYTES : 2;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (plain->len < len) return false;
    str sum = str_tail(*plain, len);
    *plain = str_head(*plain, plain->len - len);
    if (sha1) {
        must(EVP_Digest(plain->data, plain->len, digest, NULL, EVP_sha1(), NULL));
    } else {
        unsigned total = 0;
        for (size_t i = 0; i < plain->len; i++)
            total += (unsigned char)plain->data[i];
        digest[0] = (uint8_t)(total >> 8);
        digest[1] = (uint8_t)total;
    }
    return CRYPTO_memcmp(digest, sum.data, len) == 0;
}

static err *unlock(struct reading *r, str secret, str *out)
{
    uint32_t usage, cipher_id;
    uint8_t key[32];
    str iv;
    if (!take_number(&secret, 1, &usage)) return bad("its secret part is damaged");
    if (usage == 0) {
        *out = secret;
        return check_sum(out, false) ? NULL : bad("its secret part is damaged");
    }
    if (usage != 254 && usage != 255)
        return bad("its protection is of a kind that is not supported");
    if (!r->passphrase.len) return err_new(ERR_INVALID, "Locked", "it needs a passphrase");
    if (!take_number(&secret, 1, &cipher_id)) return bad("its secret part is damaged");
    const EVP_CIPHER *cipher = cipher_id == 7   ? EVP_aes_128_cfb128()
                               : cipher_id == 8 ? EVP_aes_192_cfb128()
                               : cipher_id == 9 ? EVP_aes_256_cfb128()
                                                : NULL;
    if (!cipher || !stretch(r, &secret, (size_t)EVP_CIPHER_get_key_length(cipher), key) ||
        !take_bytes(&secret, 16, &iv))
        return bad("its protection is of a kind that is not supported");
    uint8_t *plain = arena_alloc(&r->a, secret.len + 1);
    bool done = decrypt_cfb(cipher, key, iv, secret, plain);
    OPENSSL_cleanse(key, sizeof key);
    *out = str_from((char *)plain, secret.len);
    if (!done || !check_sum(out, usage == 254)) return err_invalid("the passphrase is wrong");
    return NULL;
}

/* ---- Keys of OpenSSL ---- */

static BIGNUM *number_of(str bytes)
{
    return BN_bin2bn((const uint8_t *)bytes.data, (int)bytes.len, NULL);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1) {
        if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1) key = NULL;
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(str open, str secret)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
                                        OSSL_PKEY_PARAM_RSA_D};
    str parts[3];
    open = str_skip(open, 6);
    if (!take_mpi(&open, &parts[0]) || !take_mpi(&open, &parts[1]) || !take_mpi(&secret, &parts[2]))
        return NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *numbers[3];
    for (size_t i = 0; i < COUNT(parts); i++) {
        numbers[i] = number_of(parts[i]);
        must(build && numbers[i] && OSSL_PARAM_BLD_push_BN(build, names[i], numbers[i]));
    }
    EVP_PKEY *key = from_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    for (size_t i = 0; i < COUNT(numbers); i++)
        BN_clear_free(numbers[i]);
    return key;
}

static const struct curve {
    str oid;
    const char *name; /* NULL: Ed25519 */
    uint8_t hash;
} curves[] = {
    {STR("\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"), NULL, SHA256_ID},
    {STR("\x2a\x86\x48\xce\x3d\x03\x01\x07"), "P-256", SHA256_ID},
    {STR("\x2b\x81\x04\x00\x22"), "P-384", SHA512_ID},
    {STR("\x2b\x81\x04\x00\x23"), "P-521", SHA512_ID},
};

static EVP_PKEY *ecdsa_key(const char *name, str point, str scalar)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *secret = number_of(scalar);
    must(build && secret &&
         OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, name, 0) &&
         OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len) &&
         OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret));
    EVP_PKEY *key = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(secret);
    return key;
}

static EVP_PKEY *curve_key(str open, str secret, uint8_t *hash)
{
    uint32_t len;
    str oid, point, scalar;
    uint8_t raw[32] = {0};
    open = str_skip(open, 6);
    if (!take_number(&open, 1, &len) || !take_bytes(&open, len, &oid) || !take_mpi(&open, &point) ||
        !take_mpi(&secret, &scalar))
        return NULL;
    for (size_t i = 0; i < COUNT(curves); i++) {
        if (!str_eq(oid, curves[i].oid)) continue;
        *hash = curves[i].hash;
        if (curves[i].name) return ecdsa_key(curves[i].name, point, scalar);
        if (scalar.len > sizeof raw) return NULL;
        memcpy(raw + sizeof raw - scalar.len, scalar.data, scalar.len);
        EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
        OPENSSL_cleanse(raw, sizeof raw);
        return key;
    }
    return NULL;
}

static void set_fingerprint(str open, uint8_t out[HASH_SHA1_BYTES])
{
    uint8_t head[] = {0x99, (uint8_t)(open.len >> 8), (uint8_t)open.len};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) &&
         EVP_DigestUpdate(ctx, head, sizeof head) && EVP_DigestUpdate(ctx, open.data, open.len) &&
         EVP_DigestFinal_ex(ctx, out, NULL));
    EVP_MD_CTX_free(ctx);
}

/* A subkey that is for signing goes before the key itself, as for the reference. */
static const struct packet *choose(const struct reading *r)
{
    for (size_t i = r->count; i > 1; i--) {
        if (r->keys[i - 1].signs) return &r->keys[i - 1];
    }
    return r->keys[0].signs || !r->keys[0].flagged ? &r->keys[0] : NULL;
}

static err *read_all(struct reading *r, str text, struct pgpkey **out)
{
    str bytes, secret;
    TRY(unarmor(&r->a, text, &bytes));
    TRY(read_packets(r, bytes));
    const struct packet *chosen = choose(r);
    if (!chosen) return bad("it is not for signing");
    TRY(unlock(r, chosen->secret, &secret));
    uint8_t hash = SHA256_ID;
    bool rsa = chosen->algorithm == ALGORITHM_RSA || chosen->algorithm == ALGORITHM_RSA_SIGN;
    EVP_PKEY *made = rsa ? rsa_key(chosen->open, secret) : curve_key(chosen->open, secret, &hash);
    uint8_t fingerprint[HASH_SHA1_BYTES];
    set_fingerprint(chosen->open, fingerprint);
    OPENSSL_cleanse((void *)secret.data, secret.len);
    OPENSSL_cleanse((void *)bytes.data, bytes.len);
    if (!made) return bad("its numbers make no key, or its curve is not supported");
    struct pgpkey *key = lang_zalloc(sizeof *key);
    key->key = made;
    key->algorithm = chosen->algorithm;
    key->hash = hash;
    memcpy(key->fingerprint, fingerprint, sizeof fingerprint);
    *out = key;
    return NULL;
}

err *pgpkey_read(str text, str passphrase, struct pgpkey **out)
{
    struct reading reading = {.passphrase = passphrase};
    err *e = read_all(&reading, text, out);
    arena_done(&reading.a);
    return e;
}

void pgpkey_free(struct pgpkey *key)
{
    if (!key) return;
    EVP_PKEY_free(key->key);
    free(key);
}

/* ---- Signing ---- */

static void put_number(buf *b, uint32_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buf_add_char(b, (char)(value >> (8 * i)));
}

static void put_mpi(buf *b, const uint8_t *bytes, size_t len)
{
    while (len && !*bytes) {
        bytes++;
        len--;
    }
    uint32_t bits = (uint32_t)len * 8;
    for (uint8_t top = len ? *bytes : 0x80; !(top & 0x80); top = (uint8_t)(top << 1))
        bits--;
    put_number(b, bits, 2);
    buf_add_bytes(b, bytes, len);
}

static void put_bignum(buf *b, const BIGNUM *number)
{
    uint8_t bytes[128];
    int len = BN_bn2bin(number, bytes);
    put_mpi(b, bytes, (size_t)len);
}

/* Version, kind, algorithms and hashed subpackets: what is signed besides the text. */
static str make_head(const struct pgpkey *key, arena *a, int64_t wall_ns)
{
    buf b = BUF(a);
    put_number(&b, 4, 1);
    put_number(&b, 0, 1);
    put_number(&b, key->algorithm, 1);
    put_number(&b, key->hash, 1);
    put_number(&b, 6 + 23, 2);
    put_number(&b, 5, 1); /* creation */
    put_number(&b, 2, 1);
    put_number(&b, (uint32_t)(wall_ns / CLOCK_SECOND), 4);
    put_number(&b, 22, 1); /* fingerprint of the issuer */
    put_number(&b, 33, 1);
    put_number(&b, 4, 1);
    buf_add_bytes(&b, key->fingerprint, sizeof key->fingerprint);
    return buf_str(&b);
}

static size_t digest_text(const struct pgpkey *key, str text, str head, uint8_t *out)
{
    unsigned len = 0;
    uint8_t end[] = {4,
                     0xff,
                     (uint8_t)(head.len >> 24),
                     (uint8_t)(head.len >> 16),
                     (uint8_t)(head.len >> 8),
                     (uint8_t)head.len};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestInit_ex(ctx, digest_of(key->hash), NULL) &&
         EVP_DigestUpdate(ctx, text.data, text.len) && EVP_DigestUpdate(ctx, head.data, head.len) &&
         EVP_DigestUpdate(ctx, end, sizeof end) && EVP_DigestFinal_ex(ctx, out, &len));
    EVP_MD_CTX_free(ctx);
    return len;
}

static bool sign_eddsa(const struct pgpkey *key, const uint8_t *digest, size_t len, uint8_t *out,
                       size_t *out_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->key) == 1 &&
                EVP_DigestSign(ctx, out, out_len, digest, len) == 1;
    EVP_MD_CTX_free(ctx);
    return done;
}

static bool sign_digest(const struct pgpkey *key, const uint8_t *digest, size_t len, uint8_t *out,
                        size_t *out_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->key, NULL);
    bool done = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_signature_md(ctx, digest_of(key->hash)) == 1 &&
                EVP_PKEY_sign(ctx, out, out_len, digest, len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return done;
}

static bool put_signature(buf *b, const struct pgpkey *key, const uint8_t *digest, size_t len)
{
    uint8_t bytes[2048];
    const uint8_t *der = bytes;
    size_t count = sizeof bytes;
    bool eddsa = key->algorithm == ALGORITHM_EDDSA;
    if ((size_t)EVP_PKEY_get_size(key->key) > sizeof bytes) return false;
    if (eddsa ? !sign_eddsa(key, digest, len, bytes, &count)
              : !sign_digest(key, digest, len, bytes, &count))
        return false;
    if (eddsa) {
        put_mpi(b, bytes, count / 2);
        put_mpi(b, bytes + count / 2, count / 2);
    } else if (key->algorithm == ALGORITHM_ECDSA) {
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)count);
        if (!pair) return false;
        put_bignum(b, ECDSA_SIG_get0_r(pair));
        put_bignum(b, ECDSA_SIG_get0_s(pair));
        ECDSA_SIG_free(pair);
    } else {
        put_mpi(b, bytes, count);
    }
    return true;
}

err *pgpkey_sign(const struct pgpkey *key, arena *a, str text, int64_t wall_ns, str *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    str head = make_head(key, a, wall_ns);
    size_t len = digest_text(key, text, head, digest);
    buf body = BUF(a), packet = BUF(a);
    buf_add(&body, head);
    put_number(&body, 10, 2); /* not hashed: the issuer's id */
    put_number(&body, 9, 1);
    put_number(&body, 16, 1);
    buf_add_bytes(&body, key->fingerprint + 12, 8);
    buf_add_bytes(&body, digest, 2);
    if (!put_signature(&body, key, digest, len)) return err_internal("the key does not sign");
    put_number(&packet, 0xc0 | TAG_SIGNATURE, 1);
    put_number(&packet, 255, 1);
    put_number(&packet, (uint32_t)body.len, 4);
    buf_add(&packet, buf_str(&body));
    *out = armor(a, buf_str(&packet));
    return NULL;
}
