#pragma once
/*
 * A Kustomization built from a folder on the user's machine, as the controller
 * would build it from the artifact: what `build kustomization` and `diff` share.
 */
#include "cli/cli.h"
#include "control/manifests.h"

struct local_options {
    str path;     /* the folder; stands for spec.path */
    str file;     /* the Kustomization, instead of the cluster's; may be empty */
    bool dry_run; /* no cluster: variables of ConfigMaps and Secrets are left out */
    bool strict;  /* an unset variable is an error */
};

struct local_build {
    struct kube_ref ref; /* the Kustomization */
    struct kustomization_spec spec;
    const node *live;           /* as it is in the cluster; NULL: it is not, or was not asked for */
    struct manifests manifests; /* encrypted Secrets are masked and SUBMIT_SKIP */
};

/* Connects unless it is a dry run. */
MUST_USE err *local_build_run(struct cli *cli, str name, const struct local_options *options,
                              struct local_build *out);
