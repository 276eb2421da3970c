#pragma once
/*
 * The order in which objects are applied and (reversed) pruned: stages, then a
 * rank by kind, then group, kind, namespace, name. Pure; any thread.
 */
#include "kube/kube.h"

enum order_stage {
    ORDER_DEFINITIONS, /* CRD, Namespace, ClusterRole: others need them */
    ORDER_CLASSES,     /* kinds whose name ends in Class */
    ORDER_CONFIG,      /* what workloads refer to: accounts, roles, config, services */
    ORDER_REST,
    ORDER_WEBHOOKS,    /* they may reject everything that comes after them */
    ORDER_STAGES,
};

enum order_stage order_stage_of(struct kube_ref ref);
int order_compare(struct kube_ref a, struct kube_ref b); /* as strcmp */
