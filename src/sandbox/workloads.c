#include "sandbox/workloads.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "doc/json.h"
#include "sandbox/family.h"
#include "sandbox/removal.h"
#include "sandbox/write.h"

#define MANAGER "kube-controller-manager"

enum {
    KINDS_MAX = 16,
    TURN = 100 /* objects at a time, so that requests get their turn */
};

struct workloads {
    struct world *world;
    struct loop *loop;
    struct store_listener listener;
    struct loop_timer timer, again;
    struct map dirty;      /* "Kind namespace/name" */
    struct map unfinished; /* "namespace/name" of Deployments whose rollout is not complete */
    const struct collection *collections[KINDS_MAX]; /* in the order of kinds */
    bool pods_run;
};

/* One object at work. */
struct job {
    struct workloads *workloads;
    arena *a;
    const struct served *served;
    node *object;
    str namespace, name, uid;
};

typedef void reconcile_fn(struct job *job);
static reconcile_fn reconcile_deployment, reconcile_replicas, reconcile_job, reconcile_pod,
    reconcile_claim;

static const struct kind {
    const char *group, *plural, *kind;
    reconcile_fn *reconcile;
} kinds[] = {
    {"apps", "deployments", "Deployment", reconcile_deployment},
    {"apps", "replicasets", "ReplicaSet", reconcile_replicas},
    {"apps", "statefulsets", "StatefulSet", reconcile_replicas},
    {"apps", "daemonsets", "DaemonSet", reconcile_replicas},
    {"batch", "jobs", "Job", reconcile_job},
    {"", "pods", "Pod", reconcile_pod},
    {"", "persistentvolumeclaims", "PersistentVolumeClaim", reconcile_claim},
};

static const struct served *find_kind(struct workloads *workloads, const char *kind)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (!strcmp(kinds[i].kind, kind))
            return served_find(workloads->world->served, str_of(kinds[i].group), STR("v1"),
                               str_of(kinds[i].plural));
    return NULL;
}

static void put(struct job *job, const struct served *served, const char *subresource, node *object)
{
    /* What cannot be stored (a name that is too long) shows as a workload that is never ready. */
    err *e AUTO(err_done) = write_put(job->workloads->world, served, MANAGER, subresource, object);
}

/* ---- what belongs to an object ---- */

static const node *controller_of(const node *object)
{
    NODE_EACH (node_find(object, "metadata", "ownerReferences", NULL), owner) {
        if (node_get_bool(owner, STR("controller"), false)) return owner;
    }
    return NULL;
}

struct children {
    const node **items;
    size_t count, room;
};

static struct children children_of(struct job *job, const struct served *served)
{
    struct children children = {0};
    const struct family *family = store_family(job->workloads->world->store);
    const struct map *uids = family_dependents(family, job->uid);
    if (!uids) return children;
    MAP_EACH (uids, entry) {
        const struct family_member *member = family_find(family, entry->key);
        if (!member || member->collection != served->collection) continue;
        const node *root = ((const doc *)map_get(&served->collection->objects, member->key))->root;
        if (!str_eq(node_get_str(controller_of(root), STR("uid")), job->uid)) continue;
        if (node_find(root, "metadata", "deletionTimestamp", NULL)) continue;
        *ARENA_PUSH(job->a, children.items, children.count, children.room) = doc_copy(job->a, root);
    }
    return children;
}

static node *child_of(struct job *job, str name, const node *labels)
{
    arena *a = job->a;
    node *child = node_map(a), *metadata = node_make_map(a, child, STR("metadata"));
    if (name.len && name.data[name.len - 1] == '-')
        node_set_str(a, metadata, STR("generateName"), name);
    else
        node_set_str(a, metadata, STR("name"), name);
    node_set_str(a, metadata, STR("namespace"), job->namespace);
    if (labels) node_set(a, metadata, STR("labels"), doc_copy(a, labels));
    family_set_controller(a, metadata, job->served->api_version, job->served->kind, job->name,
                          job->uid);
    return child;
}

