#pragma once
/* The fields of an ImageRepository: spec as a struct, its tables for the CRD and the reference. */
#include "control/kind.h"

struct imagerepository_name {
    str name;
};

struct imagerepository_selector {
    const node *match_labels; /* NULL: every namespace */
};

struct imagerepository_access {
    SCHEMA_LIST(struct imagerepository_selector) selectors;
};

struct imagerepository_spec {
    str image;
    int64_t interval_ns, timeout_ns;
    struct imagerepository_name secret_ref, proxy_secret_ref, cert_secret_ref; /* empty: none */
    str service_account_name;
    bool suspend, insecure;
    struct imagerepository_access access_from;
    struct schema_strings exclusion_list; /* never empty: the default when none is given */
    str provider;                         /* empty is "generic" */
};

/* object is the whole ImageRepository; texts are borrowed from it. */
MUST_USE err *imagerepository_spec_decode(arena *a, const node *object,
                                          struct imagerepository_spec *out);
/* For a scan, and for one request of an ImagePolicy: at least a second. */
int64_t imagerepository_spec_timeout_ns(const struct imagerepository_spec *spec);
