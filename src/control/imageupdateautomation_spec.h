#pragma once
/* The fields of an ImageUpdateAutomation: spec as a struct, its tables for the CRD and the
 * reference. */
#include "control/gitrepository_spec.h"

struct imageupdateautomation_source {
    str api_version, kind, name, namespace; /* namespace empty: our own */
};

struct imageupdateautomation_checkout {
    struct gitrepository_ref ref;
};

struct imageupdateautomation_author {
    str name, email;
};

struct imageupdateautomation_key {
    str type; /* "gpg", "ssh"; empty is gpg */
    struct gitrepository_name secret_ref;
};

struct imageupdateautomation_commit {
    struct imageupdateautomation_author author;
    struct imageupdateautomation_key signing_key; /* secret name empty: no signature */
    str message_template;                         /* data NULL: not given */
    const node *message_values;
};

struct imageupdateautomation_push {
    str branch, refspec;
    const node *options;
};

struct imageupdateautomation_git {
    struct imageupdateautomation_checkout checkout;
    struct imageupdateautomation_commit commit;
    struct imageupdateautomation_push push;
};

struct imageupdateautomation_update {
    str path, strategy;
};

struct imageupdateautomation_spec {
    struct imageupdateautomation_source source_ref;
    int64_t interval_ns;
    struct imageupdateautomation_git git;
    const node *policy_selector; /* NULL: every policy */
    struct imageupdateautomation_update update;
    bool suspend;
    bool has_git; /* spec.git is there */
    bool has_checkout_ref;
};

/* object is the whole ImageUpdateAutomation; texts and nodes are borrowed from it. */
MUST_USE err *imageupdateautomation_spec_decode(arena *a, const node *object,
                                                struct imageupdateautomation_spec *out);