static void make_pod(struct job *job, str name)
{
    arena *a = job->a;
    const node *template = node_find(job->object, "spec", "template", NULL);
    node *pod = child_of(job, name, node_find(template, "metadata", "labels", NULL));
    const node *notes = node_find(template, "metadata", "annotations", NULL);
    if (notes) node_set(a, node_get(pod, STR("metadata")), STR("annotations"), doc_copy(a, notes));
    const node *spec = node_get(template, STR("spec"));
    if (spec) node_set(a, pod, STR("spec"), doc_copy(a, spec));
    put(job, find_kind(job->workloads, "Pod"), "", pod);
}

static bool condition_is(const node *object, const char *type, const char *status)
{
    NODE_EACH (node_find(object, "status", "conditions", NULL), condition) {
        if (str_is(node_get_str(condition, STR("type")), type))
            return str_is(node_get_str(condition, STR("status")), status);
    }
    return false;
}

/* Sets the condition; its time moves only when its status does. */
static void set_condition(struct job *job, node *status, const char *type, bool value,
                          const char *reason, str message)
{
    arena *a = job->a;
    str now = clock_format(a, clock_wall_ns()), text = value ? STR("True") : STR("False");
    node *list = node_get(status, STR("conditions")), *found = NULL;
    if (!list) {
        list = node_list(a);
        node_set(a, status, STR("conditions"), list);
    }
    NODE_EACH (list, condition) {
        if (str_is(node_get_str(condition, STR("type")), type)) found = condition;
    }
    if (!found) {
        found = node_map(a);
        node_set_str(a, found, STR("type"), str_of(type));
        node_push(a, list, found);
    }
    bool same = str_eq(node_get_str(found, STR("status")), text);
    bool told = same && str_is(node_get_str(found, STR("reason")), reason);
    node_set_str(a, found, STR("status"), text);
    if (!same) node_set_str(a, found, STR("lastTransitionTime"), now);
    if (!told && str_is(job->served->kind, "Deployment"))
        node_set_str(a, found, STR("lastUpdateTime"), now);
    if (reason[0]) node_set_str(a, found, STR("reason"), str_of(reason));
    if (message.len) node_set_str(a, found, STR("message"), message);
}

static void set_count(arena *a, node *status, const char *name, int64_t count)
{
    if (count)
        node_set_int(a, status, str_of(name), count);
    else
        node_unset(status, str_of(name));
}

static node *status_of(struct job *job)
{
    arena *a = job->a;
    node *status = node_make_map(a, job->object, STR("status"));
    node_set_int(a, status, STR("observedGeneration"),
                 node_get_int(node_get(job->object, STR("metadata")), STR("generation"), 0));
    return status;
}

/* ---- Deployment ---- */

static str template_hash(struct job *job)
{
    buf b = BUF(job->a);
    json_write(&b, node_find(job->object, "spec", "template", NULL),
               (struct json_style){.sorted = true});
    uint32_t hash = (uint32_t)hash_stable(buf_str(&b));
    return str_printf(job->a, "%08x", hash);
}

#define REVISION     "deployment.kubernetes.io/revision"
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static int64_t revision_of(const node *object)
{
    int64_t revision;
    str text = node_find_str(object, "metadata", "annotations", REVISION, NULL);
    return str_to_int(text, &revision) ? revision : 0;
}

static void set_revision(arena *a, node *object, int64_t revision)
{
    node *metadata = node_make_map(a, object, STR("metadata"));
    node_set_str(a, node_make_map(a, metadata, STR("annotations")), STR(REVISION),
                 str_printf(a, "%lld", (long long)revision));
}

