#include "sandbox/cronjobs.h"

#include <stdlib.h>

#include "base/clock.h"
#include "sandbox/family.h"
#include "sandbox/removal.h"
#include "sandbox/schedule.h"
#include "sandbox/write.h"

#define MANAGER   "kube-controller-manager"
#define SCHEDULED "batch.kubernetes.io/cronjob-scheduled-timestamp"

enum { LOOK_SECONDS_MAX = 60 }; /* the wall clock may be set meanwhile */

struct cronjobs {
    struct world *world;
    struct loop *loop;
    struct store_listener listener;
    struct loop_timer timer;
    const struct served *crons, *jobs; /* built in, so they stay */
};

/* One CronJob at work. */
struct cron {
    struct cronjobs *cronjobs;
    arena *a;
    node *object;
    const node *spec;
    str namespace, name, uid;
    int64_t now_ns;
    const node **jobs; /* its own, oldest first */
    size_t job_count, job_room;
};

static bool has_condition(const node *job, const char *type)
{
    NODE_EACH (node_find(job, "status", "conditions", NULL), condition) {
        if (str_is(node_get_str(condition, STR("type")), type))
            return str_is(node_get_str(condition, STR("status")), "True");
    }
    return false;
}

static bool is_finished(const node *job)
{
    return has_condition(job, "Complete") || has_condition(job, "Failed");
}

static int by_schedule(const void *left, const void *right)
{
    const node *x = *(const node *const *)left, *y = *(const node *const *)right;
    int order = str_cmp(node_find_str(x, "metadata", "annotations", SCHEDULED, NULL),
                        node_find_str(y, "metadata", "annotations", SCHEDULED, NULL));
    return order ? order
                 : str_cmp(node_find_str(x, "metadata", "name", NULL),
                           node_find_str(y, "metadata", "name", NULL));
}

static void find_jobs(struct cron *cron)
{
    MAP_EACH (&cron->cronjobs->jobs->collection->objects, entry) {
        const node *job = ((const doc *)entry->value)->root;
        bool own = false;
        NODE_EACH (node_find(job, "metadata", "ownerReferences", NULL), owner) {
            own = own || str_eq(node_get_str(owner, STR("uid")), cron->uid);
        }
        if (!own || node_find(job, "metadata", "deletionTimestamp", NULL)) continue;
        *ARENA_PUSH(cron->a, cron->jobs, cron->job_count, cron->job_room) = doc_copy(cron->a, job);
    }
    if (cron->job_count) qsort(cron->jobs, cron->job_count, sizeof *cron->jobs, by_schedule);
}

static void drop(struct cron *cron, const node *job)
{
    removal_of(cron->cronjobs->world, cron->cronjobs->jobs, cron->namespace,
               node_find_str(job, "metadata", "name", NULL));
}

/* Of those that are over the newest are kept. */
static void trim(struct cron *cron, const char *type, const char *field)
{
    int64_t kept = 0, limit = node_get_int(cron->spec, str_of(field), 3);
    for (size_t i = cron->job_count; i-- > 0;)
        if (has_condition(cron->jobs[i], type) && ++kept > limit) drop(cron, cron->jobs[i]);
}

static size_t active_count(const struct cron *cron)
{
    size_t count = 0;
    for (size_t i = 0; i < cron->job_count; i++)
        count += !is_finished(cron->jobs[i]);
    return count;
}

