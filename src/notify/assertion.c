#include "notify/assertion.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/b64.h"
#include "doc/json.h"

/* A key under a pass phrase is refused instead of asking the terminal. */
static int no_passphrase(char *room, int size, int writing, void *context)
{
    (void)room, (void)size, (void)writing, (void)context;
    return -1;
}

static err *read_key(str pem, EVP_PKEY **out)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    if (key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA) {
        *out = key;
        return NULL;
    }
    EVP_PKEY_free(key);
    return err_invalid("the private key is not an RSA key in PEM");
}

static bool sign(arena *a, EVP_PKEY *key, str text, str *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = 0;
    const unsigned char *data = (const unsigned char *)text.data;
    bool good = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(context, NULL, &len, data, text.len) == 1;
    unsigned char *room = good ? arena_alloc(a, len) : NULL;
    good = good && EVP_DigestSign(context, room, &len, data, text.len) == 1;
    EVP_MD_CTX_free(context);
    if (good) *out = str_from((const char *)room, len);
    return good;
}

err *assertion_sign(arena *a, str key_pem, const node *claims, str *out)
{
    EVP_PKEY *key = NULL;
    TRY(read_key(key_pem, &key));
    str head = b64_encode_url(a, STR("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"));
    str body = b64_encode_url(a, json_text(a, claims)), signature;
    str text = str_printf(a, STR_FMT "." STR_FMT, STR_ARG(head), STR_ARG(body));
    bool good = sign(a, key, text, &signature);
    EVP_PKEY_free(key);
    if (!good) return err_invalid("the private key cannot sign");
    str encoded = b64_encode_url(a, signature);
    *out = str_printf(a, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(encoded));
    return NULL;
}
