/*
 * The Kustomization controller: decides whether there is something to do, and
 * says how it went. Doing it is in converge.c. Rules and texts:
 * spec of the Flux API, see docs/compatibility.md for what differs.
 */
#include "apply/prune.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "control/checks.h"
#include "control/converge.h"
#include "control/dependency.h"
#include "control/history.h"
#include "control/pod_trouble.h"

#define FIELD_MANAGER      "gotk-kustomize-controller"
#define BLOCKED_AFTER_NS   (2 * CLOCK_SECOND) /* a dependency that takes no longer is not news */
#define ANNOUNCE_AFTER_NS  (5 * CLOCK_SECOND) /* a wait shorter than that is not worth a write */
#define POLL_NS            (5 * CLOCK_SECOND) /* of health checks that are not watched */
#define VARIABLES_FRESH_NS CLOCK_SECOND

static int64_t retry_interval_ns(const struct unit *unit)
{
    const struct kustomization_spec *spec = &unit->spec;
    return spec->retry_interval_ns ? spec->retry_interval_ns : spec->interval_ns;
}

static str elapsed_text(struct unit *unit, int64_t since_ns)
{
    int64_t elapsed_ns = clock_now_ns() - since_ns;
    return clock_format_duration(unit->a, elapsed_ns / CLOCK_MS * CLOCK_MS);
}

static void forget(void *memory)
{
    unit_free(memory);
}

/* ---- saying how it went ---- */

static void add_history(struct unit *unit, str reason)
{
    if (!unit->built_digest.len) return;
    struct history_entry entry = {
        .digest = unit->built_digest,
        .status = reason,
        .now_wall_ns = clock_wall_ns(),
        .duration_ns = (clock_now_ns() - unit->memory->started_ns) / CLOCK_MS * CLOCK_MS,
        .revision = unit->artifact.revision,
    };
    status_put(&unit->status, "history",
               history_add(unit->a, status_get(&unit->status, "history"), &entry));
}

/* Ready=False. The same failure again is neither written nor reported again. */
static void set_failed(struct unit *unit, str reason, str message)
{
    bool repeated = status_is(&unit->status, "Ready", "False") &&
                    str_eq(status_reason(&unit->status, "Ready"), reason) &&
                    str_eq(status_message(&unit->status, "Ready"), message);
    status_set(&unit->status, "Ready", "False", reason, message);
    if (!repeated) unit_event(unit, MANAGER_ERROR, str_z(unit->a, reason), message);
}

static err *fail(struct unit *unit, err *e)
{
    struct unit_memory *memory = unit->memory;
    str reason = str_dup(unit->a, e->reason[0] ? str_of(e->reason) : STR("ReconciliationFailed"));
    bool no_match = str_is(reason, "NoMatch");
    if (no_match) reason = STR("ReconciliationFailed");
    str message = str_dup(unit->a, err_text(e));
    bool transient = e->kind == ERR_TRANSIENT;
    err_free(e);

    set_failed(unit, reason, message);
    status_reconciling(&unit->status, STR("ProgressingWithRetry"), unit->step);
    status_handled(&unit->status);
    bool reached = str_is(reason, "ReconciliationFailed") || str_is(reason, "PruneFailed") ||
                   str_is(reason, "HealthCheckFailed");
    if (reached) add_history(unit, reason);
    memory->finished = false;
    memory->waiting_ns = 0;
    memory->want = 0;
    memory->unhealthy = str_is(reason, "HealthCheckFailed");
    if (no_match) {
        manager_await_definitions(unit->work->manager, unit->key);
    } else if (!transient) {
        memory->failed_want = unit->want;
    }
    memory->retry_ns = clock_now_ns() + retry_interval_ns(unit);
    unit->out->retry = transient;
    unit_look_again(unit, retry_interval_ns(unit));
    e = status_save(&unit->status);
    if (e) memory->failed_want = 0; /* nobody was told: once more */
    return e;
}

