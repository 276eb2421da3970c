#include "apply/order.h"

/* compat: kinds in the order of Flux; all others come between the two lists. Matched by kind alone.
 */
static const char *const first_kinds[] = {
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
};
static const char *const last_kinds[] = {
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
};

static int rank_of(str kind)
{
    for (int i = 0; i < (int)COUNT(first_kinds); i++) {
        if (str_is(kind, first_kinds[i])) return i;
    }
    for (int i = 0; i < (int)COUNT(last_kinds); i++) {
        if (str_is(kind, last_kinds[i])) return (int)COUNT(first_kinds) + 1 + i;
    }
    return (int)COUNT(first_kinds);
}

static int rank_of_last_config(void)
{
    return rank_of(STR("LimitRange"));
}

enum order_stage order_stage_of(struct kube_ref ref)
{
    str kind = ref.kind.kind, group = ref.kind.group;
    if (str_is(kind, "CustomResourceDefinition") && str_is(group, "apiextensions.k8s.io")) {
        return ORDER_DEFINITIONS;
    }
    if (str_is(kind, "Namespace") && !group.len) return ORDER_DEFINITIONS;
    if (str_is(kind, "ClusterRole") && str_is(group, "rbac.authorization.k8s.io")) {
        return ORDER_DEFINITIONS;
    }
    if (str_ends(kind, STR("Class"))) return ORDER_CLASSES;
    int rank = rank_of(kind);
    if (rank <= rank_of_last_config()) return ORDER_CONFIG;
    return rank > (int)COUNT(first_kinds) ? ORDER_WEBHOOKS : ORDER_REST;
}

int order_compare(struct kube_ref a, struct kube_ref b)
{
    int difference = (int)order_stage_of(a) - (int)order_stage_of(b);
    if (!difference) difference = rank_of(a.kind.kind) - rank_of(b.kind.kind);
    if (!difference) difference = str_cmp(a.kind.group, b.kind.group);
    if (!difference) difference = str_cmp(a.kind.kind, b.kind.kind);
    if (!difference) difference = str_cmp(a.namespace, b.namespace);
    if (!difference) difference = str_cmp(a.name, b.name);
    return difference;
}
