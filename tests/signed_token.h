#pragma once
/* Tokens that a test signs with a key of its own, and the set that its public half is in. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/b64.h"
#include "base/buf.h"
#include "doc/json.h"

static inline str signed_number(arena *a, const EVP_PKEY *key, const char *name)
{
    BIGNUM *number = NULL;
    must(EVP_PKEY_get_bn_param(key, name, &number));
    int len = BN_num_bytes(number);
    char *bytes = arena_alloc(a, (size_t)len + 1);
    BN_bn2bin(number, (unsigned char *)bytes);
    BN_free(number);
    return b64_encode_url(a, str_from(bytes, (size_t)len));
}

/* {"keys": [...]} as text, with one RSA key. */
static inline str signed_key_set(arena *a, const EVP_PKEY *key, const char *id)
{
    str n = signed_number(a, key, OSSL_PKEY_PARAM_RSA_N);
    str e = signed_number(a, key, OSSL_PKEY_PARAM_RSA_E);
    return str_printf(a,
                      "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":\"%s\",\"n\":\"" STR_FMT
                      "\",\"e\":\"" STR_FMT "\"}]}",
                      id, STR_ARG(n), STR_ARG(e));
}

static inline str signed_signature(arena *a, EVP_PKEY *key, str text)
{
    size_t len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const unsigned char *data = (const unsigned char *)text.data;
    must(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1);
    must(EVP_DigestSign(context, NULL, &len, data, text.len) == 1);
    unsigned char *bytes = arena_alloc(a, len);
    must(EVP_DigestSign(context, bytes, &len, data, text.len) == 1);
    EVP_MD_CTX_free(context);
    return str_from((const char *)bytes, len);
}

static inline str signed_token(arena *a, EVP_PKEY *key, str header, str claims)
{
    str head = b64_encode_url(a, header), body = b64_encode_url(a, claims);
    str text = str_printf(a, STR_FMT "." STR_FMT, STR_ARG(head), STR_ARG(body));
    str signature = b64_encode_url(a, signed_signature(a, key, text));
    return str_printf(a, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(signature));
}