/* Nothing will change until somebody changes the object. */
static err *stall(struct unit *unit, const char *reason, str message)
{
    set_failed(unit, str_of(reason), message);
    status_stalled(&unit->status, str_of(reason), message);
    status_handled(&unit->status);
    unit->out->again_ns = 0;
    return status_save(&unit->status);
}

/* compat: an expression that cannot be compiled ends the matter until the spec changes. */
static err *stall_expression(struct unit *unit, const err *e)
{
    status_observed(&unit->status);
    return stall(unit, "InvalidCELExpression",
                 str_concat(unit->a,
                            STR("Reconciliation failed terminally due to configuration error: "),
                            err_text(e)));
}

/* compat: Ready=False while a source or dependency is not there yet; no Stalled, looked at again
 * soon. */
static err *hold(struct unit *unit, const char *reason, str message, int64_t again_ns, bool error)
{
    bool repeated = str_is(status_reason(&unit->status, "Ready"), reason) &&
                    str_eq(status_message(&unit->status, "Ready"), message);
    status_set(&unit->status, "Ready", "False", str_of(reason), message);
    status_handled(&unit->status);
    if (!repeated) unit_event(unit, error ? MANAGER_ERROR : MANAGER_INFO, reason, message);
    unit_look_again(unit, again_ns);
    return status_save(&unit->status);
}

static str state_digest(struct unit *unit)
{
    str state = observed_digest(manager_observed(unit->work->manager), unit->a, &unit->before);
    if (!state.len) return state;
    str text =
        str_printf(unit->a, STR_FMT " %016llx", STR_ARG(state), (unsigned long long)unit->want);
    str hex = hash_sha256_hex(unit->a, text);
    return str_concat(unit->a, STR("sha256:"), hex);
}

static err *succeed(struct unit *unit, bool healed_only)
{
    struct unit_memory *memory = unit->memory;
    str message = str_concat(unit->a, STR("Applied revision: "), unit->artifact.revision);
    int64_t interval_ns = manager_jitter(unit->work->manager, unit->spec.interval_ns);
    bool news = !healed_only || !status_is(&unit->status, "Ready", "True");
    status_set(&unit->status, "Ready", "True", STR("ReconciliationSucceeded"), message);
    status_unset(&unit->status, "Reconciling");
    status_unset(&unit->status, "Stalled");
    status_observed(&unit->status);
    status_handled(&unit->status);
    status_put_str(&unit->status, "lastAppliedRevision", unit->artifact.revision);
    status_put_str(&unit->status, "lastAttemptedRevision", unit->artifact.revision);
    status_put(&unit->status, "lastAppliedArtifact", artifact_to_node(unit->a, &unit->artifact));
    status_put_str(&unit->status, "observedState", state_digest(unit));
    if (news) {
        add_history(unit, STR("ReconciliationSucceeded"));
        str took = elapsed_text(unit, memory->started_ns);
        str next = clock_format_duration(unit->a, unit->spec.interval_ns);
        unit_event(unit, MANAGER_INFO, "ReconciliationSucceeded",
                   str_printf(unit->a,
                              "Reconciliation finished in " STR_FMT ", next run in " STR_FMT,
                              STR_ARG(took), STR_ARG(next)));
    }
    unit_tell_healed(unit);
    memory->announced = false;
    memory->unhealthy = false;
    memory->waiting_ns = 0;
    memory->interval_ns = clock_now_ns() + interval_ns;
    unit_look_again(unit, interval_ns);
    err *e = status_save(&unit->status);
    memory->finished = !e; /* it is not before it is told */
    return e;
}

/* ---- health ---- */

static err *announce_wait(struct unit *unit)
{
    str step = unit_step(unit, "Running health checks");
    status_set(&unit->status, "Healthy", "Unknown", STR("Progressing"), step);
    status_set(&unit->status, "Ready", "Unknown", STR("Progressing"),
               STR("Reconciliation in progress"));
    status_reconciling(&unit->status, STR("Progressing"), step);
    err *e = status_save(&unit->status);
    unit->memory->announced = !e;
    return e;
}

