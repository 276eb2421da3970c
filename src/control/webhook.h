#pragma once
/*
 * One call of a webhook, and how each type of Receiver tells a true one from a
 * false one. A type is a row of a roster:
 *
 *     WEBHOOK(harbor) = {.type = "harbor", .verify = verify_harbor};
 *
 * What is compared with a secret is compared in constant time. Errors are for
 * the log: they name what is wrong and never quote a secret or a body.
 */
#include "base/roster.h"
#include "cloud/issuer.h"
#include "control/receiver_spec.h"

struct webhook_header {
    str name, value; /* the name in lower case */
};

struct webhook_call {
    str path, query, body, peer;
    const struct webhook_header *headers;
    size_t header_count;
};

/* One verification. */
struct webhook_check {
    arena *a;
    const struct webhook_call *call;
    const struct receiver_spec *spec;
    const node *secret; /* decoded data of the Secret; NULL for generic-oidc */
    str token;          /* of the Secret; empty for generic-oidc only */
    struct issuer_keys *issuers;
    str google_keys_url;
    int64_t now_wall_ns;
    /* What verify tells. */
    str event;           /* for spec.events, where the type has events */
    str delivery;        /* the sender's id of this delivery; empty: it gives none */
    const node *request; /* what `req` of filters is, instead of the body; NULL: the body */
    const node *claims;  /* of a token */
};

struct webhook {
    const char *type;
    bool has_events; /* spec.events counts */
    err *(*verify)(struct webhook_check *check);
};

ROSTER(webhook, struct webhook);
#define WEBHOOK(ident) ROSTER_ROW(webhook, struct webhook, webhook_##ident)

/* DENIED or INVALID unless the call is a true one of its type, and its event is wanted. TRANSIENT
 * when that cannot be told now. */
MUST_USE err *webhook_verify(struct webhook_check *check);
/* The names of headers that the types look at, up to NULL: a call needs no others. */
extern const char *const webhook_header_names[];

/* ---- for the types ---- */

str webhook_header(const struct webhook_call *call, const char *name); /* in lower case */
/* The digest is "sha1", "sha256" or "sha512"; lower-case hex. */
str webhook_hmac(arena *a, const char *digest, str key, str text);
/* Says whether two secrets are equal, in time that does not tell how much of them is. */
bool webhook_same(str given, str secret);
/* INVALID unless the body is a JSON object of a sane depth. */
MUST_USE err *webhook_body(struct webhook_check *check, node **out);
/* INVALID unless the path, up to NULL, leads to a text. */
MUST_USE err *webhook_need(const node *body, const char *first, const char *second);
bool webhook_is_json(const struct webhook_call *call); /* by its Content-Type */
