#include "control/manager.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "apply/observed.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/rand.h"
#include "control/lag.h"
#include "control/queue.h"
#include "kube/watch.h"
#include "oci/registry.h"
#include "notify/hub.h"
#include "source/artifact.h"
#include "source/from_git.h"

static const double duration_buckets[] = {0.01, 0.0384, 0.147, 0.565, 2.17,
                                          8.31, 31.9,   122,   469,   1800};
METRIC(reconcile_duration) = {
    .name = "gotk_reconcile_duration_seconds",
    .help = "How long the reconciliation of an object took.",
    .type = METRIC_HISTOGRAM,
    .labels = {"kind", "name", "namespace"},
    .buckets = duration_buckets,
    .bucket_count = COUNT(duration_buckets),
};
METRIC(reconcile_total) = {
    .name = "controller_runtime_reconcile_total",
    .help = "Reconciliations by controller and result.",
    .type = METRIC_COUNTER,
    .labels = {"controller", "result"},
};
METRIC(drifted_total) = {
    .name = "fixpoint_drift_total",
    .help = "Objects found changed by somebody else.",
    .type = METRIC_COUNTER,
    .labels = {"name", "namespace"},
};
METRIC(workqueue_depth) = {
    .name = "workqueue_depth",
    .help = "Objects that are ready to be reconciled.",
    .type = METRIC_GAUGE,
    .labels = {"name"},
};

static const double wait_buckets[] = {0.001, 0.01, 0.1, 1, 10, 60, 600};
METRIC(workqueue_wait) = {
    .name = "workqueue_queue_duration_seconds",
    .help = "How long an object waited for a worker.",
    .type = METRIC_HISTOGRAM,
    .labels = {"name"},
    .buckets = wait_buckets,
    .bucket_count = COUNT(wait_buckets),
};

/* What is remembered of one object between its changes; see `slots`. */
struct slot {
    int64_t generation;
    uint64_t requested; /* digest of the requestedAt annotation */
    uint64_t state;     /* digest of what those who refer to it care about */
    bool deleting;
    void *memory; /* the controller's, touched by the one worker that runs the key */
};

/* One controller at work: its watch, its lane, its workers. A kind that another process controls
 * (--controllers) has neither queue nor workers: its objects are only known, and wake others. */
struct lane {
    struct manager *manager;
    const struct controller *controller;
    struct queue *queue;
    struct pool *pool;
    struct watch *watch;
    struct event_sender *events;
    size_t held; /* keys that became ready before everything was synced */
    bool synced;
};

/* Objects that are not ours but that ours refer to: only their change counts. */
struct aside {
    struct manager *manager;
    const char *kind, *group, *version, *selector;
    struct watch *watch;
};

struct manager {
    struct loop *loop;
    struct kube *kube;
    struct http *http;
    struct manager_options options;
    arena texts; /* copies of the options' texts */
    struct objects *objects;
    struct lag *lag;
    struct observed *observed;
    struct artifacts *artifacts;
    struct from_git *git;
    struct registry *registry;
    struct hub *hub;
    struct lane *lanes;
    size_t lane_count;
    struct aside asides[3];
    struct loop_timer definitions_timer;
    atomic_bool stopping, synced;
    pthread_mutex_t lock; /* guards slots, waiting and the lanes' held */
    struct map slots;     /* "Kind/ns/name" to struct slot * */
    struct map waiting;   /* keys that wait for a CustomResourceDefinition */
};

/* ---- lanes ---- */

static struct lane *lane_of(struct manager *manager, str kind)
{
    for (size_t i = 0; i < manager->lane_count; i++) {
        if (str_eq(manager->lanes[i].controller->kind.kind, kind)) return &manager->lanes[i];
    }
    return NULL;
}

static void run_one(void *context);

static void on_waited(void *context, int64_t span_ns)
{
    const struct lane *lane = context;
    metrics_observe(&metric_workqueue_wait, (str[]){str_of(lane->controller->name)},
                    (double)span_ns / 1e9);
}

/* A key became ready. Until every watch has its list, nothing can be decided, so it is held. The
 * lock keeps the pool from going away meanwhile: keys go on becoming ready to the very end. */
