#pragma once
/*
 * A certificate for a server on this machine: it names localhost and 127.0.0.1,
 * signs itself, and is its own authority. Any thread.
 */
#include "base/err.h"

struct arena;

/* PEM of the certificate and of its new key (P-256). */
MUST_USE err *cert_make(struct arena *a, str *cert_out, str *key_out);