static void make_job(struct cron *cron, int64_t due_ns)
{
    arena *a = cron->a;
    const node *template = node_get(cron->spec, STR("jobTemplate"));
    node *job = node_map(a), *metadata = node_make_map(a, job, STR("metadata"));
    static const char *const kept[] = {"labels", "annotations"};
    for (size_t i = 0; i < COUNT(kept); i++) {
        const node *value = node_find(template, "metadata", kept[i], NULL);
        if (value) node_set(a, metadata, str_of(kept[i]), doc_copy(a, value));
    }
    node_set_str(a, node_make_map(a, metadata, STR("annotations")), STR(SCHEDULED),
                 clock_format(a, due_ns));
    node_set_str(a, metadata, STR("name"),
                 str_printf(a, STR_FMT "-%lld", STR_ARG(cron->name),
                            (long long)(due_ns / (60 * CLOCK_SECOND))));
    node_set_str(a, metadata, STR("namespace"), cron->namespace);
    family_set_controller(a, metadata, cron->cronjobs->crons->api_version, STR("CronJob"),
                          cron->name, cron->uid);
    const node *spec = node_get(template, STR("spec"));
    if (spec) node_set(a, job, STR("spec"), doc_copy(a, spec));
    /* What cannot be stored (a name that is too long) shows as a CronJob without a Job. */
    err *e AUTO(err_done) =
        write_put(cron->cronjobs->world, cron->cronjobs->jobs, MANAGER, "", job);
}

static void report(struct cron *cron, int64_t scheduled_ns)
{
    arena *a = cron->a;
    node *status = node_make_map(a, cron->object, STR("status")), *active = node_list(a);
    for (size_t i = 0; i < cron->job_count; i++) {
        const node *job = cron->jobs[i];
        str done = node_find_str(job, "status", "completionTime", NULL);
        if (is_finished(job)) {
            if (done.len && has_condition(job, "Complete"))
                node_set_str(a, status, STR("lastSuccessfulTime"), done);
            continue;
        }
        node *ref = node_map(a);
        node_set_str(a, ref, STR("apiVersion"), cron->cronjobs->jobs->api_version);
        node_set_str(a, ref, STR("kind"), STR("Job"));
        node_set_str(a, ref, STR("name"), node_find_str(job, "metadata", "name", NULL));
        node_set_str(a, ref, STR("namespace"), cron->namespace);
        node_set_str(a, ref, STR("uid"), node_find_str(job, "metadata", "uid", NULL));
        node_push(a, active, ref);
    }
    if (active->count)
        node_set(a, status, STR("active"), active);
    else
        node_unset(status, STR("active"));
    if (scheduled_ns)
        node_set_str(a, status, STR("lastScheduleTime"), clock_format(a, scheduled_ns));
    err *e AUTO(err_done) =
        write_put(cron->cronjobs->world, cron->cronjobs->crons, MANAGER, "status", cron->object);
}

/* The last moment that is due and not yet served, or 0; *next_out is the first one to come. */
static int64_t due_time(const struct cron *cron, const struct schedule *schedule, int64_t *next_out)
{
    enum { MISSED_MAX = 100 };
    int64_t from = 0, due = 0;
    str last = node_find_str(cron->object, "status", "lastScheduleTime", NULL);
    str made = node_find_str(cron->object, "metadata", "creationTimestamp", NULL);
    if (!clock_parse(last.len ? last : made, &from)) from = cron->now_ns;
    int64_t seconds = node_get_int(cron->spec, STR("startingDeadlineSeconds"), -1);
    seconds = MIN(seconds, (int64_t)INT32_MAX);
    if (seconds >= 0) from = MAX(from, cron->now_ns - seconds * CLOCK_SECOND);
    *next_out = schedule_next(schedule, from);
    for (int i = 0; *next_out && *next_out <= cron->now_ns; i++) {
        due = *next_out;
        /* After a long pause only the last hour counts. */
        int64_t recent = i == MISSED_MAX ? cron->now_ns - 3600 * CLOCK_SECOND : due;
        *next_out = schedule_next(schedule, MAX(due, recent));
    }
    return due;
}

