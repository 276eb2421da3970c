#include "scenario/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rand.h"
#include "doc/yaml.h"
#include "scenario/baton.h"
#include "scenario/depot.h"
#include "scenario/judge.h"
#include "scenario/model.h"
#include "scenario/stage.h"

enum {
    STEPS_MIN = 4,
    STEPS_MORE = 10,
    LOOK_S = 5,
    CONVERGE_S_MAX = 400, /* well below the interval: retries bring it about, not luck */
    QUIET_S = 900,
    RETRY_S = 20,
    QUICK_S_MAX = 60,
};

struct story {
    bool tells;
    struct model_revision next; /* what is to be committed */
    const struct model_revision *head;
    int version;
    bool gone[MODEL_UNITS], suspended[MODEL_UNITS];
    bool ends_bad, moves;
    int64_t faults_ended_ns;
};

static void tell(struct story *story, const char *format, ...) PRINTF(2, 3);
static void tell(struct story *story, const char *format, ...)
{
    if (!story->tells) return;
    double seconds = (double)(baton_now_ns() - 1000 * CLOCK_SECOND) / (double)CLOCK_SECOND;
    va_list args;
    va_start(args, format);
    printf("%9.3f  ", seconds);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}

static int below(int bound)
{
    return (int)baton_below((uint64_t)bound);
}

static void pause_up_to(int seconds)
{
    clock_sleep(CLOCK_MS + (int64_t)baton_below((uint64_t)seconds * 1000) * CLOCK_MS);
}

/* ---- What the user does with the API ---- */

static void request(const struct kube_request *request)
{
    arena a AUTO(arena_done) = {0};
    err *e = kube_do(stage_kube(), &a, request, NULL);
    if (e && e->kind != ERR_NOT_FOUND) judge_complain("the user: %s", e->message);
    err_free(e);
}

static void apply(const char *format, ...) PRINTF(1, 2);
static void apply(const char *format, ...)
{
    arena a AUTO(arena_done) = {0};
    node *object;
    va_list args;
    va_start(args, format);
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err *e = yaml_parse(&a, str_of(text), (struct yaml_options){0}, &object);
    must(!e);
    request(&(struct kube_request){
        .verb = KUBE_APPLY, .ref = kube_ref_of(object), .body = object, .force = true});
}

static void apply_unit(struct story *story, int unit)
{
    apply("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization,"
          " metadata: {name: unit-%d, namespace: team},"
          " spec: {interval: 10m, retryInterval: %ds, timeout: 30s, prune: true, wait: true,"
          " path: ./unit-%d, suspend: %s, %s sourceRef: {kind: GitRepository, name: fleet}}}",
          unit, RETRY_S, unit, story->suspended[unit] ? "true" : "false",
          unit == MODEL_DEPENDENT ? "dependsOn: [{name: unit-1}]," : "");
    story->gone[unit] = false;
}

static struct kube_ref unit_ref(arena *a, int unit)
{
    return (struct kube_ref){{STR("kustomize.toolkit.fluxcd.io"), STR("v1"), STR("Kustomization")},
                             STR("team"),
                             model_unit_name(a, unit)};
}

static void set_stage(struct story *story)
{
    apply("{apiVersion: v1, kind: Namespace, metadata: {name: apps}}");
    apply("{apiVersion: v1, kind: Namespace, metadata: {name: team}}");
    apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: foreign, namespace: apps},"
          " data: {value: mine}}");
    apply("{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository,"
          " metadata: {name: fleet, namespace: team},"
          " spec: {interval: 30s, timeout: 20s, url: '" STAGE_GIT_URL "', ref: {branch: main}}}");
    for (int unit = 0; unit < MODEL_UNITS; unit++)
        apply_unit(story, unit);
}

/* ---- Commits ---- */

static void commit(struct story *story)
{
    story->head = model_commit(&story->next);
    tell(story, "commit " STR_FMT, STR_ARG(str_head(story->head->sha, 8)));
}

/* Something about a thing changes; true when anything did. */
static bool change_thing(struct story *story)
{
    int index = below(MODEL_THINGS), unit = below(MODEL_UNITS);
    struct model_thing *thing = &story->next.things[index];
    if (!thing->exists) {
        *thing =
            (struct model_thing){true, (enum model_kind)below(MODEL_KINDS), unit, ++story->version};
        if (unit == MODEL_STUCK) thing->kind = MODEL_DEPLOYMENT;
        tell(story, "  new %s %d in unit %d", model_kind_names[thing->kind], index, unit);
        return true;
    }
    switch (below(4)) {
    case 0:
        tell(story, "  without %s %d of unit %d", model_kind_names[thing->kind], index,
             thing->unit);
        thing->exists = false;
        return true;
    case 1:
        if (!story->moves || unit == MODEL_STUCK || thing->unit == MODEL_STUCK) return false;
        tell(story, "  %s %d moves from unit %d to %d", model_kind_names[thing->kind], index,
             thing->unit, unit);
        thing->unit = unit;
        thing->version = ++story->version;
        return true;
    default:
        thing->version = ++story->version;
        tell(story, "  %s %d of unit %d is at version %d", model_kind_names[thing->kind], index,
             thing->unit, thing->version);
        return true;
    }
}

