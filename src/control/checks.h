#pragma once
/*
 * Are these objects healthy now? Answered from the observed state; objects that
 * are not watched (health checks may name foreign ones) are fetched. Never
 * waits: the caller comes back.
 */
#include "control/manager.h"

enum checks_state { CHECKS_PASSED, CHECKS_WAITING, CHECKS_FAILED };

struct checks_result {
    enum checks_state state;
    str waiting;  /* "Deployment/ns/a status: 'InProgress' (1 of 2 replicas are ready), ..." */
    str failed;   /* the same for those that failed */
    bool polled;  /* some had to be fetched: nothing will wake us, look again */
};

/* [worker] */
void checks_run(struct work *work, const struct kube_ref *refs, size_t count,
                struct checks_result *out);