static void on_ready(void *context)
{
    struct lane *lane = context;
    struct manager *manager = lane->manager;
    pthread_mutex_lock(&manager->lock);
    bool go = atomic_load(&manager->synced);
    if (!go) lane->held++;
    if (go && !atomic_load(&manager->stopping)) pool_run(lane->pool, run_one, lane);
    pthread_mutex_unlock(&manager->lock);
    metrics_set(&metric_workqueue_depth, (str[]){str_of(lane->controller->name)},
                (double)queue_depth(lane->queue));
}

static void release_held(struct manager *manager)
{
    for (size_t i = 0; i < manager->lane_count; i++) {
        if (!manager->lanes[i].synced) return;
    }
    pthread_mutex_lock(&manager->lock);
    atomic_store(&manager->synced, true);
    pthread_mutex_unlock(&manager->lock);
    for (size_t i = 0; i < manager->lane_count; i++) {
        struct lane *lane = &manager->lanes[i];
        for (; lane->held; lane->held--)
            pool_run(lane->pool, run_one, lane);
    }
}

/* kind, name, namespace: the labels of the metrics of one object. */
static void object_labels(const struct lane *lane, str key, str out[3])
{
    out[0] = lane->controller->kind.kind;
    str_cut(str_skip(key, out[0].len + 1), '/', &out[2], &out[1]);
}

static void forget(struct lane *lane, str key)
{
    struct manager *manager = lane->manager;
    pthread_mutex_lock(&manager->lock);
    struct slot *slot = map_remove(&manager->slots, key);
    pthread_mutex_unlock(&manager->lock);
    if (slot && slot->memory && lane->controller->forget) lane->controller->forget(slot->memory);
    free(slot);
    if (!lane->queue) return;
    queue_drop(lane->queue, key);
    str labels[3];
    object_labels(lane, key, labels);
    metrics_forget(&metric_reconcile_duration, labels);
}

static struct slot *slot_at(struct manager *manager, str key)
{
    struct slot **at = (struct slot **)map_at(&manager->slots, key);
    if (!*at) *at = lang_zalloc(sizeof **at);
    return *at;
}

static void report(const struct work *work, err *e)
{
    log_error(
        "Reconciler error", LOG_STR("controller", str_of(work->controller->name)),
        LOG_STR("controllerGroup", work->controller->kind.group),
        LOG_STR("controllerKind", work->controller->kind.kind),
        {.key = "object", .type = LOG_FIELD_OBJECT, .text = work->name, .more = work->namespace},
        LOG_STR("namespace", work->namespace), LOG_STR("name", work->name), LOG_ERR(e));
}

static void measure(const struct lane *lane, str key, int64_t began_ns, const char *result)
{
    str labels[3];
    object_labels(lane, key, labels);
    metrics_observe(&metric_reconcile_duration, labels, (double)(clock_now_ns() - began_ns) / 1e9);
    metrics_add(&metric_reconcile_total, (str[]){str_of(lane->controller->name), str_of(result)},
                1);
    metrics_set(&metric_workqueue_depth, (str[]){str_of(lane->controller->name)},
                (double)queue_depth(lane->queue));
}

static void reconcile(struct lane *lane, arena *a, str key, node *object, struct slot *slot)
{
    struct work work = {
        .manager = lane->manager,
        .controller = lane->controller,
        .a = a,
        .namespace = str_dup(a, node_find_str(object, "metadata", "namespace", NULL)),
        .name = str_dup(a, node_find_str(object, "metadata", "name", NULL)),
        .object = object,
        .memory = &slot->memory,
        .cancel = &lane->manager->stopping,
    };
    struct outcome outcome = {0};
    int64_t began_ns = clock_now_ns();
    err *e AUTO(err_done) = lane->controller->reconcile(&work, &outcome);
    measure(lane, key, began_ns,
            e                  ? "error"
            : outcome.retry    ? "requeue"
            : outcome.again_ns ? "requeue_after"
                               : "success");
    if (err_is(e, ERR_CANCELED) && atomic_load(&lane->manager->stopping)) return;
    if (e) report(&work, e);
    if (e || outcome.retry) {
        queue_retry(lane->queue, key);
        return;
    }
    queue_forget(lane->queue, key);
    if (outcome.again_ns > 0) queue_add_after(lane->queue, key, outcome.again_ns);
}

