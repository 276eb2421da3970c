#pragma once
/*
 * Removes what left the inventory. Each object is looked at again right before
 * it is deleted: only one that still carries the labels of this very unit goes,
 * and the delete names its uid and version, so that nothing that changed
 * meanwhile is hit. For workers.
 */
#include <stdatomic.h>

#include "apply/inventory.h"
#include "apply/observed.h"

struct prune_result {
    struct inventory deleted; /* told to go (or gone already) */
    struct inventory skipped; /* not ours any more, or protected by an annotation */
    struct inventory failed;  /* to be kept in the inventory */
    err *error;               /* of those that failed, all in one; owned by the caller */
};

struct prune_options {
    str owner_name, owner_namespace;
    const atomic_bool *cancel;
};

/* In the reverse order of apply, a stage at a time. */
void prune_run(struct kube *kube, struct observed *observed, arena *a,
               const struct inventory *stale, const struct prune_options *options,
               struct prune_result *out);

/* How many of these still exist (for deletionPolicy: WaitForTermination). Errors count as existing.
 */
size_t prune_left(struct kube *kube, arena *a, const struct inventory *inventory);