static void step_commit(struct story *story)
{
    for (int changes = 1 + below(5); changes > 0;)
        changes -= change_thing(story);
    commit(story);
}

/* Everything that the unit changes in a bad revision has a version below zero. */
static void step_bad_commit(struct story *story)
{
    struct model_revision good = story->next;
    int unit = below(MODEL_UNITS);
    story->next.bad[unit] = 1 + below(3);
    for (int i = 0; i < MODEL_THINGS; i++) {
        struct model_thing *thing = &story->next.things[i];
        if (thing->unit == unit && thing->exists && below(2)) thing->version = -++story->version;
    }
    tell(story, "  unit %d is bad, %d faults", unit, story->next.bad[unit]);
    commit(story);
    story->next = good; /* the next commit reverts it */
}

static void step_force_push(struct story *story)
{
    int index = below(model_revision_count());
    story->head = model_revision_at(index);
    model_move(story->head);
    tell(story, "forced push of " STR_FMT, STR_ARG(str_head(story->head->sha, 8)));
}

/* ---- Live edits ---- */

static int some_thing(struct story *story)
{
    for (int tries = 0; tries < 50; tries++) {
        int index = below(MODEL_THINGS);
        if (story->head->things[index].exists) return index;
    }
    return -1;
}

static void step_drift(struct story *story)
{
    static const char *const edits[] = {
        "{data: {value: edited}}", "{data: {value: ZWRpdGVk}}",
        "{spec: {replicas: 3, template: {metadata: {labels: {extra: x}}}}}",
        "{spec: {selector: {app: other}}}"};
    static const char *const bare[] = {
        "{metadata: {labels: {kustomize.toolkit.fluxcd.io/name: null}}}",
        "{metadata: {annotations: {version: '0'}}}"};
    arena a AUTO(arena_done) = {0};
    int index = some_thing(story);
    if (index < 0) return;
    const struct model_thing *thing = &story->head->things[index];
    str name = model_name(&a, thing, index);
    const char *text = below(2) ? bare[below(2)] : edits[thing->kind];
    node *patch;
    err *e = yaml_parse(&a, str_of(text), (struct yaml_options){0}, &patch);
    must(!e);
    struct kube_request edit = {
        .verb = below(3) ? KUBE_MERGE_PATCH : KUBE_DELETE,
        .ref = {{thing->kind == MODEL_DEPLOYMENT ? STR("apps") : STR(""), STR("v1"),
                 str_of(model_kind_names[thing->kind])},
                STR("apps"),
                name},
        .field_manager = STR("kubectl-edit"),
    };
    if (edit.verb == KUBE_MERGE_PATCH) edit.body = patch;
    judge_user_acts();
    tell(story, "a user %s " STR_FMT " %s", edit.body ? "edits" : "deletes", STR_ARG(name),
         edit.body ? text : "");
    request(&edit);
}

static void step_unit(struct story *story)
{
    arena a AUTO(arena_done) = {0};
    int unit = below(MODEL_UNITS);
    if (story->gone[unit]) {
        if (judge_unit_exists(unit)) return; /* its end takes a while */
        tell(story, "unit %d is made again", unit);
        apply_unit(story, unit);
    } else if (below(2)) {
        story->suspended[unit] = !story->suspended[unit];
        tell(story, "unit %d is %s", unit, story->suspended[unit] ? "suspended" : "resumed");
        apply_unit(story, unit);
    } else if (unit != MODEL_DEPENDENCY) {
        story->suspended[unit] = false;
        apply_unit(story, unit); /* a suspended one would leave its objects */
        tell(story, "unit %d is deleted", unit);
        request(&(struct kube_request){.verb = KUBE_DELETE, .ref = unit_ref(&a, unit)});
        story->gone[unit] = true;
    }
}

/* ---- Faults ---- */

static void step_crash(struct story *story)
{
    int which = below(STAGE_OPERATORS);
    if (!stage_operator_runs(which)) return;
    int io = below(3) ? 1 + below(60) : 0;
    tell(story, "operator %d is killed%s", which, io ? " at one of its next writes" : "");
    if (io)
        stage_operator_kill_at(which, io);
    else
        stage_operator_kill(which);
}