/* A worker's turn: one key. */
static void run_one(void *context)
{
    struct lane *lane = context;
    struct manager *manager = lane->manager;
    arena a AUTO(arena_done) = {0};
    str key;
    if (atomic_load(&manager->stopping) || !queue_take(lane->queue, &a, &key)) return;
    node *object = objects_get(manager->objects, &a, key);
    if (object) {
        pthread_mutex_lock(&manager->lock);
        struct slot *slot = slot_at(manager, key);
        pthread_mutex_unlock(&manager->lock);
        reconcile(lane, &a, key, object, slot);
    }
    /* It may have gone while it ran: then the deletion left its memory to us. */
    if (!objects_has(manager->objects, key)) forget(lane, key);
    queue_finish(lane->queue, key);
}

/* ---- what the watches say ---- */

static uint64_t digest_of_text(const node *object, const char *field)
{
    return hash_stable(node_find_str(object, "status", field, NULL));
}

/* What others wait for in an object of ours: its artifact, its readiness, its applied revision, the
 * tags that it found, the image that it chose. */
static uint64_t state_of(const node *object)
{
    const node *image = node_find(object, "status", "latestRef", NULL);
    const node *scan = node_find(object, "status", "lastScanResult", NULL);
    if (image) return node_hash(image);
    if (scan) return node_hash(node_get(scan, STR("revision")));
    NODE_EACH (node_find(object, "status", "conditions", NULL), condition) {
        if (!str_is(node_get_str(condition, STR("type")), "Ready")) continue;
        uint64_t ready = hash_stable(node_get_str(condition, STR("status")));
        ready = hash_mix(ready, (uint64_t)node_get_int(node_get(object, STR("status")),
                                                       STR("observedGeneration"), -1));
        ready = hash_mix(ready, node_hash(node_find(object, "status", "artifact", NULL)));
        return hash_mix(ready, digest_of_text(object, "lastAppliedRevision"));
    }
    return node_hash(node_find(object, "status", "artifact", NULL));
}

/* Those that refer to `name`, which is the key of what changed, or stands for several. */
static void wake_by_name(struct manager *manager, str name, str key, const node *changed)
{
    arena a AUTO(arena_done) = {0};
    str *keys;
    size_t count;
    objects_referrers(manager->objects, &a, name, &keys, &count);
    for (size_t i = 0; i < count; i++) {
        str kind, rest;
        str_cut(keys[i], '/', &kind, &rest);
        struct lane *lane = lane_of(manager, kind);
        if (!lane || !lane->queue) continue;
        if (changed && lane->controller->wants) {
            arena scratch AUTO(arena_done) = {0};
            node *object = objects_get(manager->objects, &scratch, keys[i]);
            if (!object || !lane->controller->wants(object, key, changed)) continue;
        }
        queue_add(lane->queue, keys[i]);
    }
}

static void wake_referrers(struct manager *manager, str key, const node *changed)
{
    arena a AUTO(arena_done) = {0};
    str folder, name;
    wake_by_name(manager, key, key, changed);
    str_cut_last(key, '/', &folder, &name);
    wake_by_name(manager, str_concat(&a, folder, STR("/*")), key, changed);
}

