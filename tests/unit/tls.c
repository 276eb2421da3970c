/* tls: whom a client trusts, and what it shows of itself. */
#include "net/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "http_fixture.h"

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    str cert_pem, key_pem;
};

static str pem_of(arena *a, BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    str text = str_dup(a, str_from(data, (size_t)len));
    BIO_free(bio);
    return text;
}

/* A self-signed certificate for one DNS name. */
static struct identity make_identity(void **state, const char *name)
{
    struct fixture *f = *state;
    struct identity id = {EVP_EC_gen("P-256"), X509_new(), {0}, {0}};
    X509_NAME *subject = X509_get_subject_name(id.certificate);
    char alternative[128];
    snprintf(alternative, sizeof alternative, "DNS:%s", name);
    X509_set_version(id.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(id.certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(id.certificate), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const void *)name, -1, -1, 0);
    X509_set_issuer_name(id.certificate, subject);
    X509_set_pubkey(id.certificate, id.key);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
    X509_add_ext(id.certificate, extension, -1);
    X509_EXTENSION_free(extension);
    must(X509_sign(id.certificate, id.key, EVP_sha256()));
    BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(cert, id.certificate);
    PEM_write_bio_PrivateKey(key, id.key, NULL, NULL, 0, NULL, NULL);
    id.cert_pem = pem_of(&f->a, cert);
    id.key_pem = pem_of(&f->a, key);
    return id;
}

static void free_identity(struct identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->certificate);
}

static struct fixture *serve_tls(void **state, scripted_fn *script, const struct identity *id)
{
    struct fixture *f = *state;
    f->server.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(f->server.tls, id->certificate);
    SSL_CTX_use_PrivateKey(f->server.tls, id->key);
    return serve(state, script);
}

static err *get_tls(struct fixture *f, struct http_options options, const char *host)
{
    struct http *http;
    options.no_proxy = true;
    TRY(http_new(f->loop, options, &http));
    struct http_response response;
    struct http_request request = {
        .url = str_printf(&f->a, "https://%s:%d/x", host, f->server.port), .timeout_ms = 5000};
    err *e = http_do(http, &f->a, &request, &response);
    if (!e) assert_str(response.body, "hello");
    http_free(http);
    return e;
}

static void assert_untrusted(err *e)
{
    if (!e) fail_msg("connected");
    if (e->kind != ERR_TRANSIENT || !strstr(e->message, "certificate")) fail_msg("%s", e->message);
    err_free(e);
}

static void certificates_are_verified(void **state)
{
    struct identity AUTO(free_identity) id = make_identity(state, "localhost");
    struct identity AUTO(free_identity) foreign = make_identity(state, "foreign");
    struct fixture *f = serve_tls(state, remember, &id);
    struct http_options only = {.ca_pem = id.cert_pem, .ca_only = true};
    struct http_options also = {.ca_pem = id.cert_pem}, none = {0}, any = {.insecure = true};
    struct http_options other = {.ca_pem = foreign.cert_pem, .ca_only = true};
    assert_null(get_tls(f, only, "localhost"));
    assert_null(get_tls(f, also, "localhost"));
    assert_null(get_tls(f, any, "127.0.0.1"));
    assert_untrusted(get_tls(f, none, "localhost"));
    assert_untrusted(get_tls(f, other, "localhost"));
    err *e AUTO(err_done) = get_tls(f, only, "127.0.0.1");
    assert_non_null(e);
    assert_non_null(strstr(e->message, "127.0.0.1"));
    SSL_CTX_free(f->server.tls);
}

