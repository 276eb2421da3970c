#pragma once
/*
 * The objects of an installation: namespace, CRDs (from the tables of the
 * kinds), accounts, roles, services, the Deployment. install/components.yaml
 * holds all but the CRDs. Pure.
 */
#include "doc/doc.h"

#define COMPONENTS_FLUX_VERSION "v2.9.4" /* the release of Flux whose API we serve */
#define COMPONENTS_DEPLOYMENT   "fixpoint-controller"
#define COMPONENTS_MANAGED_BY   "fixpoint"

struct components_options {
    str namespace, image, image_pull_secret, log_level, cluster_domain;
    bool watch_all_namespaces, network_policy;
    const str *toleration_keys;
    size_t toleration_count;
};

/* In the order to apply them in; CRDs right after the namespace. The error names an option whose
 * text cannot stand in a manifest. */
MUST_USE err *components_build(arena *a, const struct components_options *options, node ***out,
                               size_t *count_out);