/* Takes in an object of ours, from its watch or from the answer to a write. */
static void note(struct lane *lane, const node *object)
{
    struct manager *manager = lane->manager;
    arena a AUTO(arena_done) = {0};
    node *metadata = node_get(object, STR("metadata"));
    str key = objects_key(&a, lane->controller->kind.kind, node_get_str(metadata, STR("namespace")),
                          node_get_str(metadata, STR("name")));
    str *refs = NULL;
    size_t ref_count = 0;
    if (lane->controller->refs) lane->controller->refs(&a, object, &refs, &ref_count);
    if (!objects_put(manager->objects, key, object, refs, ref_count)) return;
    lag_note(manager->lag, key, object);

    int64_t generation = node_get_int(metadata, STR("generation"), 0);
    uint64_t requested = hash_stable(
        node_find_str(metadata, "annotations", "reconcile.fluxcd.io/requestedAt", NULL));
    bool deleting = node_get(metadata, STR("deletionTimestamp"));
    uint64_t state = state_of(object);

    pthread_mutex_lock(&manager->lock);
    struct slot *slot = slot_at(manager, key);
    bool run = slot->generation != generation || slot->requested != requested ||
               slot->deleting != deleting;
    bool wake = slot->state != state;
    slot->generation = generation;
    slot->requested = requested;
    slot->deleting = deleting;
    slot->state = state;
    pthread_mutex_unlock(&manager->lock);
    if (run && lane->queue) queue_add(lane->queue, key);
    if (wake) wake_referrers(manager, key, object);
}

static void gone(struct lane *lane, str key)
{
    objects_remove(lane->manager->objects, key);
    hub_forget(lane->manager->hub, key);
    lag_gone(lane->manager->lag, key);
    if (lane->queue && lane->controller->seen) lane->controller->seen(lane->manager, key, NULL);
    wake_referrers(lane->manager, key, NULL);
    if (!lane->queue) {
        forget(lane, key);
        return;
    }
    queue_add(lane->queue, key); /* the worker finds it gone and frees what was remembered */
}

static str lane_prefix(arena *a, const struct lane *lane)
{
    return str_concat(a, lane->controller->kind.kind, STR("/"));
}

static void on_begin(void *context)
{
    struct lane *lane = context;
    arena a AUTO(arena_done) = {0};
    objects_mark(lane->manager->objects, lane_prefix(&a, lane));
}

static void on_object(void *context, enum watch_change change, const node *object)
{
    struct lane *lane = context;
    arena a AUTO(arena_done) = {0};
    struct kube_ref ref = kube_ref_of(object);
    str key = objects_key(&a, lane->controller->kind.kind, ref.namespace, ref.name);
    if (change != WATCH_PUT) {
        gone(lane, key);
        return;
    }
    if (lane->queue && lane->controller->seen) lane->controller->seen(lane->manager, key, object);
    note(lane, object);
}

static void on_synced(void *context)
{
    struct lane *lane = context;
    arena a AUTO(arena_done) = {0};
    str *lost;
    size_t count;
    objects_sweep(lane->manager->objects, &a, lane_prefix(&a, lane), &lost, &count);
    for (size_t i = 0; i < count; i++)
        gone(lane, lost[i]);
    if (lane->synced) return;
    lane->synced = true;
    release_held(lane->manager);
}

static void on_trouble(void *context, const err *e)
{
    struct lane *lane = context;
    log_error("cannot watch our own kind; trying again",
              LOG_STR("controllerKind", lane->controller->kind.kind), LOG_ERR(e));
}

static const struct watch_events lane_events = {on_begin, on_object, on_synced, on_trouble};

/* ---- objects beside ours: labelled ConfigMaps and Secrets, CustomResourceDefinitions ---- */

static void wake_waiting(void *context)
{
    struct manager *manager = context;
    arena a AUTO(arena_done) = {0};
    str *keys = NULL;
    size_t count = 0, room = 0;
    pthread_mutex_lock(&manager->lock);
    MAP_EACH (&manager->waiting, entry)
        *ARENA_PUSH(&a, keys, count, room) = str_dup(&a, entry->key);
    map_clear(&manager->waiting);
    pthread_mutex_unlock(&manager->lock);
    for (size_t i = 0; i < count; i++)
        manager_enqueue(manager, keys[i]);
}

static void on_aside(void *context, enum watch_change change UNUSED, const node *object)
{
    struct aside *aside = context;
    struct manager *manager = aside->manager;
    if (!watch_is_synced(aside->watch)) return;
    if (!aside->selector) {
        /* The server needs a moment to serve what a new definition defines. */
        kube_forget(manager->kube);
        loop_timer_set(manager->loop, &manager->definitions_timer, clock_now_ns() + 200 * CLOCK_MS,
                       wake_waiting, manager);
        return;
    }
    arena a AUTO(arena_done) = {0};
    struct kube_ref ref = kube_ref_of(object);
    wake_referrers(manager, objects_key(&a, str_of(aside->kind), ref.namespace, ref.name), NULL);
}