static void make_replica_set(struct job *job, str name, str hash, int64_t revision)
{
    arena *a = job->a;
    const struct served *sets = find_kind(job->workloads, "ReplicaSet");
    const node *spec = node_get(job->object, STR("spec"));
    node *template = doc_copy(a, node_get(spec, STR("template")));
    node *labels = node_make_map(a, node_make_map(a, template, STR("metadata")), STR("labels"));
    node_set_str(a, labels, STR("pod-template-hash"), hash);
    node *selector = doc_copy(a, node_get(spec, STR("selector")));
    node_set_str(a, node_make_map(a, selector, STR("matchLabels")), STR("pod-template-hash"), hash);
    node *set = child_of(job, name, labels), *set_spec = node_make_map(a, set, STR("spec"));
    node_set_int(a, set_spec, STR("replicas"), node_get_int(spec, STR("replicas"), 1));
    node_set(a, set_spec, STR("selector"), selector);
    node_set(a, set_spec, STR("template"), template);
    node *notes = doc_copy(a, node_find(job->object, "metadata", "annotations", NULL));
    if (notes) node_unset(notes, STR(LAST_APPLIED));
    if (notes) node_set(a, node_get(set, STR("metadata")), STR("annotations"), notes);
    set_revision(a, set, revision);
    put(job, sets, "", set);
}

/* revision: 0 leaves it as it is. */
static void set_replicas(struct job *job, const node *set, int64_t count, int64_t revision)
{
    node *copy = doc_copy(job->a, set);
    node *spec = node_make_map(job->a, copy, STR("spec"));
    bool renumber = revision && revision_of(set) != revision;
    if (node_get_int(spec, STR("replicas"), 1) == count && !renumber) return;
    node_set_int(job->a, spec, STR("replicas"), count);
    if (renumber) set_revision(job->a, copy, revision);
    put(job, find_kind(job->workloads, "ReplicaSet"), "", copy);
}

struct rollout {
    int64_t wanted, all, ready, updated, updated_ready;
};

static void mark(struct workloads *workloads, str kind, str namespace, str name);

static void look_again(void *context)
{
    struct workloads *workloads = context;
    MAP_EACH (&workloads->unfinished, entry) {
        str namespace, name;
        str_cut(entry->key, '/', &namespace, &name);
        mark(workloads, STR("Deployment"), namespace, name);
    }
    map_clear(&workloads->unfinished);
}

static void expect_again(struct job *job)
{
    struct workloads *workloads = job->workloads;
    map_put(&workloads->unfinished,
            str_printf(job->a, STR_FMT "/" STR_FMT, STR_ARG(job->namespace), STR_ARG(job->name)),
            workloads);
    if (!workloads->again.item.place)
        loop_timer_set(workloads->loop, &workloads->again, clock_now_ns() + CLOCK_SECOND,
                       look_again, workloads);
}

/* It has not come forward for longer than it says it may take. */
static bool is_late(struct job *job, const node *status)
{
    int64_t since, seconds = node_get_int(node_get(job->object, STR("spec")),
                                          STR("progressDeadlineSeconds"), 600);
    NODE_EACH (node_get(status, STR("conditions")), condition) {
        if (!str_is(node_get_str(condition, STR("type")), "Progressing")) continue;
        if (str_is(node_get_str(condition, STR("reason")), "ProgressDeadlineExceeded")) return true;
        return str_is(node_get_str(condition, STR("reason")), "ReplicaSetUpdated") &&
               clock_parse(node_get_str(condition, STR("lastUpdateTime")), &since) &&
               clock_wall_ns() - since > seconds * CLOCK_SECOND;
    }
    return false;
}

static void report_deployment(struct job *job, struct rollout r)
{
    arena *a = job->a;
    node *status = status_of(job);
    set_count(a, status, "replicas", r.all);
    set_count(a, status, "updatedReplicas", r.updated);
    set_count(a, status, "readyReplicas", r.ready);
    set_count(a, status, "availableReplicas", r.ready);
    set_count(a, status, "unavailableReplicas", MAX(r.wanted - r.ready, (int64_t)0));
    bool available = r.ready >= r.wanted - r.wanted / 4;
    bool complete = r.updated_ready >= r.wanted && r.all == r.updated;
    set_condition(job, status, "Available", available,
                  available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                  available ? STR("Deployment has minimum availability.")
                            : STR("Deployment does not have minimum availability."));
    bool late = !complete && is_late(job, status);
    set_condition(job, status, "Progressing", !late,
                  late       ? "ProgressDeadlineExceeded"
                  : complete ? "NewReplicaSetAvailable"
                             : "ReplicaSetUpdated",
                  str_printf(a, "ReplicaSet \"" STR_FMT "-" STR_FMT "\" %s", STR_ARG(job->name),
                             STR_ARG(template_hash(job)),
                             late       ? "has timed out progressing."
                             : complete ? "has successfully progressed."
                                        : "is progressing."));
    if (!complete && !late) expect_again(job);
    put(job, job->served, "status", job->object);
}