static void step_stop(struct story *story)
{
    int which = below(STAGE_OPERATORS);
    if (!stage_operator_runs(which)) return;
    tell(story, "operator %d is stopped", which);
    stage_operator_stop(which);
    if (below(3) == 0) stage_operator_forget(which);
}

static void step_start(struct story *story)
{
    int which = below(STAGE_OPERATORS);
    if (stage_operator_runs(which)) return;
    tell(story, "operator %d is started", which);
    stage_operator_start(which);
}

static void step_weather(struct story *story)
{
    struct wire_weather weather = {
        .lost_requests = below(60),
        .lost_answers = below(60),
        .doubled = below(60),
        .late = below(400),
        .cut = below(40),
        .late_ns = below(4) * CLOCK_SECOND + 50 * CLOCK_MS,
    };
    tell(story, "the network loses %d requests and %d answers in a thousand, doubles %d",
         weather.lost_requests, weather.lost_answers, weather.doubled);
    stage_weather(weather);
    depot_fail(below(300));
}

static void step_faults(struct story *story)
{
    static const int statuses[] = {409, 429, 500, 503, 504};
    arena a AUTO(arena_done) = {0};
    buf rules = BUF(&a);
    for (int i = 1 + below(2); i > 0; i--)
        buf_printf(&rules, "status=%d,rate=0.%02d,user=admin;", statuses[below(5)], below(30));
    if (below(2)) buf_printf(&rules, "delay=%ds,rate=0.%02d,user=admin;", 1 + below(20), below(30));
    if (below(2)) buf_printf(&rules, "lost,rate=0.%02d,user=admin;", below(10));
    if (below(2)) buf_printf(&rules, "expired,rate=0.%d,user=admin;", below(9));
    if (below(2)) buf_printf(&rules, "cut=%ds,user=admin;", 1 + below(30));
    tell(story, "the API server is in trouble: " STR_FMT, STR_ARG(buf_str(&rules)));
    stage_faults(buf_str(&rules));
}

static void step_fair(struct story *story)
{
    tell(story, "the network and the API server are well");
    stage_faults((str){0});
    stage_weather((struct wire_weather){0});
    depot_fail(0);
}

static void step_disk(struct story *story)
{
    int which = below(STAGE_OPERATORS);
    bool full = below(2);
    tell(story, "the disk of operator %d is %s", which, full ? "full" : "not full");
    stage_disk_full(which, full);
}

static void step_clock(struct story *story)
{
    int64_t span_s = below(7200) - 3600;
    tell(story, "the clock jumps by %lld s", (long long)span_s);
    baton_skew(span_s * CLOCK_SECOND);
}

/* How often each happens, beside the others. */
static const struct {
    int weight;
    void (*fn)(struct story *story);
} steps[] = {
    {10, step_commit}, {4, step_bad_commit}, {2, step_force_push}, {8, step_drift},
    {4, step_unit},    {6, step_crash},      {2, step_stop},       {6, step_start},
    {4, step_weather}, {4, step_faults},     {3, step_fair},       {2, step_disk},
    {1, step_clock},
};

static void step(struct story *story)
{
    int sum = 0, at;
    for (size_t i = 0; i < COUNT(steps); i++)
        sum += steps[i].weight;
    at = below(sum);
    for (size_t i = 0; i < COUNT(steps); i++) {
        at -= steps[i].weight;
        if (at >= 0) continue;
        steps[i].fn(story);
        return;
    }
}

/* ---- The end ---- */

static void end_faults(struct story *story)
{
    step_fair(story);
    for (int i = 0; i < STAGE_OPERATORS; i++) {
        stage_disk_full(i, false);
        stage_operator_kill_at(i, 0);
    }
    for (int unit = 0; unit < MODEL_UNITS; unit++) {
        if (!story->suspended[unit]) continue;
        story->suspended[unit] = false;
        apply_unit(story, unit);
    }
    for (int changes = 1 + below(3); changes > 0;)
        changes -= change_thing(story);
    commit(story);
    story->faults_ended_ns = baton_now_ns();
}

/* Somebody starts what has ended, as Kubernetes does. */
static void keep_running(struct story *story)
{
    bool any = false;
    for (int i = 0; i < STAGE_OPERATORS; i++)
        any |= stage_operator_runs(i);
    if (any) return;
    tell(story, "operator 0 is started");
    stage_operator_start(0);
}

