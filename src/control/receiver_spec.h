#pragma once
/* The fields of a Receiver: spec as a struct, its tables for the CRD and the reference. */
#include "control/kind.h"

struct receiver_name {
    str name;
};

struct receiver_resource {
    str api_version, kind, name, namespace; /* namespace empty: our own; name may be "*" */
    const node *match_labels;               /* NULL: not given */
    str filter;
};

struct receiver_variable {
    str name, expression;
};

struct receiver_validation {
    str expression, message;
};

struct receiver_issuer {
    str issuer_url, audience;
    SCHEMA_LIST(struct receiver_variable) variables;
    SCHEMA_LIST(struct receiver_validation) validations;
};

struct receiver_spec {
    str type;
    int64_t interval_ns;
    struct schema_strings events;
    SCHEMA_LIST(struct receiver_resource) resources;
    str resource_filter;
    struct receiver_name secret_ref;
    SCHEMA_LIST(struct receiver_issuer) issuers;
    bool suspend;
};

/* object is the whole Receiver; texts and nodes are borrowed from it. */
MUST_USE err *receiver_spec_decode(arena *a, const node *object, struct receiver_spec *out);
bool receiver_spec_is_oidc(const struct receiver_spec *spec);