static void the_server_name_is_ours_to_choose(void **state)
{
    struct identity AUTO(free_identity) id = make_identity(state, "kubernetes.default");
    struct fixture *f = serve_tls(state, remember, &id);
    struct http_options options = {
        .ca_pem = id.cert_pem, .ca_only = true, .server_name = STR("kubernetes.default")};
    assert_null(get_tls(f, options, "127.0.0.1"));
    str host = str_printf(&f->a, "\r\nHost: 127.0.0.1:%d\r\n", f->server.port);
    assert_true(saw(f, str_z(&f->a, host)));
    options.server_name = STR("other.default");
    err *e AUTO(err_done) = get_tls(f, options, "127.0.0.1");
    assert_non_null(e);
    SSL_CTX_free(f->server.tls);
}

static int accept_any(int preverified, X509_STORE_CTX *context)
{
    (void)preverified, (void)context;
    return 1;
}

static bool name_client(struct scripted_peer *peer, const char *request)
{
    (void)request;
    X509 *shown = SSL_get1_peer_certificate(peer->tls);
    scripted_answer(peer, shown ? "hello" : "who are you");
    X509_free(shown);
    return true;
}

static void client_certificates_are_shown(void **state)
{
    struct identity AUTO(free_identity) id = make_identity(state, "localhost");
    struct identity AUTO(free_identity) me = make_identity(state, "me");
    struct fixture *f = serve_tls(state, name_client, &id);
    SSL_CTX_set_verify(f->server.tls, SSL_VERIFY_PEER, accept_any);
    struct http_options options = {
        .ca_pem = id.cert_pem, .ca_only = true, .cert_pem = me.cert_pem, .key_pem = me.key_pem};
    assert_null(get_tls(f, options, "localhost"));
    SSL_CTX_free(f->server.tls);
}

static void unusable_certificates_are_named(void **state)
{
    struct fixture *f = *state;
    struct identity AUTO(free_identity) one = make_identity(state, "one");
    struct identity AUTO(free_identity) two = make_identity(state, "two");
    str broken = str_printf(&f->a, STR_FMT "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                   "-----END CERTIFICATE-----\n", STR_ARG(one.cert_pem));
    const struct {
        struct http_options options;
        const char *why;
    } rows[] = {
        {{.ca_pem = STR("no PEM")}, "CA certificate: no PEM certificate"},
        {{.ca_only = true}, "CA certificate: no PEM certificate"},
        {{.ca_pem = broken}, "CA certificate: certificate 2 cannot be read"},
        {{.cert_pem = one.cert_pem}, "its key is missing"},
        {{.key_pem = one.key_pem}, "its certificate is missing"},
        {{.cert_pem = one.cert_pem, .key_pem = one.cert_pem}, "not an unencrypted PEM key"},
        {{.cert_pem = one.cert_pem, .key_pem = two.key_pem}, "does not belong"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http *http;
        err *e AUTO(err_done) = http_new(f->loop, rows[i].options, &http);
        if (!e) fail_msg("row %zu is taken", i);
        assert_int_equal(e->kind, ERR_INVALID);
        if (!strstr(e->message, rows[i].why)) fail_msg("row %zu: %s", i, e->message);
    }
}

static void https_never_leads_to_http(void **state)
{
    struct identity AUTO(free_identity) id = make_identity(state, "localhost");
    struct fixture *f = serve_tls(state, redirect, &id);
    snprintf(f->redirect_to, sizeof f->redirect_to, "http://localhost:%d/x", f->server.port);
    struct http *http;
    struct http_options options = {.ca_pem = id.cert_pem, .ca_only = true, .no_proxy = true};
    assert_null(http_new(f->loop, options, &http));
    struct http_response response;
    struct http_request request = {
        .url = str_printf(&f->a, "https://localhost:%d/to", f->server.port), .follow = true};
    err *e AUTO(err_done) = http_do(http, &f->a, &request, &response);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "redirect from https to http"));
    assert_int_equal(atomic_load(&f->server.requests), 1);
    http_free(http);
    SSL_CTX_free(f->server.tls);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(certificates_are_verified),
        TEST(the_server_name_is_ours_to_choose),
        TEST(client_certificates_are_shown),
        TEST(unusable_certificates_are_named),
        TEST(https_never_leads_to_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
