#pragma once
/* The fields of a Kustomization: spec as a struct, its tables for the CRD and the reference. */
#include "control/kind.h"

struct kustomization_name {
    str name;
};

struct kustomization_key {
    str name, key;
};

struct kustomization_source {
    str api_version, kind, name, namespace; /* namespace empty: our own */
};

struct kustomization_selector {
    str group, version, kind, namespace, name, label_selector, annotation_selector;
};

struct kustomization_health_check {
    str api_version, kind, name, namespace; /* api_version empty: apps/v1 */
};

struct kustomization_health_expr {
    str api_version, kind, current, in_progress, failed; /* kind empty: every kind of the group */
};

struct kustomization_dependency {
    str name, namespace, ready_expr; /* namespace empty: our own */
};

struct kustomization_variables {
    str kind, name; /* Secret or ConfigMap */
    bool optional;
};

struct kustomization_ignore {
    struct schema_strings paths; /* JSON pointers */
    struct kustomization_selector target;
};

struct kustomization_metadata {
    const node *labels, *annotations;
};

enum kustomization_deletion { /* the order of the choices of spec.deletionPolicy */
                              KUSTOMIZATION_MIRROR_PRUNE,
                              KUSTOMIZATION_DELETE,
                              KUSTOMIZATION_WAIT_FOR_TERMINATION,
                              KUSTOMIZATION_ORPHAN,
};

enum kustomization_substitute { /* the order of the choices of spec.postBuild.substituteStrategy */
                                KUSTOMIZATION_WITH_VARIABLES,
                                KUSTOMIZATION_ALWAYS,
};

struct kustomization_post_build {
    const node *substitute; /* name: text */
    SCHEMA_LIST(struct kustomization_variables) substitute_from;
    int substitute_strategy; /* enum kustomization_substitute */
};

struct kustomization_decryption {
    str provider; /* "sops"; empty: nothing to decrypt */
    struct kustomization_name secret_ref;
    str service_account_name;
};

struct kustomization_kube_config { /* both names empty: the cluster we run in */
    struct kustomization_key secret_ref;
    struct kustomization_name config_map_ref;
};

struct kustomization_spec {
    int64_t interval_ns, retry_interval_ns, timeout_ns; /* 0: not given */
    struct kustomization_source source_ref;
    str path;
    bool prune, suspend, force, wait, ignore_missing_components;
    int deletion_policy; /* enum kustomization_deletion */
    SCHEMA_LIST(struct kustomization_health_check) health_checks;
    SCHEMA_LIST(struct kustomization_health_expr) health_exprs;
    SCHEMA_LIST(struct kustomization_dependency) depends_on;
    SCHEMA_LIST(struct kustomization_ignore) ignore;

    /* What is laid over the kustomization file. Nodes as in the object, checked; NULL: not given.
     */
    str target_namespace, name_prefix, name_suffix;
    const node *patches, *images, *components, *build_metadata;
    struct kustomization_metadata common_metadata;

    struct kustomization_post_build post_build;
    struct kustomization_decryption decryption;
    str service_account_name;
    struct kustomization_kube_config kube_config;
};

/* object is the whole Kustomization; texts and nodes are borrowed from it. */
MUST_USE err *kustomization_spec_decode(arena *a, const node *object,
                                        struct kustomization_spec *out);