static err *health_failure(struct unit *unit, str text)
{
    const struct unit_memory *memory = unit->memory;
    text =
        str_concat(unit->a, text, pod_trouble_of(unit->work, memory->checks, memory->check_count));
    status_set(&unit->status, "Healthy", "False", STR("HealthCheckFailed"), text);
    unit->step = unit_step(unit, "Running health checks");
    return fail(unit, err_new(ERR_INVALID, "HealthCheckFailed", STR_FMT, STR_ARG(text)));
}

/* Everything is applied: is it healthy? Comes back with every change of an object until it is. */
static err *observe(struct unit *unit, bool healed_only)
{
    struct unit_memory *memory = unit->memory;
    struct checks_result result;
    /* The run that applied it may have had nothing to report yet. */
    status_put_str(&unit->status, "lastAttemptedRevision", unit->artifact.revision);
    if (!memory->check_count) {
        status_unset(&unit->status, "Healthy");
        return succeed(unit, healed_only);
    }
    int64_t now_ns = clock_now_ns();
    if (!memory->waiting_ns) memory->waiting_ns = now_ns;
    checks_run(unit->work, memory->checks, memory->check_count, &unit->health_exprs, &result);
    /* A kind that was not served yet when it was to be watched may be by now. */
    if (result.polled)
        observed_follow(manager_observed(unit->work->manager), unit->owner, memory->checks,
                        memory->check_count);
    str took = elapsed_text(unit, memory->waiting_ns);
    if (result.state == CHECKS_PASSED) {
        if (!healed_only || !status_is(&unit->status, "Healthy", "True")) {
            str message = str_concat(unit->a, STR("Health check passed in "), took);
            bool was_bad = status_is(&unit->status, "Healthy", "False");
            status_set(&unit->status, "Healthy", "True", STR("Succeeded"), message);
            if (was_bad) unit_event(unit, MANAGER_INFO, "Progressing", message);
        }
        return succeed(unit, healed_only);
    }
    if (result.state == CHECKS_FAILED) {
        return health_failure(unit,
                              str_printf(unit->a,
                                         "health check failed after " STR_FMT
                                         ": failed early due to stalled resources: [" STR_FMT "]",
                                         STR_ARG(took), STR_ARG(result.failed)));
    }
    int64_t left_ns = memory->waiting_ns + unit_timeout_ns(unit) - now_ns;
    if (left_ns <= 0) {
        return health_failure(unit, str_printf(unit->a,
                                               "health check failed after " STR_FMT
                                               ": timeout waiting for: [" STR_FMT "]",
                                               STR_ARG(took), STR_ARG(result.waiting)));
    }
    memory->finished = false;
    unit_look_again(unit, left_ns);
    if (result.polled) unit_look_again(unit, POLL_NS);
    int64_t waited_ns = now_ns - memory->waiting_ns;
    if (!memory->announced && waited_ns >= ANNOUNCE_AFTER_NS) return announce_wait(unit);
    if (!memory->announced) unit_look_again(unit, ANNOUNCE_AFTER_NS - waited_ns);
    /* The runs that wait begin with what the status says. */
    return unit->shrunk ? status_save(&unit->status) : NULL;
}

/* ---- what the run is about ---- */

/* Fields of the API that are accepted but not there yet: named, never ignored. */
static const char *unsupported_field(const struct kustomization_spec *spec)
{
    if (spec->decryption.provider.len) return "spec.decryption";
    if (spec->service_account_name.len) return "spec.serviceAccountName";
    if (spec->kube_config.secret_ref.name.len || spec->kube_config.config_map_ref.name.len) {
        return "spec.kubeConfig";
    }
    if (spec->ignore.count) return "spec.ignore";
    return NULL;
}

