#pragma once
/* The fields of a GitRepository: spec as a struct, its tables for the CRD and the reference. */
#include "control/kind.h"

struct gitrepository_name {
    str name;
};

struct gitrepository_ref {
    str branch, tag, semver, name, commit;
};

extern const struct schema gitrepository_spec_ref; /* of struct gitrepository_ref */

struct gitrepository_verify {
    str mode;                             /* head, HEAD, Tag, TagAndHEAD */
    struct gitrepository_name secret_ref; /* name empty: nothing to verify */
};

struct gitrepository_include {
    struct gitrepository_name repository;
    str from_path, to_path; /* empty: the root; the name of the repository */
};

struct gitrepository_spec {
    str url;
    struct gitrepository_name secret_ref, proxy_secret_ref; /* name empty: none */
    str provider;                                           /* empty is "generic" */
    str service_account_name;
    int64_t interval_ns, timeout_ns;
    struct gitrepository_ref ref;
    struct gitrepository_verify verify;
    str ignore; /* data NULL: not given */
    bool suspend, recurse_submodules;
    SCHEMA_LIST(struct gitrepository_include) include;
    struct schema_strings sparse_checkout;
};

/* object is the whole GitRepository; texts are borrowed from it. */
MUST_USE err *gitrepository_spec_decode(arena *a, const node *object,
                                        struct gitrepository_spec *out);