static void reconcile_deployment(struct job *job)
{
    const node *spec = node_get(job->object, STR("spec"));
    struct rollout r = {.wanted = node_get_int(spec, STR("replicas"), 1)};
    str hash = template_hash(job);
    str current = str_printf(job->a, STR_FMT "-" STR_FMT, STR_ARG(job->name), STR_ARG(hash));
    struct children sets = children_of(job, find_kind(job->workloads, "ReplicaSet"));
    const node *new = NULL;
    int64_t revision = 1; /* one more than that of any other */
    for (size_t i = 0; i < sets.count; i++) {
        const node *status = node_get(sets.items[i], STR("status"));
        int64_t ready = node_get_int(status, STR("readyReplicas"), 0);
        int64_t all = node_get_int(status, STR("replicas"), 0);
        r.ready += ready;
        r.all += all;
        if (!str_eq(node_find_str(sets.items[i], "metadata", "name", NULL), current)) {
            revision = MAX(revision, revision_of(sets.items[i]) + 1);
            continue;
        }
        new = sets.items[i];
        r.updated = all;
        r.updated_ready = ready;
    }
    if (new) revision = MAX(revision, revision_of(new));
    if (!new)
        make_replica_set(job, current, hash, revision);
    else
        set_replicas(job, new, r.wanted, revision);
    set_revision(job->a, job->object, revision);
    for (size_t i = 0; i < sets.count; i++)
        if (sets.items[i] != new &&new &&r.updated_ready >= r.wanted)
            set_replicas(job, sets.items[i], 0, 0);
    report_deployment(job, r);
}

/* ---- what has pods ---- */

static bool is_ready(const node *pod)
{
    return condition_is(pod, "Ready", "True");
}

/* Pods of a StatefulSet have ordinals for names; the one of a DaemonSet is on the one node. */
static str pod_name(struct job *job, const struct children *pods)
{
    arena *a = job->a;
    if (!str_is(job->served->kind, "StatefulSet"))
        return str_printf(a, STR_FMT "-", STR_ARG(job->name));
    for (size_t ordinal = 0;; ordinal++) {
        str name = str_printf(a, STR_FMT "-%zu", STR_ARG(job->name), ordinal);
        bool taken = false;
        for (size_t i = 0; i < pods->count; i++)
            taken = taken || str_eq(node_find_str(pods->items[i], "metadata", "name", NULL), name);
        if (!taken) return name;
    }
}

static bool uses_template(struct job *job, const node *pod)
{
    const node *want = node_find(job->object, "spec", "template", "spec", "containers", NULL);
    const node *have = node_find(pod, "spec", "containers", NULL);
    for (uint32_t i = 0; want && i < want->count; i++)
        if (!str_eq(node_get_str(want->items[i], STR("image")),
                    node_get_str(node_at(have, i), STR("image"))))
            return false;
    return true;
}

static void report_replicas(struct job *job, int64_t wanted, const struct children *pods)
{
    arena *a = job->a;
    node *status = status_of(job);
    int64_t ready = 0, all = (int64_t)pods->count;
    for (size_t i = 0; i < pods->count; i++)
        ready += is_ready(pods->items[i]);
    if (str_is(job->served->kind, "DaemonSet")) {
        static const char *const all_names[] = {"currentNumberScheduled", "desiredNumberScheduled",
                                                "updatedNumberScheduled"};
        for (size_t i = 0; i < COUNT(all_names); i++)
            node_set_int(a, status, str_of(all_names[i]), 1);
        node_set_int(a, status, STR("numberMisscheduled"), 0);
        node_set_int(a, status, STR("numberReady"), ready);
        set_count(a, status, "numberAvailable", ready);
        set_count(a, status, "numberUnavailable", 1 - MIN(ready, (int64_t)1));
    } else {
        node_set_int(a, status, STR("replicas"), all);
        set_count(a, status, "readyReplicas", ready);
        set_count(a, status, "availableReplicas", ready);
    }
    if (str_is(job->served->kind, "ReplicaSet")) {
        set_count(a, status, "fullyLabeledReplicas", all);
    } else if (str_is(job->served->kind, "StatefulSet")) {
        str revision =
            str_printf(a, STR_FMT "-" STR_FMT, STR_ARG(job->name), STR_ARG(template_hash(job)));
        set_count(a, status, "currentReplicas", all);
        set_count(a, status, "updatedReplicas", all);
        node_set_str(a, status, STR("currentRevision"), revision);
        node_set_str(a, status, STR("updateRevision"), revision);
        node_set_int(a, status, STR("collisionCount"), 0);
    }
    (void)wanted;
    put(job, job->served, "status", job->object);
}