/* Sources of kinds that this process does not control are read from the API server. */
static err *find_source(struct unit *unit, str namespace, node **out)
{
    struct work *work = unit->work;
    str kind = unit->spec.source_ref.kind, name = unit->spec.source_ref.name;
    *out = manager_get(work->manager, unit->a, kind, namespace, name);
    if (*out) return NULL;
    struct kube_request get = {
        .verb = KUBE_GET,
        .ref = {{STR("source.toolkit.fluxcd.io"), STR("v1"), kind}, namespace, name},
    };
    return kube_do(manager_kube(work->manager), unit->a, &get, out);
}

static err *take_source(struct unit *unit, bool *held_out)
{
    const struct manager_options *options = manager_options_of(unit->work->manager);
    str given = unit->spec.source_ref.namespace, kind = unit->spec.source_ref.kind;
    str namespace = given.len ? given : unit->work->namespace;
    node *source = NULL;
    *held_out = true;
    if (options->no_cross_namespace_refs && !str_eq(namespace, unit->work->namespace)) {
        return stall(unit, "AccessDenied",
                     str_printf(unit->a,
                                "can't access '" STR_FMT "/" STR_FMT "/" STR_FMT
                                "', cross-namespace references have been blocked",
                                STR_ARG(kind), STR_ARG(namespace),
                                STR_ARG(unit->spec.source_ref.name)));
    }
    err *e = find_source(unit, namespace, &source);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        str message =
            str_printf(unit->a, STR_FMT ".source.toolkit.fluxcd.io \"" STR_FMT "\" not found",
                       STR_ARG(kind), STR_ARG(unit->spec.source_ref.name));
        return hold(unit, "ArtifactFailed", message, retry_interval_ns(unit), true);
    }
    if (e) return fail(unit, err_because(e, "ArtifactFailed"));
    if (!artifact_from_node(node_find(source, "status", "artifact", NULL), &unit->artifact)) {
        str delay = clock_format_duration(unit->a, options->requeue_dependency_ns);
        str message =
            str_printf(unit->a, "Source artifact not found, retrying in " STR_FMT, STR_ARG(delay));
        return hold(unit, "ArtifactFailed", message, options->requeue_dependency_ns, false);
    }
    *held_out = false;
    return NULL;
}

/* A dependency that is on its way becomes ready soon and wakes us: that is not worth a report. */
static err *take_dependencies(struct unit *unit, bool *held_out)
{
    const struct manager_options *options = manager_options_of(unit->work->manager);
    str source_key = dependency_source_key(unit->a, &unit->spec, unit->work->namespace);
    err *e AUTO(err_done) =
        dependency_check(unit->work, &unit->spec, source_key, unit->artifact.revision);
    *held_out = e;
    if (!e) {
        unit->memory->blocked_ns = 0;
        return NULL;
    }
    if (str_is(str_of(e->reason), "InvalidCELExpression")) return stall_expression(unit, e);
    int64_t now_ns = clock_now_ns();
    if (!unit->memory->blocked_ns) unit->memory->blocked_ns = now_ns;
    int64_t quiet_ns = unit->memory->blocked_ns + BLOCKED_AFTER_NS - now_ns;
    if (quiet_ns > 0) {
        unit_look_again(unit, quiet_ns);
        return NULL;
    }
    return hold(unit, "DependencyNotReady", str_dup(unit->a, err_text(e)),
                options->requeue_dependency_ns, false);
}

static err *take_variables(struct unit *unit, bool build)
{
    struct unit_memory *memory = unit->memory;
    bool remote = unit->spec.post_build.substitute_from.count;
    bool fresh = clock_now_ns() - memory->variables_ns < VARIABLES_FRESH_NS;
    if (remote && fresh && memory->variables_ns && !build) {
        unit_look_again(unit, VARIABLES_FRESH_NS);
        return NULL;
    }
    map_clear(&unit->variables);
    TRY(manifests_variables(manager_kube(unit->work->manager), unit->a, &unit->spec,
                            unit->work->namespace, &unit->variables, &memory->variables));
    memory->variables_ns = clock_now_ns();
    return NULL;
}

