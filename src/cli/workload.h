#pragma once
/*
 * What runs in the cluster, container by container, as its Deployments,
 * StatefulSets, DaemonSets and CronJobs say.
 */
#include "cli/cli.h"
#include "oci/reference.h"

struct workload {
    str namespace, kind, name, container;
    str image;            /* as written */
    struct reference ref; /* repository empty when the image is no reference */
    str running; /* its tag, or else its digest cut short; "latest" when neither is given */
};

/* Of one namespace, or (empty) of all; init containers too. In the order of namespace, name and
 * kind. */
MUST_USE err *workload_list(struct cli *cli, str namespace, struct workload **out,
                            size_t *count_out);
/* "deployment/app" */
str workload_title(arena *a, const struct workload *workload);
/* "ghcr.io/org/app", or the image as written when it is no reference. */
str workload_image(arena *a, const struct workload *workload);
