#include "control/lag.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/metrics.h"
#include "control/objects.h"
#include "control/status.h"

static const double lag_buckets[] = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800};
METRIC(sync_lag) = {
    .name = "fixpoint_sync_lag_seconds",
    .help = "From a new revision of a source to the moment it was applied in full.",
    .type = METRIC_HISTOGRAM,
    .labels = {"kind"},
    .buckets = lag_buckets,
    .bucket_count = COUNT(lag_buckets),
};
METRIC(ready) = {
    .name = "fixpoint_ready",
    .help =
        "1 for an object that is converged, 0 for one that is not. Suspended ones are left out.",
    .type = METRIC_GAUGE,
    .labels = {"kind", "namespace", "name"},
};
METRIC(behind) = {
    .name = "fixpoint_behind_since_timestamp_seconds",
    .help = "Since when an object is not converged; none while it is.",
    .type = METRIC_GAUGE,
    .labels = {"kind", "namespace", "name"},
};
METRIC(converged) = {
    .name = "fixpoint_converged_timestamp_seconds",
    .help = "When an object last became converged.",
    .type = METRIC_GAUGE,
    .labels = {"kind", "namespace", "name"},
};

/* What others refer to, whether it is there or not. */
struct source {
    struct list_link units; /* entries; never empty */
    char key[];
};

struct entry {
    struct source *source; /* NULL: it has none, or has applied nothing */
    struct list_link unit; /* of the source */
    uint64_t applied;      /* digest of the revision; 0: none */
    uint64_t fetched;      /* of a source: digest of the artifact's revision; 0: none */
    int64_t fetched_ns;    /* when the artifact changed, as we saw it */
    bool ready, suspended, converged, known;
    bool late; /* a revision that was not applied yet has been seen */
    char key[];
};

struct lag {
    pthread_mutex_t lock; /* guards what follows */
    struct map entries;   /* key to struct entry * */
    struct map sources;   /* key to struct source * */
    uint64_t judged;
};

static void leave_source(struct lag *lag, struct entry *entry)
{
    struct source *source = entry->source;
    list_remove(&entry->unit);
    entry->source = NULL;
    if (!source || !list_is_empty(&source->units)) return;
    map_remove(&lag->sources, str_of(source->key));
    free(source);
}

static void join_source(struct lag *lag, struct entry *entry, str key)
{
    struct source **at = (struct source **)map_at(&lag->sources, key);
    if (!*at) {
        *at = lang_zalloc(sizeof **at + key.len + 1);
        memcpy((*at)->key, key.data, key.len);
        list_init(&(*at)->units);
    }
    entry->source = *at;
    list_add_last(&(*at)->units, &entry->unit);
}

static void free_entry(struct lag *lag, struct entry *entry)
{
    if (entry) leave_source(lag, entry);
    free(entry);
}

struct lag *lag_new(void)
{
    struct lag *lag = lang_zalloc(sizeof *lag);
    pthread_mutex_init(&lag->lock, NULL);
    return lag;
}

void lag_free(struct lag *lag)
{
    if (!lag) return;
    MAP_EACH (&lag->entries, entry)
        free_entry(lag, entry->value);
    map_done(&lag->entries);
    map_done(&lag->sources);
    pthread_mutex_destroy(&lag->lock);
    free(lag);
}

static uint64_t digest_of(str text)
{
    return text.len ? hash_stable(text) | 1 : 0;
}

static void labels_of(str key, str out[3])
{
    str rest;
    str_cut(key, '/', &out[0], &rest);
    str_cut(rest, '/', &out[1], &out[2]);
}

static void forget(str key)
{
    str labels[3];
    labels_of(key, labels);
    metrics_forget(&metric_ready, labels);
    metrics_forget(&metric_behind, labels);
    metrics_forget(&metric_converged, labels);
}

/* Under the lock: the source of an entry, when it is known. */
static const struct entry *source_of(struct lag *lag, const struct entry *entry)
{
    return entry->source ? map_get(&lag->entries, str_of(entry->source->key)) : NULL;
}