static void set_want(struct unit *unit)
{
    int64_t generation =
        node_get_int(node_get(unit->work->object, STR("metadata")), STR("generation"), 0);
    uint64_t want =
        hash_mix(hash_stable(unit->artifact.revision), hash_stable(unit->artifact.digest));
    want = hash_mix(want, (uint64_t)generation);
    want = hash_mix(want, unit->memory->variables);
    unit->want = want ? want : 1;
}

/* As they are now, the objects are ours. */
static void accept_all(struct unit *unit)
{
    for (size_t i = 0; i < unit->before.count; i++) {
        observed_accept(manager_observed(unit->work->manager), unit->before.refs[i], 0);
    }
}

/* After a restart: the status proves what was applied, the watches prove that it still is so. True
 * when nothing has to be applied again. *wait_out: the watches have not got their lists yet. */
static bool resume(struct unit *unit, bool *wait_out)
{
    struct manager *manager = unit->work->manager;
    *wait_out = false;
    str proof = node_get_str(unit->status.now, STR("observedState"));
    str applied = node_get_str(unit->status.now, STR("lastAppliedRevision"));
    if (!proof.len || !str_eq(applied, unit->artifact.revision)) return false;
    if (!status_object_is_ready(unit->work->object)) return false;
    unit->is_proven = !unit->spec.post_build.substitute_from.count;
    if (!observed_follow(manager_observed(manager), unit->owner, unit->before.refs,
                         unit->before.count)) {
        *wait_out = true;
        unit_look_again(unit, 5 * CLOCK_SECOND);
        return false;
    }
    if (!str_eq(state_digest(unit), proof)) return false;
    accept_all(unit);
    converge_remember_checks(unit, &unit->before);
    unit->memory->want = unit->want;
    unit->memory->finished = true;
    unit->memory->interval_ns = clock_now_ns() + manager_jitter(manager, unit->spec.interval_ns);
    return true;
}

static int64_t generation_of(const struct unit *unit)
{
    return node_get_int(node_get(unit->work->object, STR("metadata")), STR("generation"), 0);
}

/* After a restart, and the revision we should be at is refused: the last good one is taken up again
 * from the status, if its files are still to be had. */
static void restore_good(struct unit *unit)
{
    struct unit_memory *memory = unit->memory;
    struct observed *observed = manager_observed(unit->work->manager);
    struct artifact good, wanted = unit->artifact;
    uint64_t want = unit->want;
    str proof = node_get_str(unit->status.now, STR("observedState"));
    int64_t observed_generation = node_get_int(unit->status.now, STR("observedGeneration"), 0);
    if (memory->good_tree || observed_generation != generation_of(unit)) return;
    if (!artifact_from_node(status_get(&unit->status, "lastAppliedArtifact"), &good)) return;
    unit->artifact = good;
    converge_remember_good(unit);
    set_want(unit);
    bool followed = observed_follow(observed, unit->owner, unit->before.refs, unit->before.count);
    bool proven = followed && proof.len && str_eq(state_digest(unit), proof);
    if (proven) accept_all(unit);
    memory->unproven = memory->good_tree && !proven;
    unit->artifact = wanted;
    unit->want = want;
}

static void begin_want(struct unit *unit)
{
    struct unit_memory *memory = unit->memory;
    if (memory->waiting_ns && memory->want != unit->want) {
        str source = dependency_source_key(unit->a, &unit->spec, unit->work->namespace);
        unit_event(unit, MANAGER_INFO, "HealthCheckCanceled",
                   str_concat(unit->a,
                              STR("Health checks canceled due to new reconciliation triggered by "),
                              source));
    }
    if (memory->want != unit->want || memory->finished) memory->started_ns = clock_now_ns();
    memory->waiting_ns = 0;
    memory->announced = false;
}

