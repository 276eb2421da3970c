#pragma once
/*
 * Why does a workload not become ready? What its pods say: a container that
 * crashes or whose image cannot be had, a pod that fits no node. Asks the API
 * server, so it is for when a wait has failed.
 */
#include "control/manager.h"

/* "; a pod of Deployment/ns/web: container 'web' is in CrashLoopBackOff, ..." for each of the
 * objects that are not healthy and whose pods are in trouble; else empty. The same trouble gives
 * the same text, whatever the pods are called. [worker] */
str pod_trouble_of(struct work *work, const struct kube_ref *refs, size_t count);
