#pragma once
/* What of Flux, ours or another, is installed in the cluster. */
#include "cli/cli.h"

/* Metadata of the CRD that every installation has; its labels tell distribution and owner. NULL
 * when there is none. */
MUST_USE err *installed_crd(struct cli *cli, node **out);
/* The Deployments of controllers in the namespace: a list, maybe empty. */
MUST_USE err *installed_deployments(struct cli *cli, node **out);
