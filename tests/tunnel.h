#pragma once
/*
 * Every host of the world, on loopback: a proxy that takes CONNECT to anywhere
 * and then is that host itself, with a certificate for the names it was given.
 * So a test reaches services by their real names, over TLS that is verified.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "scripted.h"

struct tunnel {
    struct scripted proxy; /* speaks plain HTTP until CONNECT */
    SSL_CTX *tls;
    EVP_PKEY *key;
    X509 *certificate;
    char ca_pem[4096];
    /* Answers a request that came through to the host. */
    void (*answer)(void *context, struct scripted_peer *peer, const char *host,
                   const char *request);
    void *context;
};

/* names: "DNS:a.example.com,DNS:..." */
static inline void tunnel_certify(struct tunnel *tunnel, const char *names)
{
    tunnel->key = EVP_EC_gen("P-256");
    tunnel->certificate = X509_new();
    X509 *certificate = tunnel->certificate;
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const void *)"tunnel", -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_set_pubkey(certificate, tunnel->key);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    must(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
    must(X509_sign(certificate, tunnel->key, EVP_sha256()));
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    int len = BIO_read(bio, tunnel->ca_pem, sizeof tunnel->ca_pem - 1);
    must(len > 0);
    tunnel->ca_pem[len] = '\0';
    BIO_free(bio);
    tunnel->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(tunnel->tls, certificate);
    SSL_CTX_use_PrivateKey(tunnel->tls, tunnel->key);
}

static inline bool tunnel_script(struct scripted_peer *peer, const char *request)
{
    struct tunnel *tunnel = peer->server->context;
    char host[256] = "", *text = malloc(1 << 20);
    if (sscanf(request, "CONNECT %255[^ :]:", host) != 1) {
        scripted_say(peer, "HTTP/1.1 405 Tunnels Only\r\nContent-Length: 0\r\n\r\n");
        free(text);
        return true;
    }
    scripted_say(peer, "HTTP/1.1 200 Connected\r\n\r\n");
    peer->tls = SSL_new(tunnel->tls);
    SSL_set_fd(peer->tls, peer->fd);
    if (SSL_accept(peer->tls) == 1)
        while (scripted_read(peer, text, 1 << 20))
            tunnel->answer(tunnel->context, peer, host, text);
    free(text);
    return false;
}

static inline void tunnel_start(struct tunnel *tunnel, const char *names)
{
    tunnel_certify(tunnel, names);
    tunnel->proxy.script = tunnel_script;
    tunnel->proxy.context = tunnel;
    scripted_start(&tunnel->proxy);
}

static inline void tunnel_stop(struct tunnel *tunnel)
{
    scripted_stop(&tunnel->proxy);
    SSL_CTX_free(tunnel->tls);
    X509_free(tunnel->certificate);
    EVP_PKEY_free(tunnel->key);
}
