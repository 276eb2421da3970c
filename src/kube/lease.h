#pragma once
/*
 * Leader election by a Lease (coordination.k8s.io/v1), the way client-go does
 * it: observed time decides, not the clock in the record. Runs on the loop.
 * After `lost` it tries to acquire the lease again.
 */
#include "kube/kube.h"

struct lease;

struct lease_options {
    str namespace, name, identity;
    int64_t duration_ns, renew_ns, retry_ns; /* 0: 35 s, 30 s, 5 s; duration > renew > retry */
};
struct lease_events {
    void (*acquired)(void *context);
    void (*lost)(void *context,
                 str holder); /* stop writing at once; holder is empty if nobody's known */
};

struct lease *lease_start(struct kube *kube, struct lease_options options,
                          const struct lease_events *events, void *context); /* [loop] */
/* [any] Ours, and renewed recently enough that nobody else can hold it. */
bool lease_is_held(const struct lease *lease);
/* [worker] Gives the lease up (release on cancel), then frees. `lost` is not called. */
void lease_stop(struct lease *lease);
