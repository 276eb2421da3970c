#pragma once
/* Waiting for the operator to finish with one object: polls, within --timeout. */
#include "cli/target.h"

/* Until status.lastHandledReconcileAt differs from `handled_before` and the object is Current, or
 * its run has failed (wait_verdict tells). One that is stalled is an error with its message. */
MUST_USE err *wait_handled(struct cli *cli, struct kube_ref ref, str handled_before, node **out);
/* The same for what the object says about its present generation. */
MUST_USE err *wait_ready(struct cli *cli, struct kube_ref ref, node **out);
/* Until any object is Current by the rules of kstatus. */
MUST_USE err *wait_current(struct cli *cli, struct kube_ref ref);
/* Ready has to be True: "Kustomization reconciliation failed: 'why'". */
MUST_USE err *wait_verdict(const struct kind *kind, const node *object);
/* "applied revision main@sha1:...": what the kind says at the end. */
str wait_result(arena *a, const struct kind *kind, const node *object);