/* When to look again, or 0. */
static int64_t sync(struct cron *cron)
{
    struct schedule schedule;
    int64_t next = 0, due = 0;
    err *e AUTO(err_done) = schedule_parse(node_get_str(cron->spec, STR("schedule")), &schedule);
    find_jobs(cron);
    trim(cron, "Complete", "successfulJobsHistoryLimit");
    trim(cron, "Failed", "failedJobsHistoryLimit");
    if (!e && !node_get_bool(cron->spec, STR("suspend"), false))
        due = due_time(cron, &schedule, &next);
    str policy = node_get_str(cron->spec, STR("concurrencyPolicy"));
    if (due && str_is(policy, "Forbid") && active_count(cron)) due = 0;
    if (due && str_is(policy, "Replace")) {
        for (size_t i = 0; i < cron->job_count; i++)
            if (!is_finished(cron->jobs[i])) drop(cron, cron->jobs[i]);
    }
    if (due) make_job(cron, due);
    if (due) {
        cron->job_count = 0;
        find_jobs(cron);
    }
    report(cron, due);
    return next;
}

int64_t cronjobs_run(struct cronjobs *cronjobs)
{
    arena keys_arena AUTO(arena_done) = {0};
    size_t count;
    str *keys = store_keys(&keys_arena, cronjobs->crons->collection, &count);
    int64_t now = clock_wall_ns(), next = 0;
    for (size_t i = 0; i < count; i++) {
        arena a AUTO(arena_done) = {0};
        const doc *d = map_get(&cronjobs->crons->collection->objects, keys[i]);
        if (!d || node_find(d->root, "metadata", "deletionTimestamp", NULL)) continue;
        struct cron cron = {.cronjobs = cronjobs, .a = &a, .now_ns = now};
        cron.object = doc_copy(&a, d->root);
        cron.spec = node_get(cron.object, STR("spec"));
        cron.namespace = node_find_str(cron.object, "metadata", "namespace", NULL);
        cron.name = node_find_str(cron.object, "metadata", "name", NULL);
        cron.uid = node_find_str(cron.object, "metadata", "uid", NULL);
        int64_t due = sync(&cron);
        if (due && (!next || due < next)) next = due;
    }
    return next;
}

static void run(void *context)
{
    struct cronjobs *cronjobs = context;
    int64_t next = cronjobs_run(cronjobs), now = clock_wall_ns();
    loop_timer_cancel(cronjobs->loop, &cronjobs->timer); /* its own changes are no reason */
    if (!next) return;
    int64_t delay = MIN(next - now, LOOK_SECONDS_MAX * CLOCK_SECOND);
    loop_timer_set(cronjobs->loop, &cronjobs->timer, clock_now_ns() + MAX(delay, CLOCK_MS), run,
                   cronjobs);
}

static void look_soon(struct cronjobs *cronjobs)
{
    loop_timer_set(cronjobs->loop, &cronjobs->timer, clock_now_ns() + CLOCK_MS, run, cronjobs);
}

static void on_change(void *context, const struct store_change *change)
{
    struct cronjobs *cronjobs = context;
    bool cron = change->collection == cronjobs->crons->collection;
    bool job = change->collection == cronjobs->jobs->collection;
    if (cron || (job && cronjobs->crons->collection->objects.count)) look_soon(cronjobs);
}

struct cronjobs *cronjobs_new(struct world *world, struct loop *loop)
{
    struct cronjobs *cronjobs = lang_zalloc(sizeof *cronjobs);
    *cronjobs = (struct cronjobs){
        .world = world,
        .loop = loop,
        .crons = served_find(world->served, STR("batch"), STR("v1"), STR("cronjobs")),
        .jobs = served_find(world->served, STR("batch"), STR("v1"), STR("jobs")),
    };
    cronjobs->listener = (struct store_listener){.fn = on_change, .context = cronjobs};
    store_listen(world->store, &cronjobs->listener);
    if (cronjobs->crons->collection->objects.count) look_soon(cronjobs);
    return cronjobs;
}

void cronjobs_free(struct cronjobs *cronjobs)
{
    if (!cronjobs) return;
    list_remove(&cronjobs->listener.link);
    loop_timer_cancel(cronjobs->loop, &cronjobs->timer);
    free(cronjobs);
}