static void reconcile_replicas(struct job *job)
{
    const struct served *pod_kind = find_kind(job->workloads, "Pod");
    struct children pods = children_of(job, pod_kind);
    int64_t wanted = node_get_int(node_get(job->object, STR("spec")), STR("replicas"), 1);
    wanted = MIN(wanted, (int64_t)LIMIT_SANDBOX_REPLICAS);
    bool replaces = !str_is(job->served->kind, "ReplicaSet");
    for (size_t i = pods.count; i-- > 0;) {
        if ((int64_t)i < wanted && (!replaces || uses_template(job, pods.items[i]))) continue;
        removal_of(job->workloads->world, pod_kind, job->namespace,
                   node_find_str(pods.items[i], "metadata", "name", NULL));
    }
    pods = children_of(job, pod_kind);
    while ((int64_t)pods.count < wanted) {
        size_t before = pods.count;
        make_pod(job, pod_name(job, &pods));
        pods = children_of(job, pod_kind);
        if (pods.count == before) break;
    }
    report_replicas(job, wanted, &pods);
}

static void reconcile_job(struct job *job)
{
    arena *a = job->a;
    if (condition_is(job->object, "Complete", "True") ||
        condition_is(job->object, "Failed", "True"))
        return;
    struct children pods = children_of(job, find_kind(job->workloads, "Pod"));
    const node *spec = node_get(job->object, STR("spec"));
    int64_t done = 0, failed = 0, wanted = node_get_int(spec, STR("completions"), 1);
    if (node_get_bool(spec, STR("suspend"), false)) return;
    for (size_t i = 0; i < pods.count; i++) {
        str phase = node_find_str(pods.items[i], "status", "phase", NULL);
        done += str_is(phase, "Succeeded");
        failed += str_is(phase, "Failed");
    }
    int64_t active = (int64_t)pods.count - done - failed;
    bool gave_up = failed > node_get_int(spec, STR("backoffLimit"), 6);
    wanted = MIN(wanted, (int64_t)LIMIT_SANDBOX_REPLICAS);
    for (; !gave_up && active + done < wanted; active++)
        make_pod(job, str_printf(a, STR_FMT "-", STR_ARG(job->name)));
    node *status = node_make_map(a, job->object, STR("status"));
    str now = clock_format(a, clock_wall_ns());
    if (!node_get(status, STR("startTime"))) node_set_str(a, status, STR("startTime"), now);
    set_count(a, status, "active", active);
    set_count(a, status, "succeeded", done);
    set_count(a, status, "failed", failed);
    if (done >= wanted) {
        node_set_str(a, status, STR("completionTime"), now);
        set_condition(job, status, "SuccessCriteriaMet", true, "CompletionsReached",
                      STR("Reached expected number of succeeded pods"));
        set_condition(job, status, "Complete", true, "CompletionsReached",
                      STR("Reached expected number of succeeded pods"));
    } else if (gave_up) {
        set_condition(job, status, "FailureTarget", true, "BackoffLimitExceeded",
                      STR("Job has reached the specified backoff limit"));
        set_condition(job, status, "Failed", true, "BackoffLimitExceeded",
                      STR("Job has reached the specified backoff limit"));
    }
    put(job, job->served, "status", job->object);
}

