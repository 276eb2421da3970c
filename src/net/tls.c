#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

struct tls {
    STACK_OF(X509) *authorities; /* of ca_pem */
    bool with_system;            /* trust the system's too */
    X509_STORE *store;           /* made when a connection first needs it */
    X509 *certificate;           /* NULL: we show none */
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
    arena arena;
};

static X509_STORE *system_store; /* made once, never freed */

/* Where distributions keep their bundle; the first that is there counts. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine */
    "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora */
    "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL */
    "/etc/ssl/cert.pem",
};

static X509_STORE *new_store(void)
{
    X509_STORE *store = X509_STORE_new();
    must(store);
    /* As Go does: any certificate that is given as trusted is an anchor, root or not. */
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

str tls_system_bundle(void)
{
    const char *named = getenv("SSL_CERT_FILE");
    if (named && *named) return str_of(named);
    for (size_t i = 0; i < COUNT(bundles); i++) {
        if (access(bundles[i], R_OK) == 0) return str_of(bundles[i]);
    }
    return (str){0};
}

static void load_system(void)
{
    system_store = new_store();
    X509_STORE_set_default_paths(system_store); /* honours SSL_CERT_FILE and SSL_CERT_DIR */
    str bundle = tls_system_bundle();
    if (bundle.len) X509_STORE_load_file(system_store, bundle.data);
    ERR_clear_error();
}

static X509_STORE *system_certificates(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_system);
    return system_store;
}

/* An encrypted key has no passphrase here, and must not ask the terminal for one. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return -1;
}

static BIO *reader_of(str pem)
{
    must(pem.len <= INT32_MAX);
    BIO *reader = BIO_new_mem_buf(pem.len ? pem.data : "", (int)pem.len);
    must(reader);
    return reader;
}

static void free_bio(BIO **bio)
{
    BIO_free(*bio);
}

/* Every certificate of the text, at least one. What else a PEM text holds is passed over. */
static err *read_certificates(const char *what, str pem, STACK_OF(X509) *out)
{
    BIO *reader AUTO(free_bio) = reader_of(pem);
    ERR_clear_error();
    for (X509 *one; (one = PEM_read_bio_X509(reader, NULL, no_passphrase, NULL));) {
        must(sk_X509_push(out, one));
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    int count = sk_X509_num(out);
    if (!at_end) return err_invalid("%s: certificate %d cannot be read", what, count + 1);
    if (count == 0) return err_invalid("%s: no PEM certificate in it", what);
    return NULL;
}

static err *read_identity(struct tls *tls, str cert_pem, str key_pem)
{
    if (key_pem.len == 0) return err_invalid("client certificate: its key is missing");
    if (cert_pem.len == 0) return err_invalid("client key: its certificate is missing");
    tls->chain = sk_X509_new_null();
    TRY(read_certificates("client certificate", cert_pem, tls->chain));
    tls->certificate = sk_X509_shift(tls->chain);

    BIO *reader AUTO(free_bio) = reader_of(key_pem);
    tls->key = PEM_read_bio_PrivateKey(reader, NULL, no_passphrase, NULL);
    ERR_clear_error();
    if (!tls->key) return err_invalid("client key: not an unencrypted PEM key");
    if (X509_check_private_key(tls->certificate, tls->key) == 1) return NULL;
    ERR_clear_error();
    return err_invalid("client key: does not belong to the client certificate");
}

static err *read_options(struct tls *tls, struct tls_options options)
{
    tls->with_system = !options.ca_only;
    if (options.ca_pem.len || options.ca_only) {
        tls->authorities = sk_X509_new_null();
        TRY(read_certificates("CA certificate", options.ca_pem, tls->authorities));
    }
    if (options.cert_pem.len || options.key_pem.len) {
        TRY(read_identity(tls, options.cert_pem, options.key_pem));
    }
    return NULL;
}

err *tls_new(struct tls_options options, struct tls **out)
{
    arena a = {0};
    struct tls *tls = NEW(&a, struct tls);
    tls->arena = a;
    err *e = read_options(tls, options);
    if (e) {
        tls_free(tls);
        return e;
    }
    *out = tls;
    return NULL;
}

void tls_free(struct tls *tls)
{
    if (!tls) return;
    sk_X509_pop_free(tls->authorities, X509_free);
    sk_X509_pop_free(tls->chain, X509_free);
    X509_free(tls->certificate);
    EVP_PKEY_free(tls->key);
    X509_STORE_free(tls->store);
    arena a = tls->arena;
    arena_done(&a);
}

/* Without certificates of its own a client shares the system's store; else it gets one that refers
 * to the same certificates and keeps no copy of them. */
static void make_store(struct tls *tls)
{
    if (!tls->authorities) {
        tls->store = system_certificates();
        X509_STORE_up_ref(tls->store);
        return;
    }
    tls->store = new_store();
    for (int i = 0; i < sk_X509_num(tls->authorities); i++) {
        X509_STORE_add_cert(tls->store, sk_X509_value(tls->authorities, i));
    }
    if (!tls->with_system) return;
    X509_STORE_set_default_paths(tls->store);
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(system_certificates());
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (certificate) X509_STORE_add_cert(tls->store, certificate);
    }
}

err *tls_equip(struct tls *tls, void *context)
{
    if (!tls->store) make_store(tls);
    SSL_CTX_set1_cert_store(context, tls->store);
    X509 *certificate = tls->certificate;
    if (!certificate) return NULL;
    if (SSL_CTX_use_cert_and_key(context, certificate, tls->key, tls->chain, 1) == 1) return NULL;
    ERR_clear_error();
    return err_invalid("client certificate: refused by the TLS library (too weak?)");
}
