#pragma once
/*
 * Whom a client trusts and what it shows of itself. Certificates are read and
 * checked once, when the client is made, and shared by its connections. The
 * system's certificates are read once per program, when a connection first
 * needs them: the bundle that SSL_CERT_FILE names or the first one found where
 * distributions keep it, and the hashed folder of OpenSSL (SSL_CERT_DIR).
 */
#include "base/err.h"

struct tls;

struct tls_options {
    str ca_pem;            /* added to the system's certificates */
    bool ca_only;          /* trust ca_pem alone */
    str cert_pem, key_pem; /* the certificate we show, with its chain, and its key; both or none */
};

/* INVALID for text that is no PEM, an encrypted key, a key of another certificate. */
MUST_USE err *tls_new(struct tls_options options, struct tls **out);
void tls_free(struct tls *tls);
/* The system's certificates as a file, for other programs; empty when there is none. */
str tls_system_bundle(void);
/* Equips an OpenSSL context (SSL_CTX). One thread at a time. */
MUST_USE err *tls_equip(struct tls *tls, void *context);
