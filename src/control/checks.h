#pragma once
/*
 * Are these objects healthy now? Answered from the observed state; objects that
 * are not watched (health checks may name foreign ones) are fetched, and so are
 * those that an expression decides about. Never waits: the caller comes back.
 */
#include "control/health_expr.h"
#include "control/manager.h"

enum checks_state { CHECKS_PASSED, CHECKS_WAITING, CHECKS_FAILED };

struct checks_result {
    enum checks_state state;
    str waiting; /* "Deployment/ns/a status: 'InProgress' (1 of 2 replicas are ready), ..." */
    str failed;  /* the same for those that failed */
    bool polled; /* some had to be fetched: nothing will wake us, look again */
};

/* [worker] */
void checks_run(struct work *work, const struct kube_ref *refs, size_t count,
                const struct health_exprs *exprs, struct checks_result *out);
