#pragma once
/*
 * A Provider and its Secrets become a target and the options of the client that
 * reaches it. Pure; any thread. Errors name keys and never hold a value.
 */
#include "notify/notify.h"

/* The fields of a Provider. */
struct target_spec {
    str namespace, name, uid;
    str type, channel, user, address, proxy;
    str secret, cert_secret, proxy_secret; /* names of Secrets; empty: none */
    str service_account, commit_status_expr;
    int64_t timeout_ns;
    bool suspended;
    const node *object; /* the Provider itself, for commit_status_expr; may be NULL without one */
};

/* The Secrets as the API server gives them; NULL where the spec names none. */
struct target_secrets {
    const node *secret, *cert, *proxy;
};

/* Everything is copied into the arena. */
struct target_spec destination_copy(arena *a, const struct target_spec *spec);
bool destination_equal(const struct target_spec *a, const struct target_spec *b);
/* What the spec alone can say: an unknown or unsupported type, a field that cannot be used. */
MUST_USE err *destination_check(const struct target_spec *spec);
MUST_USE err *destination_build(arena *a, const struct target_spec *spec,
                                const struct target_secrets *secrets, struct target *out,
                                struct http_options *http_out);
/* What commit_status_expr makes of an event and the Alert that has matched. */
MUST_USE err *destination_status_id(arena *a, const struct target_spec *spec, const node *event,
                                    const node *alert, str *out);
/* The text without values of the Secrets. */
str destination_mask(arena *a, const struct target *target, str text);
