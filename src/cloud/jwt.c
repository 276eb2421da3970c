#include "cloud/jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/b64.h"
#include "base/clock.h"
#include "doc/json.h"

#define SKEW_SECONDS 60
enum { P256_BYTES = 32, RSA_BYTES_MIN = 256, RSA_BYTES_MAX = 1024 };

/* ---- reading ---- */

static err *no_token(const char *what)
{
    return err_invalid("the token is no JWT: %s", what);
}

static err *read_part(arena *a, str part, const char *name, node **out)
{
    str text;
    err *e = b64_decode_url(a, part, &text);
    if (!e) e = json_parse(a, text, (struct json_options){.depth_max = LIMIT_JWT_DEPTH}, out);
    if (e || !node_is_map(*out)) {
        err_free(e);
        return no_token(name);
    }
    return NULL;
}

err *jwt_parse(arena *a, str text, struct jwt *out)
{
    str head, rest, claims, signature;
    node *header, *body;
    if (text.len > LIMIT_JWT_BYTES) return no_token("it is too long");
    if (!str_cut(text, '.', &head, &rest) || !str_cut(rest, '.', &claims, &signature) ||
        str_has_char(signature, '.'))
        return no_token("it has not got three parts");
    TRY(read_part(a, head, "its header cannot be read", &header));
    TRY(read_part(a, claims, "its claims cannot be read", &body));
    if (node_get(header, STR("crit"))) return no_token("it has critical extensions");
    *out = (struct jwt){
        .algorithm = node_get_str(header, STR("alg")),
        .key_id = node_get_str(header, STR("kid")),
        .claims = body,
        .signed_part = str_head(text, head.len + 1 + claims.len),
    };
    err *e = b64_decode_url(a, signature, &out->signature);
    if (!e) return NULL;
    err_free(e);
    return no_token("its signature cannot be read");
}

str jwt_claim(const struct jwt *jwt, const char *name)
{
    return node_get_str(jwt->claims, str_of(name));
}

bool jwt_has_audience(const struct jwt *jwt, str audience)
{
    const node *given = node_get(jwt->claims, STR("aud"));
    str text;
    if (!audience.len) return false;
    if (node_to_str(given, &text)) return str_eq(text, audience);
    NODE_EACH (given, item) {
        if (node_to_str(item, &text) && str_eq(text, audience)) return true;
    }
    return false;
}

/* Seconds since 1970; false when the claim is there and is no number. */
static bool read_seconds(const struct jwt *jwt, const char *name, double fallback, double *out)
{
    const node *given = node_get(jwt->claims, str_of(name));
    *out = fallback;
    return !given || node_to_double(given, out);
}

err *jwt_check_time(const struct jwt *jwt, int64_t now_wall_ns)
{
    double now = (double)now_wall_ns / 1e9, expiry, begin, issued;
    if (!node_get(jwt->claims, STR("exp"))) return err_denied("the token has no expiry");
    if (!read_seconds(jwt, "exp", 0, &expiry) || !read_seconds(jwt, "nbf", now, &begin) ||
        !read_seconds(jwt, "iat", now, &issued))
        return err_denied("a time in the token is no number");
    /* Written so that a NaN is refused, too. */
    if (!(now < expiry + SKEW_SECONDS)) return err_denied("the token has expired");
    if (!(begin <= now + SKEW_SECONDS)) return err_denied("the token is not valid yet");
    if (!(issued <= now + SKEW_SECONDS)) return err_denied("the token was issued in the future");
    return NULL;
}

/* ---- keys ---- */

static bool read_number(arena *a, const node *key, const char *name, str *out)
{
    str text = node_get_str(key, str_of(name));
    err *e AUTO(err_done) = text.len ? b64_decode_url(a, text, out) : NULL;
    return text.len && !e && out->len;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(arena *a, const node *from)
{
    str n, e;
    if (!read_number(a, from, "n", &n) || !read_number(a, from, "e", &e)) return NULL;
    if (n.len < RSA_BYTES_MIN || n.len > RSA_BYTES_MAX || e.len > 8) return NULL;
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.data, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.data, (int)e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        key = make_key("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *ec_key(arena *a, const node *from)
{
    str x, y;
    if (!str_is(node_get_str(from, STR("crv")), "P-256")) return NULL;
    if (!read_number(a, from, "x", &x) || !read_number(a, from, "y", &y)) return NULL;
    if (x.len != P256_BYTES || y.len != P256_BYTES) return NULL;
    str point = str_concat(a, STR("\x04"), str_concat(a, x, y));
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len) ==
            1)
        key = make_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* JOSE has r and s one after the other, OpenSSL wants DER. */
static bool der_of(arena *a, str signature, str *out)
{
    unsigned char *der = NULL;
    const unsigned char *bytes = (const unsigned char *)signature.data;
    if (signature.len != 2 * P256_BYTES) return false;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes + P256_BYTES, P256_BYTES, NULL);
    ECDSA_SIG_set0(pair, r, s); /* it owns them now */
    int len = i2d_ECDSA_SIG(pair, &der);
    if (len > 0) *out = str_dup(a, str_from((const char *)der, (size_t)len));
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return len > 0;
}

/* The algorithm is bound to the type of the key: an RSA key never checks anything but RS256. */
static bool has_made(arena *a, const struct jwt *jwt, const node *key)
{
    bool rsa = str_is(jwt->algorithm, "RS256");
    str use = node_get_str(key, STR("use")), named = node_get_str(key, STR("alg"));
    str signature = jwt->signature;
    if (!str_is(node_get_str(key, STR("kty")), rsa ? "RSA" : "EC")) return false;
    if ((use.len && !str_is(use, "sig")) || (named.len && !str_eq(named, jwt->algorithm)))
        return false;
    if (!rsa && !der_of(a, jwt->signature, &signature)) return false;
    EVP_PKEY *made = rsa ? rsa_key(a, key) : ec_key(a, key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        made && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, made) == 1 &&
        EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.len,
                         (const unsigned char *)jwt->signed_part.data, jwt->signed_part.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(made);
    return good;
}

err *jwt_verify(const struct jwt *jwt, const node *key_set)
{
    arena a AUTO(arena_done) = {0};
    size_t tried = 0, looked_at = 0;
    if (!str_is(jwt->algorithm, "RS256") && !str_is(jwt->algorithm, "ES256"))
        return err_denied("the token is signed with an algorithm other than RS256 and ES256");
    NODE_EACH (node_get(key_set, STR("keys")), key) {
        str id = node_get_str(key, STR("kid"));
        if (++looked_at > LIMIT_JWT_KEYS) break;
        if (jwt->key_id.len && id.len && !str_eq(id, jwt->key_id)) continue;
        tried++;
        if (has_made(&a, jwt, key)) return NULL;
    }
    if (!tried) return err_not_found("the issuer has no key of the token's key id");
    return err_denied("the token's signature is not the issuer's");
}