static void on_aside_list(void *context UNUSED)
{
}

static const struct watch_events aside_events = {on_aside_list, on_aside, on_aside_list, NULL};

static void watch_aside(struct manager *manager, struct aside *aside, struct aside what)
{
    *aside = what;
    aside->manager = manager;
    bool definitions = !what.selector;
    struct watch_options options = {
        .kind = {str_of(what.group), str_of(what.version), str_of(what.kind)},
        .resource = {.plural = definitions                    ? STR("customresourcedefinitions")
                               : !strcmp(what.kind, "Secret") ? STR("secrets")
                                                              : STR("configmaps"),
                     .namespaced = !definitions,
                     .can_watch = true,
                     .can_list = true},
        .namespace = definitions ? (str){0} : manager->options.namespace,
        .label_selector = str_of(what.selector),
        .metadata_only = true,
    };
    aside->watch = watch_start(manager->kube, options, &aside_events, aside);
}

/* ---- life ---- */

static bool is_wanted(const struct manager_options *options, const char *name)
{
    if (!options->controllers.len) return true;
    str rest = options->controllers;
    for (str piece; str_next(&rest, ',', &piece);) {
        if (str_is(str_trim(piece), name)) return true;
    }
    return false;
}

static void on_observed(void *context, str owner)
{
    struct manager *manager = context;
    arena a AUTO(arena_done) = {0};
    manager_enqueue(manager, str_concat(&a, STR("Kustomization/"), owner));
}

static void copy_texts(struct manager *manager)
{
    struct manager_options *o = &manager->options;
    str *texts[] = {&o->namespace,
                    &o->runtime_namespace,
                    &o->storage_path,
                    &o->advertised_address,
                    &o->watch_label_selector,
                    &o->controllers,
                    &o->default_service_account,
                    &o->ssh_kex_algorithms,
                    &o->ssh_host_key_algorithms,
                    &o->notices.forward};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(&manager->texts, *texts[i]);
}

static void add_lane(struct manager *manager, const struct controller *controller)
{
    struct lane *lane = &manager->lanes[manager->lane_count++];
    *lane = (struct lane){.manager = manager, .controller = controller};
    if (!is_wanted(&manager->options, controller->name)) return;
    lane->queue = queue_new((struct queue_options){
        .loop = manager->loop,
        .retry_first_ns = manager->options.retry_first_ns,
        .retry_last_ns = manager->options.retry_last_ns,
        .ready = on_ready,
        .waited = on_waited,
        .context = lane,
    });
    lane->pool = pool_new(MAX(manager->options.concurrent, controller->workers_least));
    lane->events = event_sender_new(manager->kube, str_of(controller->component));
}

/* ---- notices ---- */

static const node *labels_of(void *context, arena *a, const struct kube_ref *ref)
{
    struct manager *manager = context;
    const node *object = manager_get(manager, a, ref->kind.kind, ref->namespace, ref->name);
    const node *labels = node_find(object, "metadata", "labels", NULL);
    return labels || !object ? labels : node_map(a);
}

static void on_tally(void *context, str key)
{
    manager_enqueue_after(context, key, CLOCK_SECOND);
}

/* A Warning about an Alert. */
static void on_report(void *context, const struct rule *rule, const char *reason, str message)
{
    struct manager *manager = context;
    struct lane *lane = lane_of(manager, STR("Alert"));
    struct event event = {
        .about = {lane->controller->kind, rule->spec.namespace, rule->spec.name},
        .uid = rule->spec.uid,
        .warning = true,
        .reason = str_of(reason),
        .message = message,
    };
    if (lane->events) event_send(lane->events, &event);
}

