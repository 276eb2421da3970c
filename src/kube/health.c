#include "kube/health.h"

#include "base/buf.h"
#include "base/clock.h"

#define UNSCHEDULABLE_NS (15 * CLOCK_SECOND)

const char *health_name(enum health_status status)
{
    static const char *const names[] = {"Unknown", "NotFound",    "InProgress",
                                        "Failed",  "Terminating", "Current"};
    return names[status];
}

/* Kinds that are what they are as soon as they exist. */
bool health_needs_body(str group, str kind)
{
    static const struct {
        const char *group, *kind;
    } plain[] = {
        {"", "ConfigMap"},
        {"", "Secret"},
        {"", "ServiceAccount"},
        {"", "LimitRange"},
        {"", "ResourceQuota"},
        {"batch", "CronJob"},
        {"policy", "PodDisruptionBudget"},
        {"networking.k8s.io", "Ingress"},
        {"networking.k8s.io", "NetworkPolicy"},
        {"networking.k8s.io", "IngressClass"},
        {"rbac.authorization.k8s.io", "Role"},
        {"rbac.authorization.k8s.io", "RoleBinding"},
        {"rbac.authorization.k8s.io", "ClusterRole"},
        {"rbac.authorization.k8s.io", "ClusterRoleBinding"},
        {"scheduling.k8s.io", "PriorityClass"},
        {"storage.k8s.io", "StorageClass"},
        {"admissionregistration.k8s.io", "MutatingWebhookConfiguration"},
        {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"},
        {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy"},
        {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"},
    };
    for (size_t i = 0; i < COUNT(plain); i++) {
        if (str_is(group, plain[i].group) && str_is(kind, plain[i].kind)) return false;
    }
    return true;
}

/* ---- reading an object ---- */

struct subject {
    arena *a;
    const node *object, *metadata, *spec, *status;
    str *message;
};

static int64_t number(const node *map, const char *key, int64_t fallback)
{
    return node_get_int(map, str_of(key), fallback);
}

static const node *condition(const struct subject *s, const char *type)
{
    NODE_EACH (node_get(s->status, STR("conditions")), it) {
        if (str_is(node_get_str(it, STR("type")), type)) return it;
    }
    return NULL;
}

static bool condition_is(const struct subject *s, const char *type, const char *status)
{
    return str_is(node_get_str(condition(s, type), STR("status")), status);
}

static str condition_text(const struct subject *s, const char *type, const char *fallback)
{
    str text = node_get_str(condition(s, type), STR("message"));
    return text.len ? text : str_of(fallback);
}

static enum health_status say(const struct subject *s, enum health_status status, str message)
{
    *s->message = message;
    return status;
}

static enum health_status waiting(const struct subject *s, const char *format, ...) PRINTF(2, 3);
static enum health_status waiting(const struct subject *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    *s->message = str_vprintf(s->a, format, args);
    va_end(args);
    return HEALTH_IN_PROGRESS;
}

/* ---- kinds ---- */

static enum health_status of_deployment(const struct subject *s)
{
    const node *progressing = condition(s, "Progressing");
    if (str_is(node_get_str(progressing, STR("reason")), "ProgressDeadlineExceeded")) {
        return say(s, HEALTH_FAILED,
                   condition_text(s, "Progressing", "progress deadline exceeded"));
    }
    int64_t wanted = number(s->spec, "replicas", 1), all = number(s->status, "replicas", 0);
    int64_t updated = number(s->status, "updatedReplicas", 0);
    int64_t available = number(s->status, "availableReplicas", 0);
    int64_t ready = number(s->status, "readyReplicas", 0);
    if (all < wanted)
        return waiting(s, "%lld of %lld replicas exist", (long long)all, (long long)wanted);
    if (updated < wanted) {
        return waiting(s, "%lld of %lld replicas are updated", (long long)updated,
                       (long long)wanted);
    }
    if (all > wanted)
        return waiting(s, "%lld old replicas are still there", (long long)(all - wanted));
    if (updated > available) {
        return waiting(s, "%lld of %lld replicas are available", (long long)available,
                       (long long)updated);
    }
    if (ready < wanted) {
        return waiting(s, "%lld of %lld replicas are ready", (long long)ready, (long long)wanted);
    }
    /* A Deployment without a deadline has no Progressing condition to wait for. */
    int64_t deadline = number(s->spec, "progressDeadlineSeconds", INT32_MAX);
    bool has_deadline = deadline != INT32_MAX;
    bool rolled_out = condition_is(s, "Progressing", "True") &&
                      str_is(node_get_str(progressing, STR("reason")), "NewReplicaSetAvailable");
    if (has_deadline && !rolled_out) return waiting(s, "the new replica set is not available yet");
    if (!condition_is(s, "Available", "True")) return waiting(s, "it is not available yet");
    return HEALTH_CURRENT;
}

static enum health_status of_replica_set(const struct subject *s)
{
    if (condition_is(s, "ReplicaFailure", "True")) {
        return waiting(s, STR_FMT, STR_ARG(condition_text(s, "ReplicaFailure", "replica failure")));
    }
    int64_t wanted = number(s->spec, "replicas", 1), all = number(s->status, "replicas", 0);
    static const char *const counts[] = {"fullyLabeledReplicas", "availableReplicas",
                                         "readyReplicas"};
    for (size_t i = 0; i < COUNT(counts); i++) {
        int64_t have = number(s->status, counts[i], 0);
        if (have < wanted) {
            return waiting(s, "%s: %lld of %lld", counts[i], (long long)have, (long long)wanted);
        }
    }
    if (all > wanted)
        return waiting(s, "%lld old replicas are still there", (long long)(all - wanted));
    return HEALTH_CURRENT;
}

static enum health_status of_stateful_set(const struct subject *s)
{
    const node *strategy = node_get(s->spec, STR("updateStrategy"));
    if (str_is(node_get_str(strategy, STR("type")), "OnDelete")) return HEALTH_CURRENT;
    int64_t wanted = number(s->spec, "replicas", 1), all = number(s->status, "replicas", 0);
    int64_t ready = number(s->status, "readyReplicas", 0);
    if (all < wanted)
        return waiting(s, "%lld of %lld replicas exist", (long long)all, (long long)wanted);
    if (ready < wanted) {
        return waiting(s, "%lld of %lld replicas are ready", (long long)ready, (long long)wanted);
    }
    if (all > wanted)
        return waiting(s, "%lld old replicas are still there", (long long)(all - wanted));
    int64_t partition = number(node_get(strategy, STR("rollingUpdate")), "partition", 0);
    if (partition > 0) {
        int64_t updated = number(s->status, "updatedReplicas", 0);
        if (updated < wanted - partition) {
            return waiting(s, "%lld of %lld replicas are updated", (long long)updated,
                           (long long)(wanted - partition));
        }
        return HEALTH_CURRENT;
    }
    int64_t current = number(s->status, "currentReplicas", 0);
    if (current < wanted) {
        return waiting(s, "%lld of %lld replicas are current", (long long)current,
                       (long long)wanted);
    }
    if (!str_eq(node_get_str(s->status, STR("currentRevision")),
                node_get_str(s->status, STR("updateRevision")))) {
        return waiting(s, "it waits for its update to finish");
    }
    return HEALTH_CURRENT;
}

static enum health_status of_daemon_set(const struct subject *s)
{
    if (!node_get(s->status, STR("observedGeneration")))
        return waiting(s, "it has not been observed yet");
    if (!node_get(s->status, STR("desiredNumberScheduled")))
        return waiting(s, "nothing is scheduled yet");
    int64_t wanted = number(s->status, "desiredNumberScheduled", 0);
    static const struct {
        const char *field, *text;
    } counts[] = {{"currentNumberScheduled", "scheduled"},
                  {"updatedNumberScheduled", "updated"},
                  {"numberAvailable", "available"},
                  {"numberReady", "ready"}};
    for (size_t i = 0; i < COUNT(counts); i++) {
        int64_t have = number(s->status, counts[i].field, 0);
        if (have < wanted) {
            return waiting(s, "%lld of %lld pods are %s", (long long)have, (long long)wanted,
                           counts[i].text);
        }
    }
    return HEALTH_CURRENT;
}

/* The container that keeps crashing, or an empty text. */
static str crashing_container(const struct subject *s)
{
    NODE_EACH (node_get(s->status, STR("containerStatuses")), container) {
        str reason = node_find_str(container, "state", "waiting", "reason", NULL);
        if (str_is(reason, "CrashLoopBackOff")) return node_get_str(container, STR("name"));
    }
    return (str){0};
}

static enum health_status of_pod(const struct subject *s)
{
    str phase = node_get_str(s->status, STR("phase"));
    if (str_is(phase, "Succeeded") || str_is(phase, "Failed")) return HEALTH_CURRENT;
    if (str_is(phase, "Running")) {
        if (condition_is(s, "Ready", "True")) return HEALTH_CURRENT;
        str name = crashing_container(s);
        if (!name.len) return waiting(s, "it runs but is not ready");
        return say(s, HEALTH_FAILED,
                   str_printf(s->a, "container '" STR_FMT "' keeps crashing", STR_ARG(name)));
    }
    const node *scheduled = condition(s, "PodScheduled");
    int64_t since_ns;
    bool stuck = str_is(phase, "Pending") && condition_is(s, "PodScheduled", "False") &&
                 str_is(node_get_str(scheduled, STR("reason")), "Unschedulable") &&
                 clock_parse(node_get_str(scheduled, STR("lastTransitionTime")), &since_ns) &&
                 clock_wall_ns() - since_ns > UNSCHEDULABLE_NS;
    if (stuck)
        return say(s, HEALTH_FAILED, condition_text(s, "PodScheduled", "it cannot be scheduled"));
    return waiting(s, "it is %s", phase.len ? str_z(s->a, phase) : "not started");
}

static enum health_status of_service(const struct subject *s)
{
    bool balancer = str_is(node_get_str(s->spec, STR("type")), "LoadBalancer");
    if (balancer && !node_get_str(s->spec, STR("clusterIP")).len)
        return waiting(s, "it has no IP yet");
    return HEALTH_CURRENT;
}

static enum health_status of_claim(const struct subject *s)
{
    str phase = node_get_str(s->status, STR("phase"));
    if (str_is(phase, "Bound")) return HEALTH_CURRENT;
    return waiting(s, "it is not bound: %s", phase.len ? str_z(s->a, phase) : "no phase yet");
}

static enum health_status of_definition(const struct subject *s)
{
    if (condition_is(s, "NamesAccepted", "False")) {
        return say(s, HEALTH_FAILED, condition_text(s, "NamesAccepted", "its names are taken"));
    }
    if (condition_is(s, "Established", "True")) return HEALTH_CURRENT;
    bool refused = condition_is(s, "Established", "False") &&
                   !str_is(node_get_str(condition(s, "Established"), STR("reason")), "Installing");
    if (refused) return say(s, HEALTH_FAILED, condition_text(s, "Established", "not established"));
    return waiting(s, "it is being installed");
}

/* compat: Flux's own rule. The general one would call a Job done as soon as it started. */
static enum health_status of_job(const struct subject *s)
{
    if (node_get_bool(s->spec, STR("suspend"), false)) return HEALTH_CURRENT;
    if (condition_is(s, "Complete", "True")) return HEALTH_CURRENT;
    if (condition_is(s, "Failed", "True")) {
        return say(s, HEALTH_FAILED, condition_text(s, "Failed", "the job failed"));
    }
    return waiting(s, "the job has not completed");
}

static enum health_status of_namespace(const struct subject *s)
{
    str phase = node_get_str(s->status, STR("phase"));
    return !phase.len || str_is(phase, "Active") ? HEALTH_CURRENT : HEALTH_TERMINATING;
}

static const struct rule {
    const char *group, *kind;
    enum health_status (*health)(const struct subject *s);
} rules[] = {
    {"apps", "Deployment", of_deployment},
    {"apps", "ReplicaSet", of_replica_set},
    {"apps", "StatefulSet", of_stateful_set},
    {"apps", "DaemonSet", of_daemon_set},
    {"batch", "Job", of_job},
    {"", "Pod", of_pod},
    {"", "Service", of_service},
    {"", "PersistentVolumeClaim", of_claim},
    {"", "Namespace", of_namespace},
    {"apiextensions.k8s.io", "CustomResourceDefinition", of_definition},
};

/* ---- any object ---- */

static bool general(const struct subject *s, enum health_status *out)
{
    if (node_get(s->metadata, STR("deletionTimestamp"))) {
        *out = say(s, HEALTH_TERMINATING, STR("it is being deleted"));
        return true;
    }
    const node *observed = node_get(s->status, STR("observedGeneration"));
    int64_t generation = number(s->metadata, "generation", 0), seen;
    if (node_to_int(observed, &seen) && seen != generation) {
        *out = waiting(s, "generation %lld is not observed yet, the last one is %lld",
                       (long long)generation, (long long)seen);
        return true;
    }
    if (condition_is(s, "Reconciling", "True")) {
        *out =
            say(s, HEALTH_IN_PROGRESS, condition_text(s, "Reconciling", "it is being reconciled"));
        return true;
    }
    if (condition_is(s, "Stalled", "True")) {
        *out = say(s, HEALTH_FAILED, condition_text(s, "Stalled", "it is stalled"));
        return true;
    }
    return false;
}

static enum health_status by_ready(const struct subject *s)
{
    const node *ready = condition(s, "Ready");
    if (!ready || condition_is(s, "Ready", "True")) return HEALTH_CURRENT;
    return say(s, HEALTH_IN_PROGRESS, condition_text(s, "Ready", "it is not ready"));
}

static bool is_kind(const node *object, const char *group, const char *kind)
{
    if (!str_is(node_get_str(object, STR("kind")), kind)) return false;
    str own, version;
    if (!str_cut(node_get_str(object, STR("apiVersion")), '/', &own, &version)) own = (str){0};
    return str_is(own, group);
}

enum health_status health_of(arena *a, const node *object, str *message_out)
{
    *message_out = (str){0};
    struct subject s = {
        .a = a,
        .object = object,
        .metadata = node_get(object, STR("metadata")),
        .spec = node_get(object, STR("spec")),
        .status = node_get(object, STR("status")),
        .message = message_out,
    };
    enum health_status status;
    if (general(&s, &status)) return status;
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (is_kind(object, rules[i].group, rules[i].kind)) return rules[i].health(&s);
    }
    return by_ready(&s);
}