/* Under the lock: says what has become of the entry. since_ns is what its status says. */
static void judge(struct lag *lag, struct entry *entry, const struct entry *source,
                  int64_t since_ns)
{
    str labels[3], key = str_of(entry->key);
    lag->judged++;
    bool behind = source && source->fetched && entry->applied != source->fetched;
    bool converged = entry->ready && !behind;
    int64_t at_ns = entry->known || !since_ns ? clock_wall_ns() : since_ns;
    labels_of(key, labels);
    if (entry->suspended) {
        forget(key);
        entry->known = false;
        return;
    }
    if (converged && entry->late && source) {
        double took = (double)(clock_now_ns() - source->fetched_ns) / 1e9;
        metrics_observe(&metric_sync_lag, labels, took);
    }
    entry->late = behind;
    if (entry->known && entry->converged == converged) return;
    entry->known = true;
    entry->converged = converged;
    metrics_set(&metric_ready, labels, converged);
    metrics_set(converged ? &metric_converged : &metric_behind, labels, (double)at_ns / 1e9);
    if (converged) metrics_forget(&metric_behind, labels);
}

/* Only what says which revision it has applied can be behind its source. */
static void take_source(struct lag *lag, struct entry *entry, const node *object)
{
    arena a AUTO(arena_done) = {0};
    const node *ref = node_find(object, "spec", "sourceRef", NULL);
    str namespace = node_get_str(ref, STR("namespace"));
    if (!ref || !entry->applied) {
        leave_source(lag, entry);
        return;
    }
    if (!namespace.len) namespace = node_find_str(object, "metadata", "namespace", NULL);
    str key =
        objects_key(&a, node_get_str(ref, STR("kind")), namespace, node_get_str(ref, STR("name")));
    if (entry->source && str_is(key, entry->source->key)) return;
    leave_source(lag, entry);
    join_source(lag, entry, key);
}

/* Under the lock: a source has another revision, and so have those that refer to it. */
static void judge_referrers(struct lag *lag, const struct entry *moved)
{
    const struct source *source = map_get(&lag->sources, str_of(moved->key));
    if (!source) return;
    LIST_EACH (&source->units, struct entry, unit, entry) {
        judge(lag, entry, moved, 0);
    }
}

static struct entry *entry_at(struct lag *lag, str key)
{
    struct entry **at = (struct entry **)map_at(&lag->entries, key);
    if (*at) return *at;
    *at = lang_zalloc(sizeof **at + key.len + 1);
    memcpy((*at)->key, key.data, key.len);
    return *at;
}

void lag_note(struct lag *lag, str key, const node *object)
{
    str applied = node_find_str(object, "status", "lastAppliedRevision", NULL);
    str fetched = node_find_str(object, "status", "artifact", "revision", NULL);
    pthread_mutex_lock(&lag->lock);
    struct entry *entry = entry_at(lag, key);
    uint64_t revision = digest_of(fetched);
    bool moved = entry->fetched != revision;
    entry->applied = digest_of(applied);
    take_source(lag, entry, object);
    entry->ready = status_object_is_ready(object);
    entry->suspended = node_get_bool(node_get(object, STR("spec")), STR("suspend"), false);
    if (moved) {
        entry->fetched = revision;
        entry->fetched_ns = clock_now_ns();
    }
    const node *ready = status_condition_of(object, "Ready");
    int64_t since_ns = 0;
    clock_parse(node_get_str(ready, STR("lastTransitionTime")), &since_ns);
    judge(lag, entry, source_of(lag, entry), since_ns);
    if (moved) judge_referrers(lag, entry);
    pthread_mutex_unlock(&lag->lock);
}

void lag_gone(struct lag *lag, str key)
{
    pthread_mutex_lock(&lag->lock);
    free_entry(lag, map_remove(&lag->entries, key));
    forget(key);
    pthread_mutex_unlock(&lag->lock);
}

uint64_t lag_judged(struct lag *lag)
{
    pthread_mutex_lock(&lag->lock);
    uint64_t judged = lag->judged;
    pthread_mutex_unlock(&lag->lock);
    return judged;
}