static struct hub *make_hub(struct manager *manager)
{
    const struct manager_notices *notices = &manager->options.notices;
    return hub_new((struct hub_options){
        .loop = manager->loop,
        .kube = manager->kube,
        .same_ns = notices->same_ns,
        .retry_first_ns = notices->retry_first_ns,
        .retry_last_ns = notices->retry_last_ns,
        .rate = notices->rate,
        .flood = {notices->flood_threshold, notices->flood_window_ns},
        .no_cross_namespace_refs = manager->options.no_cross_namespace_refs,
        .forward = notices->forward,
        .labels = labels_of,
        .changed = on_tally,
        .report = on_report,
        .context = manager,
    });
}

static void wake(void *context, str key)
{
    manager_enqueue(context, key);
}

static err *prepare(struct manager *manager)
{
    manager->hub = make_hub(manager);
    TRY(http_new(manager->loop, (struct http_options){.user_agent = STR("fixpoint")},
                 &manager->http));
    const struct manager_options *o = &manager->options;
    TRY(artifact_open(
        (struct artifacts_options){
            .folder = o->storage_path,
            .address = o->advertised_address,
            .http = manager->http,
            .retention_ttl_ns = o->retention_ttl_ns,
            .retention_records = o->retention_records,
        },
        &manager->artifacts));
    TRY(from_git_new(
        (struct from_git_options){
            .loop = manager->loop,
            .store = manager->artifacts,
            .folder = str_printf(&manager->texts, STR_FMT "/mirror", STR_ARG(o->storage_path)),
            .wake = wake,
            .context = manager,
        },
        &manager->git));
    manager->registry = registry_new(manager->loop);
    size_t count = 0;
    ROSTER_EACH (controller, struct controller, it)
        count++;
    manager->lanes = lang_zalloc(sizeof *manager->lanes * (count + 1));
    ROSTER_EACH (controller, struct controller, it) {
        add_lane(manager, *it);
    }
    return NULL;
}

err *manager_new(struct loop *loop, struct kube *kube, struct manager_options options,
                 struct manager **out)
{
    struct manager *manager = lang_zalloc(sizeof *manager);
    manager->loop = loop;
    manager->kube = kube;
    manager->options = options;
    copy_texts(manager);
    pthread_mutex_init(&manager->lock, NULL);
    manager->objects = objects_new();
    manager->lag = lag_new();
    manager->observed = observed_new(
        (struct observed_options){.kube = kube, .changed = on_observed, .context = manager});
    err *e = prepare(manager);
    if (e) {
        manager_free(manager);
        return e;
    }
    *out = manager;
    return NULL;
}

void manager_start(struct manager *manager)
{
    for (size_t i = 0; i < manager->lane_count; i++) {
        struct lane *lane = &manager->lanes[i];
        struct watch_options options = {
            .kind = lane->controller->kind,
            .resource = {.plural = str_of(lane->controller->plural),
                         .namespaced = true,
                         .can_watch = true,
                         .can_list = true},
            .namespace = manager->options.namespace,
            .label_selector = manager->options.watch_label_selector,
        };
        lane->watch = watch_start(manager->kube, options, &lane_events, lane);
    }
    const char *label = "reconcile.fluxcd.io/watch=Enabled";
    watch_aside(
        manager, &manager->asides[0],
        (struct aside){.kind = "ConfigMap", .group = "", .version = "v1", .selector = label});
    watch_aside(manager, &manager->asides[1],
                (struct aside){.kind = "Secret", .group = "", .version = "v1", .selector = label});
    watch_aside(manager, &manager->asides[2],
                (struct aside){.kind = "CustomResourceDefinition",
                               .group = "apiextensions.k8s.io",
                               .version = "v1"});
}

static void stop_watches(void *context)
{
    struct manager *manager = context;
    for (size_t i = 0; i < manager->lane_count; i++) {
        if (manager->lanes[i].watch) watch_stop(manager->lanes[i].watch);
        manager->lanes[i].watch = NULL;
    }
    for (size_t i = 0; i < COUNT(manager->asides); i++) {
        if (manager->asides[i].watch) watch_stop(manager->asides[i].watch);
        manager->asides[i].watch = NULL;
    }
    loop_timer_cancel(manager->loop, &manager->definitions_timer);
    observed_stop(manager->observed);
}

