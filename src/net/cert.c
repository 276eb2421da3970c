#include "net/cert.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"

enum { VALID_SECONDS = 365 * 24 * 3600 };

static str text_of(struct arena *a, BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    return str_dup(a, str_from(data, len > 0 ? (size_t)len : 0));
}

static bool extend(X509 *cert, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    bool fine = extension && X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return fine;
}

static bool fill(X509 *cert, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(cert);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), VALID_SECONDS);
    return X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
           X509_set_pubkey(cert, key) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"fixpoint sandbox", -1, -1, 0) &&
           X509_set_issuer_name(cert, name) &&
           extend(cert, NID_basic_constraints, "critical,CA:TRUE") &&
           extend(cert, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           extend(cert, NID_ext_key_usage, "serverAuth") &&
           extend(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           X509_sign(cert, key, EVP_sha256());
}

err *cert_make(struct arena *a, str *cert_out, str *key_out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    bool fine = key && cert && cert_bio && key_bio && fill(cert, key) &&
                PEM_write_bio_X509(cert_bio, cert) &&
                PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
    if (fine) {
        *cert_out = text_of(a, cert_bio);
        *key_out = text_of(a, key_bio);
    }
    BIO_free(cert_bio);
    BIO_free(key_bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return fine ? NULL : err_internal("no certificate could be made");
}
