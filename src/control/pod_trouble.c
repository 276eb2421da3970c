#include "control/pod_trouble.h"

#include "apply/observed.h"
#include "base/buf.h"

enum {
    WORKLOADS_MAX = 5, /* that are asked about */
    PODS_MAX = 20,     /* of each that are looked at */
};

static bool is_workload(struct kube_kind kind)
{
    static const char *const apps[] = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"};
    if (str_is(kind.group, "batch")) return str_is(kind.kind, "Job");
    for (size_t i = 0; str_is(kind.group, "apps") && i < COUNT(apps); i++) {
        if (str_is(kind.kind, apps[i])) return true;
    }
    return false;
}

/* "app=web,tier=front"; empty when labels alone do not tell which pods are its own. */
static str selector_of(arena *a, const node *workload)
{
    const node *selector = node_find(workload, "spec", "selector", NULL);
    buf text = BUF(a);
    if (node_get(selector, STR("matchExpressions"))) return (str){0};
    PAIR_EACH (node_get(selector, STR("matchLabels")), pair)
        buf_printf(&text, "%s" STR_FMT "=" STR_FMT, text.len ? "," : "", STR_ARG(pair->key),
                   STR_ARG(pair->value->text));
    return buf_str(&text);
}

/* A container that waits for something that does not come by itself. */
static str trouble_of_container(arena *a, const node *container)
{
    static const char *const on_its_way[] = {"", "ContainerCreating", "PodInitializing"};
    str name = node_get_str(container, STR("name"));
    str reason = node_find_str(container, "state", "waiting", "reason", NULL);
    for (size_t i = 0; i < COUNT(on_its_way); i++) {
        if (str_is(reason, on_its_way[i])) return (str){0};
    }
    const node *last = node_find(container, "lastState", "terminated", NULL);
    buf text = BUF(a);
    buf_printf(&text, "container '" STR_FMT "' is in " STR_FMT, STR_ARG(name), STR_ARG(reason));
    if (last) {
        buf_printf(&text, ", it ended with code %lld",
                   (long long)node_get_int(last, STR("exitCode"), 0));
        str why = node_get_str(last, STR("reason"));
        if (why.len) buf_printf(&text, " (" STR_FMT ")", STR_ARG(why));
    }
    return buf_str(&text);
}

static str trouble_of_pod(arena *a, const node *pod)
{
    static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        NODE_EACH (node_find(pod, "status", lists[i], NULL), container) {
            str trouble = trouble_of_container(a, container);
            if (trouble.len) return trouble;
        }
    }
    NODE_EACH (node_find(pod, "status", "conditions", NULL), condition) {
        bool unscheduled = str_is(node_get_str(condition, STR("type")), "PodScheduled") &&
                           str_is(node_get_str(condition, STR("reason")), "Unschedulable");
        if (unscheduled) return node_get_str(condition, STR("message"));
    }
    return (str){0};
}

/* The first trouble among its pods. An answer that cannot be had explains nothing. */
static str trouble_of(struct work *work, struct kube_ref ref)
{
    struct kube *kube = manager_kube(work->manager);
    node *workload, *pods;
    err *e AUTO(err_done) =
        kube_do(kube, work->a, &(struct kube_request){.verb = KUBE_GET, .ref = ref}, &workload);
    str selector = e ? (str){0} : selector_of(work->a, workload);
    if (!selector.len) return (str){0};
    struct kube_request list = {
        .verb = KUBE_LIST,
        .ref = {{STR(""), STR("v1"), STR("Pod")}, ref.namespace, {0}},
        .label_selector = selector,
        .limit = PODS_MAX,
    };
    e = kube_do(kube, work->a, &list, &pods);
    if (e) return (str){0};
    NODE_EACH (node_get(pods, STR("items")), pod) {
        str trouble = trouble_of_pod(work->a, pod);
        if (trouble.len) return trouble;
    }
    return (str){0};
}

str pod_trouble_of(struct work *work, const struct kube_ref *refs, size_t count)
{
    buf text = BUF(work->a);
    int asked = 0;
    for (size_t i = 0; i < count && asked < WORKLOADS_MAX; i++) {
        struct observed_record record;
        if (!is_workload(refs[i].kind)) continue;
        observed_get(manager_observed(work->manager), work->a, refs[i], &record);
        if (record.exists && record.health == HEALTH_CURRENT) continue;
        str trouble = trouble_of(work, refs[i]);
        asked++;
        if (!trouble.len) continue;
        buf_printf(&text, "; a pod of " STR_FMT ": " STR_FMT,
                   STR_ARG(kube_ref_text(work->a, refs[i])), STR_ARG(trouble));
    }
    return buf_str(&text);
}