static bool converge(struct story *story)
{
    char last[256] = "";
    for (int64_t end_ns = baton_now_ns() + CONVERGE_S_MAX * CLOCK_SECOND;
         baton_now_ns() < end_ns;) {
        arena a AUTO(arena_done) = {0};
        keep_running(story);
        str difference = judge_difference(&a, story->head, story->gone);
        if (!difference.len) return true;
        if (!str_is(str_head(difference, sizeof last - 1), last)) {
            tell(story, "not yet: " STR_FMT, STR_ARG(difference));
            snprintf(last, sizeof last, STR_FMT, STR_ARG(difference));
        }
        clock_sleep(LOOK_S * CLOCK_SECOND);
    }
    judge_complain("not converged: %s", last);
    return false;
}

/* The newest revision is refused; what the last good one made is edited, or the operator starts
 * anew, and finds on its disk what it needs. */
static bool end_badly(struct story *story)
{
    step_bad_commit(story);
    for (int left = below(3); left > 0; left--) {
        pause_up_to(60);
        step_drift(story);
        if (below(3)) continue;
        for (int i = 0; i < STAGE_OPERATORS; i++) {
            if (!stage_operator_runs(i)) continue;
            tell(story, "operator %d is stopped, and started", i);
            stage_operator_stop(i);
            stage_operator_start(i);
        }
    }
    story->faults_ended_ns = baton_now_ns();
    return converge(story);
}

/* With no fault left, a commit is everywhere soon, however stuck some unit is. */
static bool stay_quick(struct story *story)
{
    step_commit(story);
    int64_t begun_ns = baton_now_ns();
    if (!converge(story)) return false;
    int64_t took_s = (baton_now_ns() - begun_ns) / CLOCK_SECOND;
    if (took_s > QUICK_S_MAX)
        judge_complain("a commit without any fault took %lld s", (long long)took_s);
    return took_s <= QUICK_S_MAX;
}

/* Units that are tried again and again, each time with a note in their status or two. */
static int restless_units(const struct story *story)
{
    bool restless[MODEL_UNITS] = {0};
    int count = 0;
    for (int unit = 0; unit < MODEL_UNITS; unit++)
        restless[unit] = story->head->bad[unit];
    for (int i = 0; i < MODEL_THINGS; i++) {
        const struct model_thing *thing = &story->head->things[i];
        bool stuck = thing->unit == MODEL_STUCK && thing->kind == MODEL_DEPLOYMENT;
        if (thing->exists && stuck) restless[MODEL_STUCK] = true;
    }
    for (int unit = 0; unit < MODEL_UNITS; unit++)
        count += restless[unit] && !story->gone[unit];
    return count;
}

static void rest(struct story *story)
{
    clock_sleep(60 * CLOCK_SECOND); /* the last events and statuses */
    uint64_t before = judge_writes();
    clock_sleep(QUIET_S * CLOCK_SECOND);
    int writes = (int)(judge_writes() - before);
    tell(story, "%d writes in %d s of rest", writes, QUIET_S);
    if (writes > restless_units(story) * 2 * QUIET_S / RETRY_S)
        judge_complain("%d writes in %d s of rest", writes, QUIET_S);
}

static void on_error_output(int group, const char *data, size_t len)
{
    (void)group;
    judge_log(data, len);
    if (getenv("SCENARIO_LOG")) printf("%.*s", (int)len, data);
}

struct story_result story_run(uint64_t seed, str folder, str snapshot, bool tells)
{
    struct story story = {.tells = tells};
    struct story_result result = {0};
    baton_on_error_output = on_error_output;
    baton_start(seed);
    rand_seed(seed + 1);
    int64_t begun_ns = baton_now_ns();
    stage_start(folder, snapshot);
    judge_start();
    story.ends_bad = below(4) == 0;
    story.moves = !story.ends_bad;
    step_commit(&story);
    set_stage(&story);
    stage_operator_start(0);
    if (below(3) == 0) stage_operator_start(1);
    for (int left = STEPS_MIN + below(STEPS_MORE); left > 0 && !judge_complaints(); left--) {
        pause_up_to(below(3) ? 5 : 120);
        step(&story);
    }
    if (!judge_complaints()) end_faults(&story);
    bool converged = !judge_complaints() && converge(&story);
    if (converged) converged = story.ends_bad ? end_badly(&story) : stay_quick(&story);
    if (converged) {
        result.converged_ns = baton_now_ns() - story.faults_ended_ns;
        tell(&story, "converged after %.1f s", (double)result.converged_ns / 1e9);
        rest(&story);
    }
    result.good = !judge_complaints();
    snprintf(result.complaint, sizeof result.complaint, STR_FMT, STR_ARG(judge_first_complaint()));
    if (!result.good) tell(&story, "BROKEN: %s", result.complaint);
    result.simulated_ns = baton_now_ns() - begun_ns;
    result.digest = baton_digest();
    result.decisions = baton_decisions();
    for (int group = 0; group < BATON_GROUPS; group++)
        result.requests += wire_requests(group);
    return result;
}
