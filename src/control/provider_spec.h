#pragma once
/* The fields of a Provider: spec as a struct, its tables for the CRD and the reference. */
#include "control/kind.h"
#include "notify/destination.h"

struct provider_name {
    str name;
};

struct provider_spec {
    str type, channel, username, address, proxy, service_account_name, commit_status_expr;
    int64_t interval_ns, timeout_ns;
    struct provider_name proxy_secret_ref, secret_ref, cert_secret_ref;
    bool suspend;
};

/* object is the whole Provider; texts are borrowed from it. */
MUST_USE err *provider_spec_decode(arena *a, const node *object, struct provider_spec *out);
/* What deliveries need of it. */
struct target_spec provider_spec_target(arena *a, const node *object,
                                        const struct provider_spec *spec);
