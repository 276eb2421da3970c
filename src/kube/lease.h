#pragma once
/*
 * Leader election by a Lease (coordination.k8s.io/v1), the way client-go does
 * it: observed time decides, not the clock in the record. Runs on the loop.
 */
#include "kube/kube.h"

struct lease;

struct lease_options {
    str namespace, name, identity;
    int64_t duration_ns, renew_ns, retry_ns; /* 35 s, 30 s, 5 s */
};
struct lease_events {
    void (*acquired)(void *context);
    void (*lost)(void *context, str holder); /* stop writing at once */
};

struct lease *lease_start(struct kube *kube, struct lease_options options,
                          const struct lease_events *events, void *context); /* [loop] */
/* [worker] Gives the lease up (release on cancel), then frees. */
void lease_stop(struct lease *lease);