static err *apply(struct unit *unit, bool healing)
{
    struct unit_memory *memory = unit->memory;
    enum converge_progress progress;
    bool was_ready = status_is(&unit->status, "Ready", "True");
    err *e = take_variables(unit, true);
    if (e) return fail(unit, e);
    begin_want(unit);
    status_put_str(&unit->status, "lastAttemptedRevision", unit->artifact.revision);
    e = converge_run(unit, &progress);
    if (err_is(e, ERR_CANCELED)) return e;
    if (e) {
        restore_good(unit);
        if (memory->unproven) unit_look_again(unit, CLOCK_MS);
        return fail(unit, e);
    }
    if (progress == CONVERGE_BLOCKED) return NULL;
    memory->want = unit->want;
    memory->failed_want = 0;
    memory->finished = false;
    return observe(unit, healing && was_ready);
}

/* The revision we should be at is refused or has to wait, and somebody changed what the last good
 * one made: that is healed all the same. The status goes on telling why. */
static err *heal_last_good(struct unit *unit)
{
    enum converge_progress progress;
    struct artifact wanted = unit->artifact;
    unit->artifact = artifact_copy(unit->a, &unit->memory->good);
    unit->is_proven = unit->memory->unproven && !unit->spec.post_build.substitute_from.count;
    err *e = take_variables(unit, true);
    unit->is_past = true;
    if (!e) e = converge_run(unit, &progress);
    unit->is_past = false;
    if (!e && progress == CONVERGE_APPLIED) unit->memory->unproven = false;
    unit->artifact = wanted;
    return e ? err_wrap(e, "healing revision " STR_FMT, STR_ARG(unit->memory->good.revision))
             : status_save(&unit->status);
}

static bool has_good(const struct unit *unit)
{
    return unit->memory->good_tree && unit->memory->good_generation == generation_of(unit);
}

static bool has_another_good(const struct unit *unit)
{
    return has_good(unit) && !str_eq(unit->memory->good.revision, unit->artifact.revision);
}

/* Some kinds may not be watched: what became of their objects is not known. */
static bool is_partly_blind(struct unit *unit)
{
    for (size_t i = 0; i < unit->before.count; i++) {
        struct observed_record record;
        observed_get(manager_observed(unit->work->manager), unit->a, unit->before.refs[i], &record);
        if (!record.watched) return true;
    }
    return false;
}

static enum checks_state health_now(struct unit *unit, struct checks_result *out)
{
    checks_run(unit->work, unit->memory->checks, unit->memory->check_count, &unit->health_exprs,
               out);
    return out->state;
}

/* Applied, healthy and reported. Does somebody ask, is it still healthy, is the interval over? */
static err *stay(struct unit *unit)
{
    struct unit_memory *memory = unit->memory;
    struct checks_result health;
    int64_t now_ns = clock_now_ns();
    if (status_is_requested(&unit->status)) {
        memory->started_ns = now_ns;
        return observe(unit, false);
    }
    bool due = now_ns >= memory->interval_ns;
    if (due)
        memory->interval_ns = now_ns + manager_jitter(unit->work->manager, unit->spec.interval_ns);
    if (due && is_partly_blind(unit)) return apply(unit, true);
    if (health_now(unit, &health) == CHECKS_FAILED) {
        return health_failure(unit, str_printf(unit->a, "health check failed: [" STR_FMT "]",
                                               STR_ARG(health.failed)));
    }
    unit_look_again(unit, memory->interval_ns - now_ns);
    return NULL;
}

/* What was refused last is not tried again before its time. Drift is healed all the same, and what
 * was only unhealthy is looked at. */
static err *stay_refused(struct unit *unit, bool drifted)
{
    struct unit_memory *memory = unit->memory;
    struct checks_result health;
    if (drifted || memory->unproven) {
        if (!has_another_good(unit)) return apply(unit, false);
        unit_look_again(unit, memory->retry_ns - clock_now_ns());
        return heal_last_good(unit);
    }
    if (memory->unhealthy && health_now(unit, &health) == CHECKS_PASSED) {
        memory->want = unit->want;
        memory->failed_want = 0;
        return observe(unit, false);
    }
    unit_look_again(unit, memory->retry_ns - clock_now_ns());
    return NULL;
}