/* ---- pods and claims ---- */

static bool is_broken(str image)
{
    str path, tag = {0};
    return str_cut_last(image, ':', &path, &tag) && str_find(tag, STR("broken")) >= 0;
}

static node *container_status(struct job *job, const node *container, bool ready, bool ends)
{
    arena *a = job->a;
    node *status = node_map(a), *state = node_map(a), *what = node_map(a);
    str image = node_get_str(container, STR("image"));
    str now = clock_format(a, clock_wall_ns());
    node_set_str(a, status, STR("name"), node_get_str(container, STR("name")));
    node_set_str(a, status, STR("image"), image);
    node_set_str(a, status, STR("imageID"), STR(""));
    node_set_bool(a, status, STR("ready"), ready && !ends);
    node_set_bool(a, status, STR("started"), ready && !ends);
    node_set_int(a, status, STR("restartCount"), 0);
    if (!ready) {
        node_set_str(a, what, STR("reason"), STR("ImagePullBackOff"));
        node_set_str(a, what, STR("message"),
                     str_printf(a, "Back-off pulling image \"" STR_FMT "\"", STR_ARG(image)));
    } else {
        node_set_str(a, what, STR("startedAt"), now);
        if (ends) node_set_int(a, what, STR("exitCode"), 0);
        if (ends) node_set_str(a, what, STR("finishedAt"), now);
    }
    node_set(a, state, !ready ? STR("waiting") : ends ? STR("terminated") : STR("running"), what);
    node_set(a, status, STR("state"), state);
    return status;
}

/* An address of no network. */
static void set_address(struct job *job, node *status)
{
    arena *a = job->a;
    uint32_t hash = (uint32_t)hash_stable(job->uid);
    node *entry = node_map(a), *list = node_list(a);
    str address = str_printf(a, "10.%u.%u.%u", 64 + (hash >> 16) % 64, (hash >> 8) & 255,
                             1 + (hash & 255) % 254);
    node_set_str(a, entry, STR("ip"), address);
    node_push(a, list, entry);
    node_set_str(a, status, STR("podIP"), address);
    node_set(a, status, STR("podIPs"), list);
}

static void reconcile_pod(struct job *job)
{
    arena *a = job->a;
    node *status = node_make_map(a, job->object, STR("status"));
    str phase = node_get_str(status, STR("phase"));
    if (!phase.len) {
        node_set_str(a, status, STR("phase"), STR("Pending"));
        node_set_str(a, status, STR("qosClass"), STR("BestEffort"));
        phase = STR("");
    }
    if (phase.len && (!job->workloads->pods_run || !str_is(phase, "Pending"))) return;
    if (job->workloads->pods_run && !node_get(status, STR("containerStatuses"))) {
        bool good = true;
        bool ends = str_is(node_get_str(controller_of(job->object), STR("kind")), "Job");
        node *statuses = node_list(a);
        NODE_EACH (node_find(job->object, "spec", "containers", NULL), container) {
            bool broken = is_broken(node_get_str(container, STR("image")));
            good = good && !broken;
            node_push(a, statuses, container_status(job, container, !broken, ends));
        }
        node_set(a, status, STR("containerStatuses"), statuses);
        node_set_str(a, status, STR("startTime"), clock_format(a, clock_wall_ns()));
        set_address(job, status);
        set_condition(job, status, "Initialized", true, "", STR(""));
        set_condition(job, status, "Ready", good && !ends,
                      good ? (ends ? "PodCompleted" : "") : "ContainersNotReady", STR(""));
        set_condition(job, status, "ContainersReady", good && !ends,
                      good ? (ends ? "PodCompleted" : "") : "ContainersNotReady", STR(""));
        set_condition(job, status, "PodScheduled", true, "", STR(""));
        if (good) node_set_str(a, status, STR("phase"), ends ? STR("Succeeded") : STR("Running"));
    }
    put(job, job->served, "status", job->object);
}