void manager_stop(struct manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    atomic_store(&manager->stopping, true);
    pthread_mutex_unlock(&manager->lock);
    loop_call(manager->loop, stop_watches, manager);
    for (size_t i = 0; i < manager->lane_count; i++) {
        if (manager->lanes[i].pool) pool_free(manager->lanes[i].pool);
        manager->lanes[i].pool = NULL;
    }
}

void manager_free(struct manager *manager)
{
    if (!manager) return;
    hub_free(manager->hub);
    for (size_t i = 0; i < manager->lane_count; i++) {
        struct lane *lane = &manager->lanes[i];
        if (lane->pool) pool_free(lane->pool);
        queue_free(lane->queue);
        event_sender_free(lane->events);
    }
    MAP_EACH (&manager->slots, entry) {
        struct slot *slot = entry->value;
        str kind, rest;
        str_cut(entry->key, '/', &kind, &rest);
        struct lane *lane = lane_of(manager, kind);
        if (slot->memory && lane && lane->controller->forget)
            lane->controller->forget(slot->memory);
        free(slot);
    }
    map_done(&manager->slots);
    map_done(&manager->waiting);
    observed_free(manager->observed);
    from_git_free(manager->git);
    registry_free(manager->registry);
    artifact_close(manager->artifacts);
    objects_free(manager->objects);
    lag_free(manager->lag);
    http_free(manager->http);
    free(manager->lanes);
    arena_done(&manager->texts);
    pthread_mutex_destroy(&manager->lock);
    free(manager);
}

bool manager_runs(struct manager *manager, str kind)
{
    const struct lane *lane = lane_of(manager, kind);
    return lane && lane->queue;
}

bool manager_is_synced(const struct manager *manager)
{
    return atomic_load(&manager->synced);
}

/* ---- for reconcilers ---- */

struct kube *manager_kube(struct manager *manager)
{
    return manager->kube;
}

struct loop *manager_loop(struct manager *manager)
{
    return manager->loop;
}

const struct manager_options *manager_options_of(const struct manager *manager)
{
    return &manager->options;
}

struct artifacts *manager_artifacts(struct manager *manager)
{
    return manager->artifacts;
}

struct registry *manager_registry(struct manager *manager)
{
    return manager->registry;
}

struct from_git *manager_git(struct manager *manager)
{
    return manager->git;
}

struct observed *manager_observed(struct manager *manager)
{
    return manager->observed;
}

struct http *manager_http(struct manager *manager)
{
    return manager->http;
}