/* A dependency holds the unit back from what is new. Its variables may be among what it waits for:
 * without them nothing is healed. */
static err *stay_held(struct unit *unit)
{
    err *e AUTO(err_done) = take_variables(unit, false);
    if (e) return NULL;
    restore_good(unit);
    bool drifted = converge_has_drifted(unit) || unit->memory->unproven;
    return drifted && has_good(unit) ? heal_last_good(unit) : NULL;
}

static err *converge(struct unit *unit)
{
    struct unit_memory *memory = unit->memory;
    bool held, waiting;
    const char *field = unsupported_field(&unit->spec);
    if (field) {
        return stall(unit, "UnsupportedField",
                     str_printf(unit->a, "%s is not supported by this version of fixpoint", field));
    }
    err *e = health_expr_compile(unit->a, &unit->spec, &unit->health_exprs);
    if (e) {
        err *saved = stall_expression(unit, e);
        err_free(e);
        return saved;
    }
    TRY(take_source(unit, &held));
    if (held) return NULL;
    unit->step = unit_step(unit, "Fetching manifests");
    TRY(take_dependencies(unit, &held));
    if (held) return stay_held(unit);
    e = take_variables(unit, false);
    if (e) return fail(unit, e);
    set_want(unit);
    bool requested = status_is_requested(&unit->status);
    if (!memory->want && !memory->failed_want && !requested) {
        if (resume(unit, &waiting)) return stay(unit);
        if (waiting) return NULL;
    }
    bool drifted = converge_has_drifted(unit);
    if (memory->want == unit->want && !drifted) {
        unit->built_digest = str_dup(unit->a, memory->built_digest);
        return memory->finished ? stay(unit) : observe(unit, false);
    }
    bool refused = memory->failed_want == unit->want && memory->retry_ns > clock_now_ns();
    if (refused && !requested) return stay_refused(unit, drifted);
    return apply(unit, memory->want == unit->want);
}

/* ---- the end of a unit ---- */

static bool is_to_be_pruned(const struct unit *unit)
{
    if (unit->spec.suspend) return false;
    switch ((enum kustomization_deletion)unit->spec.deletion_policy) {
    case KUSTOMIZATION_MIRROR_PRUNE:
        return unit->spec.prune;
    case KUSTOMIZATION_DELETE:
    case KUSTOMIZATION_WAIT_FOR_TERMINATION:
        return true;
    case KUSTOMIZATION_ORPHAN:
        return false;
    }
    return false;
}

static err *delete_all(struct unit *unit, bool *done_out)
{
    struct manager *manager = unit->work->manager;
    struct prune_options options = {unit->work->name, unit->work->namespace, unit->work->cancel};
    struct prune_result result;
    prune_run(manager_kube(manager), manager_observed(manager), unit->a, &unit->before, &options,
              &result);
    *done_out = true;
    if (result.error) return err_wrap(result.error, "pruning for deleted resource failed");
    if (unit->spec.deletion_policy != KUSTOMIZATION_WAIT_FOR_TERMINATION) return NULL;
    if (!unit->memory->waiting_ns) unit->memory->waiting_ns = clock_now_ns();
    bool late = clock_now_ns() - unit->memory->waiting_ns > unit_timeout_ns(unit);
    *done_out = late || !prune_left(manager_kube(manager), unit->a, &result.deleted);
    if (late) {
        unit_event(unit, MANAGER_ERROR, "ReconciliationFailed",
                   STR("failed to wait for resources termination"));
    }
    return NULL;
}

static err *finalize(struct unit *unit)
{
    bool done = true;
    if (is_to_be_pruned(unit) && unit->before.count) TRY(delete_all(unit, &done));
    if (!done) {
        unit_look_again(unit, 2 * CLOCK_SECOND);
        return NULL;
    }
    for (size_t i = 0; i < unit->before.count; i++) {
        observed_forget(manager_observed(unit->work->manager), unit->before.refs[i], unit->owner);
    }
    return status_remove_finalizer(unit->work);
}