static void reconcile_claim(struct job *job)
{
    arena *a = job->a;
    node *status = node_make_map(a, job->object, STR("status"));
    if (!job->workloads->pods_run || str_is(node_get_str(status, STR("phase")), "Bound")) return;
    const node *spec = node_get(job->object, STR("spec"));
    node *capacity = node_find(spec, "resources", "requests", NULL);
    node *modes = node_get(spec, STR("accessModes"));
    node_set_str(a, status, STR("phase"), STR("Bound"));
    if (capacity) node_set(a, status, STR("capacity"), capacity);
    if (modes) node_set(a, status, STR("accessModes"), modes);
    put(job, job->served, "status", job->object);
}

/* ---- the queue ---- */

static void reconcile(struct workloads *workloads, const struct kind *kind, str key)
{
    arena a AUTO(arena_done) = {0};
    const struct served *served = find_kind(workloads, kind->kind);
    const doc *d = map_get(&served->collection->objects, key);
    if (!d || node_find(d->root, "metadata", "deletionTimestamp", NULL)) return;
    struct job job = {.workloads = workloads, .a = &a, .served = served};
    job.object = doc_copy(&a, d->root);
    job.namespace = node_find_str(job.object, "metadata", "namespace", NULL);
    job.name = node_find_str(job.object, "metadata", "name", NULL);
    job.uid = node_find_str(job.object, "metadata", "uid", NULL);
    kind->reconcile(&job);
}

static void expect_run(struct workloads *workloads);

static void run(void *context)
{
    struct workloads *workloads = context;
    arena a AUTO(arena_done) = {0};
    size_t count = 0;
    str keys[TURN];
    MAP_EACH (&workloads->dirty, entry) {
        if (count == TURN) break;
        keys[count++] = str_dup(&a, entry->key);
        map_remove(&workloads->dirty, entry->key);
    }
    for (size_t i = 0; i < count; i++) {
        str kind, key;
        str_cut(keys[i], ' ', &kind, &key);
        for (size_t j = 0; j < COUNT(kinds); j++)
            if (str_is(kind, kinds[j].kind)) reconcile(workloads, &kinds[j], key);
    }
    if (workloads->dirty.count) expect_run(workloads);
}

static void expect_run(struct workloads *workloads)
{
    if (!workloads->timer.item.place)
        loop_timer_set(workloads->loop, &workloads->timer, clock_now_ns() + CLOCK_MS, run,
                       workloads);
}

static void mark(struct workloads *workloads, str kind, str namespace, str name)
{
    arena a AUTO(arena_done) = {0};
    map_put(&workloads->dirty,
            str_printf(&a, STR_FMT " " STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(namespace),
                       STR_ARG(name)),
            workloads);
    expect_run(workloads);
}

static void on_change(void *context, const struct store_change *change)
{
    struct workloads *workloads = context;
    const node *object = change->after->root;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (workloads->collections[i] != change->collection) continue;
        str namespace = node_find_str(object, "metadata", "namespace", NULL);
        const node *owner = controller_of(object);
        mark(workloads, str_of(kinds[i].kind), namespace,
             node_find_str(object, "metadata", "name", NULL));
        if (owner)
            mark(workloads, node_get_str(owner, STR("kind")), namespace,
                 node_get_str(owner, STR("name")));
    }
}

struct workloads *workloads_new(struct world *world, struct loop *loop, bool pods_run)
{
    struct workloads *workloads = lang_zalloc(sizeof *workloads);
    *workloads = (struct workloads){.world = world, .loop = loop, .pods_run = pods_run};
    _Static_assert(COUNT(kinds) <= KINDS_MAX, "raise KINDS_MAX");
    for (size_t i = 0; i < COUNT(kinds); i++)
        workloads->collections[i] = find_kind(workloads, kinds[i].kind)->collection;
    workloads->listener = (struct store_listener){.fn = on_change, .context = workloads};
    store_listen(world->store, &workloads->listener);
    return workloads;
}

void workloads_free(struct workloads *workloads)
{
    if (!workloads) return;
    list_remove(&workloads->listener.link);
    loop_timer_cancel(workloads->loop, &workloads->timer);
    loop_timer_cancel(workloads->loop, &workloads->again);
    map_done(&workloads->dirty);
    map_done(&workloads->unfinished);
    free(workloads);
}