struct hub *manager_hub(struct manager *manager)
{
    return manager->hub;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

void manager_list(struct manager *manager, arena *a, str kind, str namespace, node ***out,
                  size_t *count_out)
{
    str *keys;
    size_t count, found = 0;
    objects_list(manager->objects, a, objects_key(a, kind, namespace, (str){0}), &keys, &count);
    if (count) qsort(keys, count, sizeof *keys, by_text);
    node **objects = NEW_ARRAY(a, node *, count + 1);
    for (size_t i = 0; i < count; i++) {
        objects[found] = objects_get(manager->objects, a, keys[i]);
        found += objects[found] != NULL; /* it may have gone meanwhile */
    }
    *out = objects;
    *count_out = found;
}

node *manager_get(struct manager *manager, arena *a, str kind, str namespace, str name)
{
    return objects_get(manager->objects, a, objects_key(a, kind, namespace, name));
}

void manager_referrers(struct manager *manager, arena *a, str key, str **keys_out,
                       size_t *count_out)
{
    objects_referrers(manager->objects, a, key, keys_out, count_out);
}

void manager_enqueue(struct manager *manager, str key)
{
    manager_enqueue_after(manager, key, 0);
}

void manager_enqueue_after(struct manager *manager, str key, int64_t delay_ns)
{
    str kind, rest;
    str_cut(key, '/', &kind, &rest);
    struct lane *lane = lane_of(manager, kind);
    if (lane && lane->queue && objects_has(manager->objects, key)) {
        queue_add_after(lane->queue, key, delay_ns);
    }
}

void manager_await_definitions(struct manager *manager, str key)
{
    pthread_mutex_lock(&manager->lock);
    map_put(&manager->waiting, key, manager);
    pthread_mutex_unlock(&manager->lock);
}

void manager_saw(struct manager *manager, const node *object)
{
    struct lane *lane = lane_of(manager, node_get_str(object, STR("kind")));
    if (lane) note(lane, object);
}

/* Since when the object has been failing, by its status before this run; 0: it has not. Waiting is
 * no failure. */
static int64_t failing_since(const node *object)
{
    static const char *const waits[] = {"DependencyNotReady", "ArtifactFailed", "Progressing"};
    NODE_EACH (node_find(object, "status", "conditions", NULL), condition) {
        int64_t since_wall_ns;
        str reason = node_get_str(condition, STR("reason"));
        if (!str_is(node_get_str(condition, STR("type")), "Ready")) continue;
        if (!str_is(node_get_str(condition, STR("status")), "False")) return 0;
        for (size_t i = 0; i < COUNT(waits); i++)
            if (str_is(reason, waits[i])) return 0;
        str since = node_get_str(condition, STR("lastTransitionTime"));
        return clock_parse(since, &since_wall_ns) ? since_wall_ns : 0;
    }
    return 0;
}

/* compat: what the object says of itself in annotations goes along. */
static void tell(struct work *work, enum manager_severity severity, const char *reason, str message,
                 const struct http_header *metadata, size_t metadata_count)
{
    node *all = node_map(work->a);
    const node *object = node_get(work->object, STR("metadata"));
    for (size_t i = 0; i < metadata_count; i++)
        node_set_str(work->a, all, metadata[i].name, metadata[i].value);
    PAIR_EACH (node_get(object, STR("annotations")), pair)
        if (str_starts(pair->key, STR("event.toolkit.fluxcd.io/")))
            node_set(work->a, all, pair->key, pair->value);
    hub_take(work->manager->hub,
             &(struct notice){
                 .about = {work->controller->kind, work->namespace, work->name},
                 .uid = node_get_str(object, STR("uid")),
                 .resource_version = node_get_str(object, STR("resourceVersion")),
                 .severity = severity >= MANAGER_DRIFT ? NOTICE_ERROR : NOTICE_INFO,
                 .wall_ns = clock_wall_ns(),
                 .failing_since_wall_ns = failing_since(work->object),
                 .reason = str_of(reason),
                 .message = message,
                 .metadata = all,
                 .controller = str_of(work->controller->component),
             });
}

void manager_event(struct work *work, enum manager_severity severity, const char *reason,
                   str message, const struct http_header *metadata, size_t metadata_count)
{
    if (severity == MANAGER_DRIFT)
        metrics_add(&metric_drifted_total, (str[]){work->name, work->namespace}, 1);
    event_send(
        lane_of(work->manager, work->controller->kind.kind)->events,
        &(struct event){
            .about = {work->controller->kind, work->namespace, work->name},
            .uid = node_find_str(work->object, "metadata", "uid", NULL),
            .resource_version = node_find_str(work->object, "metadata", "resourceVersion", NULL),
            .warning = severity >= MANAGER_DRIFT,
            .urgent = severity >= MANAGER_DRIFT,
            .reason = str_of(reason),
            .message = message,
            .annotations = metadata,
            .annotation_count = metadata_count,
        });
    if (severity != MANAGER_TRACE) tell(work, severity, reason, message, metadata, metadata_count);
    const struct log_field fields[] = {
        LOG_STR("controller", str_of(work->controller->name)),
        LOG_STR("controllerGroup", work->controller->kind.group),
        LOG_STR("controllerKind", work->controller->kind.kind),
        LOG_STR("namespace", work->namespace),
        LOG_STR("name", work->name),
        LOG_STR("reason", str_of(reason)),
        LOG_STR(severity == MANAGER_ERROR ? "error" : "event", message),
        {0},
    };
    enum log_level level = severity == MANAGER_ERROR   ? LOG_ERROR
                           : severity == MANAGER_TRACE ? LOG_DEBUG
                                                       : LOG_INFO;
    if (log_wants(level)) log_write(level, reason, fields);
}

int64_t manager_jitter(const struct manager *manager, int64_t interval_ns)
{
    return rand_jitter(interval_ns, manager->options.jitter_percent);
}