/* ---- one run ---- */

static err *run(struct unit *unit)
{
    struct work *work = unit->work;
    bool deleting = node_find(work->object, "metadata", "deletionTimestamp", NULL);
    err *e = kustomization_spec_decode(unit->a, work->object, &unit->spec);
    if (deleting) {
        err_free(e); /* what could be read decides; the inventory is all that deleting needs */
        return finalize(unit);
    }
    if (e) {
        str message = str_dup(unit->a, err_text(e));
        err_free(e);
        return stall(unit, "InvalidSpec", message);
    }
    TRY(status_add_finalizer(work));
    if (unit->spec.suspend) {
        log_debug("Reconciliation is suspended for this object", LOG_STR("name", work->name),
                  LOG_STR("namespace", work->namespace));
        return NULL;
    }
    return converge(unit);
}

static err *reconcile(struct work *work, struct outcome *out)
{
    if (!*work->memory) *work->memory = unit_new();
    struct unit unit = {
        .work = work,
        .a = work->a,
        .memory = *work->memory,
        .status = status_begin(work, FIELD_MANAGER),
        .owner =
            str_printf(work->a, STR_FMT "/" STR_FMT, STR_ARG(work->namespace), STR_ARG(work->name)),
        .out = out,
    };
    unit.key = str_concat(work->a, STR("Kustomization/"), unit.owner);
    size_t bad;
    inventory_read(work->a, status_get(&unit.status, "inventory"), &unit.before, &bad);
    err *e = run(&unit);
    map_done(&unit.variables);
    return e;
}

/* The files of the last good revision stay while a newer one may be refused. */
static void seen(struct manager *manager, str key, const node *object)
{
    const node *artifact = node_find(object, "status", "lastAppliedArtifact", NULL);
    artifact_hold(manager_artifacts(manager), key, node_get_str(artifact, STR("path")));
}

/* ---- who has to look when something else changes ---- */

static void refs(arena *a, const node *object, str **keys_out, size_t *count_out)
{
    str *keys = NULL;
    size_t count = 0, room = 0;
    str namespace = node_find_str(object, "metadata", "namespace", NULL);
    struct kustomization_spec spec;
    err *e AUTO(err_done) = kustomization_spec_decode(a, object, &spec);
    if (!e) {
        *ARENA_PUSH(a, keys, count, room) = dependency_source_key(a, &spec, namespace);
        for (size_t i = 0; i < spec.depends_on.count; i++) {
            *ARENA_PUSH(a, keys, count, room) =
                dependency_key(a, &spec.depends_on.items[i], namespace);
        }
        for (size_t i = 0; i < spec.post_build.substitute_from.count; i++) {
            const struct kustomization_variables *from = &spec.post_build.substitute_from.items[i];
            *ARENA_PUSH(a, keys, count, room) = objects_key(a, from->kind, namespace, from->name);
        }
    }
    *keys_out = keys;
    *count_out = count;
}

static bool has_ready_expr(const node *object)
{
    NODE_EACH (node_find(object, "spec", "dependsOn", NULL), dependency) {
        if (node_get_str(dependency, STR("readyExpr")).len) return true;
    }
    return false;
}

/* A dependency wakes us when it is ready, or may be by our expression, a source when it has an
 * artifact. */
static bool wants(const node *object, str changed_key, const node *changed)
{
    if (!changed) return true;
    if (str_starts(changed_key, STR("Kustomization/")))
        return status_object_is_ready(changed) || has_ready_expr(object);
    return node_find(changed, "status", "artifact", NULL);
}

CONTROLLER(kustomization) = {
    .name = "kustomization",
    .kind = {{"kustomize.toolkit.fluxcd.io", 27}, {"v1", 2}, {"Kustomization", 13}},
    .plural = "kustomizations",
    .component = "kustomize-controller",
    .reconcile = reconcile,
    .refs = refs,
    .wants = wants,
    .forget = forget,
    .seen = seen,
};
