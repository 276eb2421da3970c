/*
 * The middle of a unit's run: from the files of an artifact to the cluster.
 * DESIGN: the life of a revision, steps 2 to 7. It may be left at any point: the
 * next run finds what is done (SUBMIT_KEEP) and goes on with the rest.
 */
#include "control/converge.h"

#include <stdlib.h>
#include <string.h>

#include "apply/drift.h"
#include "apply/prune.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"

#define FIGHT_CALM_NS      (120 * CLOCK_SECOND) /* quiet for that long: the fight is over */
#define FIGHT_FREE_ROUNDS  3                    /* healed at once that often */
#define FIGHT_PAUSE_MAX_NS (600 * CLOCK_SECOND)
#define STAGE_TIMEOUT_NS   (60 * CLOCK_SECOND)

/* ---- drift ---- */

/* The time that is left until the object may be healed again. */
static int64_t pause_left(struct unit *unit, struct kube_ref ref)
{
    const struct unit_fight *fight = unit_fight(unit->memory, inventory_id(unit->a, ref), false);
    return fight ? MAX(fight->next_ns - clock_now_ns(), (int64_t)0) : 0;
}

static int count_round(struct unit *unit, struct kube_ref ref)
{
    struct unit_fight *fight = unit_fight(unit->memory, inventory_id(unit->a, ref), true);
    int64_t now_ns = clock_now_ns(), pause_ns = 0;
    if (now_ns - fight->healed_ns > FIGHT_CALM_NS + (fight->next_ns - fight->healed_ns)) {
        fight->rounds = 0;
    }
    fight->rounds++;
    for (int i = FIGHT_FREE_ROUNDS; i < fight->rounds && pause_ns < FIGHT_PAUSE_MAX_NS; i++) {
        pause_ns = pause_ns ? pause_ns * 2 : CLOCK_SECOND;
    }
    fight->healed_ns = now_ns;
    fight->next_ns = now_ns + MIN(pause_ns, FIGHT_PAUSE_MAX_NS);
    return fight->rounds;
}

/* Another unit has it, or had it and let go of it: then there is no record either. */
static bool is_lost(const struct unit *unit, const struct observed_record *record)
{
    if (!record->watched) return false;
    if (!record->exists) return !record->expected;
    return record->owner.len && !str_eq(record->owner, unit->owner);
}

bool converge_has_drifted(struct unit *unit)
{
    bool drifted = false;
    for (size_t i = 0; i < unit->before.count; i++) {
        struct observed_record record;
        observed_get(manager_observed(unit->work->manager), unit->a, unit->before.refs[i], &record);
        bool lost = unit->memory->finished && is_lost(unit, &record);
        if (!lost && !observed_has_drifted(&record)) continue;
        if (!unit->memory->drifted_ns) unit->memory->drifted_ns = clock_now_ns();
        int64_t left_ns = pause_left(unit, unit->before.refs[i]);
        if (left_ns > 0) {
            unit_look_again(unit, left_ns);
        } else {
            drifted = true;
        }
    }
    return drifted;
}

/* ---- plan ---- */

/* An object that another unit keeps: one that has it in its inventory and is at its source's
 * revision, so it means to have it. One that is behind may be about to let go of it (an object that
 * moved); but we may be the one who has to, when what we bring back is of the past. */
static bool is_kept_by(struct unit *unit, const struct piece *piece, str owner)
{
    str namespace, name;
    if (!str_cut(owner, '/', &namespace, &name)) return false;
    struct manager *manager = unit->work->manager;
    node *other = manager_get(manager, unit->a, STR("Kustomization"), namespace, name);
    if (!other || node_find(other, "metadata", "deletionTimestamp", NULL)) return false;
    struct inventory theirs;
    size_t bad;
    inventory_read(unit->a, node_find(other, "status", "inventory", NULL), &theirs, &bad);
    if (!inventory_has(unit->a, &theirs, piece->ref)) return false;
    if (unit->is_past) return true;
    node *source_ref = node_find(other, "spec", "sourceRef", NULL);
    str source_namespace = node_get_str(source_ref, STR("namespace"));
    node *source = manager_get(manager, unit->a, node_get_str(source_ref, STR("kind")),
                               source_namespace.len ? source_namespace : namespace,
                               node_get_str(source_ref, STR("name")));
    str wanted = node_find_str(source, "status", "artifact", "revision", NULL);
    return !source || str_eq(wanted, node_find_str(other, "status", "lastAppliedRevision", NULL));
}

static err *plan_piece(struct unit *unit, struct piece *piece)
{
    struct observed_record record;
    observed_get(manager_observed(unit->work->manager), unit->a, piece->ref, &record);
    if (piece->state == SUBMIT_SKIP || piece->error) return NULL;
    if (record.exists && record.owner.len && !str_eq(record.owner, unit->owner) &&
        is_kept_by(unit, piece, record.owner)) {
        if (unit->is_past) {
            piece->state = SUBMIT_SKIP;
            return NULL;
        }
        str ref = kube_ref_text(unit->a, piece->ref);
        return err_invalid(STR_FMT " belongs to the Kustomization '" STR_FMT
                                   "' already; remove it from one of the two",
                           STR_ARG(ref), STR_ARG(record.owner));
    }
    bool proven = unit->is_proven && record.watched && !record.expected;
    if (proven) {
        /* Changed while we were away, or as it was: looking at it tells. */
        piece->drifted = piece->unsure = true;
        piece->state = SUBMIT_HEAL;
        return NULL;
    }
    if (!record.watched || !record.expected || record.desired != piece->desired) return NULL;
    if (!observed_has_drifted(&record)) {
        piece->state = SUBMIT_KEEP;
        return NULL;
    }
    piece->drifted = true;
    piece->state = pause_left(unit, piece->ref) > 0 ? SUBMIT_KEEP : SUBMIT_HEAL;
    return NULL;
}

/* Decides what has to be done for each piece. All conflicts are reported in one error. */
static err *plan(struct unit *unit, struct pieces *pieces)
{
    buf text = BUF(unit->a);
    for (size_t i = 0; i < pieces->count; i++) {
        err *e AUTO(err_done) = plan_piece(unit, &pieces->items[i]);
        if (!e) continue;
        if (text.len) buf_add_char(&text, '\n');
        buf_add(&text, err_text(e));
    }
    if (!text.len) return NULL;
    return err_new(ERR_INVALID, "ReconciliationFailed", STR_FMT, STR_ARG(buf_str(&text)));
}

static size_t count_in(const struct pieces *pieces, enum submit_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < pieces->count; i++)
        count += pieces->items[i].state == state;
    return count;
}

/* ---- write ahead ---- */

void converge_remember_good(struct unit *unit)
{
    struct unit_memory *memory = unit->memory;
    struct artifact_tree *tree = NULL;
    err *e AUTO(err_done) = artifact_tree(manager_artifacts(unit->work->manager), &unit->artifact,
                                          unit->work->cancel, &tree);
    if (e) return; /* gone meanwhile: then drift is healed once it is there again */
    artifact_tree_unref(memory->good_tree);
    memory->good_tree = tree;
    arena kept = {0}, measure AUTO(arena_done) = {0};
    artifact_copy(&measure, &unit->artifact);
    str_dup(&measure, unit->built_digest);
    arena_fit(&kept, measure.used_bytes);
    memory->good = artifact_copy(&kept, &unit->artifact);
    memory->built_digest = str_dup(&kept, unit->built_digest);
    /* Only now: the unit's texts may be those of before. */
    arena_done(&memory->good_arena);
    memory->good_arena = kept;
    memory->good_generation =
        node_get_int(node_get(unit->work->object, STR("metadata")), STR("generation"), 0);
}

static void inventory_of(struct unit *unit, const struct pieces *pieces, struct inventory *out)
{
    *out = (struct inventory){0};
    for (size_t i = 0; i < pieces->count; i++)
        inventory_add(unit->a, out, pieces->items[i].ref);
}

/* What we are about to create is in the status before it is created. */
static err *write_ahead(struct unit *unit, const struct inventory *now)
{
    struct inventory added, both;
    inventory_minus(unit->a, now, &unit->before, &added);
    if (!added.count) return NULL;
    inventory_union(unit->a, &unit->before, now, &both);
    status_put(&unit->status, "inventory", inventory_write(unit->a, &both));
    status_put_str(&unit->status, "lastAttemptedRevision", unit->artifact.revision);
    status_set(&unit->status, "Ready", "Unknown", STR("Progressing"),
               STR("Reconciliation in progress"));
    status_reconciling(&unit->status, STR("Progressing"), unit->step);
    TRY(status_save(&unit->status));
    unit->before = both;
    return NULL;
}

/* ---- apply ---- */

/* Everything of a stage that others build upon is there and ready. */
static bool is_stage_ready(struct unit *unit, const struct pieces *pieces, enum order_stage stage,
                           buf *waiting)
{
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        if (piece->stage != stage || piece->state == SUBMIT_SKIP) continue;
        struct observed_record record;
        observed_get(manager_observed(unit->work->manager), unit->a, piece->ref, &record);
        if (!record.watched || record.health == HEALTH_CURRENT) continue;
        str ref = kube_ref_text(unit->a, piece->ref);
        buf_printf(waiting, "%s" STR_FMT " status: '%s'", waiting->len ? ", " : "", STR_ARG(ref),
                   health_name(record.health));
    }
    return !waiting->len;
}

/* Waits for definitions and classes without holding the worker. */
static err *await_stage(struct unit *unit, const struct pieces *pieces, enum order_stage stage,
                        bool *ready_out)
{
    buf waiting = BUF(unit->a);
    *ready_out = stage > ORDER_CLASSES || is_stage_ready(unit, pieces, stage, &waiting);
    if (*ready_out) return NULL;
    int64_t now_ns = clock_now_ns();
    if (!unit->memory->stage_ns) unit->memory->stage_ns = now_ns;
    if (now_ns - unit->memory->stage_ns > STAGE_TIMEOUT_NS) {
        unit->memory->stage_ns = 0;
        return err_new(ERR_INVALID, "ReconciliationFailed", "timeout waiting for: [" STR_FMT "]",
                       STR_ARG(buf_str(&waiting)));
    }
    unit_look_again(unit, 2 * CLOCK_SECOND);
    return NULL;
}

static void report_changes(struct unit *unit, const struct pieces *pieces)
{
    buf lines = BUF(unit->a);
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        bool changed = piece->action == SUBMIT_CREATED || piece->action == SUBMIT_CONFIGURED;
        if (piece->state != SUBMIT_DONE || !changed || piece->drifted) continue;
        str ref = kube_ref_text(unit->a, piece->ref);
        buf_printf(&lines, "%s" STR_FMT " %s", lines.len ? "\n" : "", STR_ARG(ref),
                   submit_action_name(piece->action));
    }
    if (lines.len) unit_event(unit, MANAGER_INFO, "Progressing", buf_str(&lines));
}

/* The name of the first one, for the notice that all is well again. */
static void note_healed(struct unit_memory *memory, str object)
{
    str head = str_head_utf8(object, sizeof memory->healed_first - 1);
    memcpy(memory->healed_first, head.data, head.len);
    memory->healed_first[head.len] = 0;
}

static const double heal_buckets[] = {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600};
METRIC(drift_seconds) = {
    .name = "fixpoint_drift_seconds",
    .help = "From the moment that drift of a unit was seen until it was healed.",
    .type = METRIC_HISTOGRAM,
    .labels = {"namespace"},
    .buckets = heal_buckets,
    .bucket_count = COUNT(heal_buckets),
};

static void report_drift(struct unit *unit, const struct pieces *pieces)
{
    size_t healed = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        if (!piece->drifted || piece->state != SUBMIT_DONE) continue;
        if (piece->action == SUBMIT_UNCHANGED) continue;
        struct drift_detail detail;
        str text = drift_explain(unit->a, piece, &detail);
        int rounds = count_round(unit, piece->ref);
        if (rounds > FIGHT_FREE_ROUNDS) text = drift_advise(unit->a, text, rounds);
        unit_drift(unit, text, &detail);
        unit->memory->healed++;
        healed++;
        if (unit->memory->healed == 1) note_healed(unit->memory, detail.object);
    }
    if (healed && unit->memory->drifted_ns) {
        metrics_observe(&metric_drift_seconds, (str[]){unit->work->namespace},
                        (double)(clock_now_ns() - unit->memory->drifted_ns) / 1e9);
    }
    unit->memory->drifted_ns = 0;
}

/* True when the watches of all kinds have their lists. */
static bool follow(struct unit *unit, const struct pieces *pieces)
{
    struct kube_ref *refs = NEW_ARRAY(unit->a, struct kube_ref, pieces->count + 1);
    for (size_t i = 0; i < pieces->count; i++)
        refs[i] = pieces->items[i].ref;
    return observed_follow(manager_observed(unit->work->manager), unit->owner, refs, pieces->count);
}

static err *apply_stages(struct unit *unit, struct pieces *pieces, bool *done_out)
{
    struct manager *manager = unit->work->manager;
    *done_out = false;
    for (enum order_stage stage = 0; stage < ORDER_STAGES; stage++) {
        bool busy, ready;
        /* What waited for an earlier stage can be validated now. */
        bool late = stage == ORDER_CONFIG && count_in(pieces, SUBMIT_LATER);
        if (late) {
            kube_forget(manager_kube(manager));
            TRY(submit_validate(manager_kube(manager), pieces, true, unit->work->cancel));
            follow(unit, pieces); /* kinds of this very revision; their lists come when they come */
        }
        TRY(submit_apply(manager_kube(manager), manager_observed(manager), pieces, stage,
                         unit->work->cancel, &busy));
        if (busy) unit_look_again(unit, CLOCK_SECOND);
        if (busy) return NULL;
        TRY(await_stage(unit, pieces, stage, &ready));
        if (!ready) return NULL;
    }
    if (count_in(pieces, SUBMIT_LATER)) {
        unit_look_again(unit, CLOCK_SECOND / 2);
        return NULL;
    }
    unit->memory->stage_ns = 0;
    *done_out = true;
    return NULL;
}

/* compat: what failed, then what was changed before it did. */
static err *with_changes(struct unit *unit, const struct pieces *pieces, err *e)
{
    buf text = BUF(unit->a);
    buf_add(&text, err_text(e));
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        if (piece->state != SUBMIT_DONE || piece->action == SUBMIT_UNCHANGED) continue;
        str ref = kube_ref_text(unit->a, piece->ref);
        buf_printf(&text, "\n" STR_FMT " %s", STR_ARG(ref), submit_action_name(piece->action));
    }
    err *whole = err_new(e->kind, "ReconciliationFailed", STR_FMT, STR_ARG(buf_str(&text)));
    err_free(e);
    return whole;
}

/* ---- prune ---- */

static void report_pruned(struct unit *unit, const struct prune_result *result)
{
    buf lines = BUF(unit->a);
    for (size_t i = 0; i < result->deleted.count; i++) {
        str ref = kube_ref_text(unit->a, result->deleted.refs[i]);
        buf_printf(&lines, "%s" STR_FMT " deleted", lines.len ? "\n" : "", STR_ARG(ref));
    }
    if (lines.len) unit_event(unit, MANAGER_INFO, "Progressing", buf_str(&lines));
}

static err *prune(struct unit *unit, struct inventory *now)
{
    struct inventory stale;
    inventory_minus(unit->a, &unit->before, now, &stale);
    if (!stale.count || !unit->spec.prune) return NULL;
    struct manager *manager = unit->work->manager;
    struct prune_options options = {unit->work->name, unit->work->namespace, unit->work->cancel};
    struct prune_result result;
    prune_run(manager_kube(manager), manager_observed(manager), unit->a, &stale, &options, &result);
    report_pruned(unit, &result);
    /* What could not be deleted stays in the inventory, so that it is tried again. */
    for (size_t i = 0; i < result.failed.count; i++)
        inventory_add(unit->a, now, result.failed.refs[i]);
    return err_because(result.error, "PruneFailed");
}

/* ---- all of it ---- */

static err *build(struct unit *unit, struct pieces *out)
{
    struct artifact_tree *files AUTO(artifact_tree_done) = NULL;
    struct tree *tree AUTO(tree_unref_done) = NULL;
    struct manifests manifests;
    TRY(err_because(artifact_tree(manager_artifacts(unit->work->manager), &unit->artifact,
                                  unit->work->cancel, &files),
                    "ArtifactFailed"));
    TRY(err_because(tree_open(artifact_tree_folder(files), &tree), "ArtifactFailed"));
    unit->step = unit_step(unit, "Building manifests");
    TRY(manifests_build(unit->a,
                        &(struct manifests_options){
                            .tree = tree,
                            .path = unit->spec.path,
                            .name = unit->work->name,
                            .namespace = unit->work->namespace,
                            .spec = &unit->spec,
                            .variables = &unit->variables,
                            .keep_refused = true,
                        },
                        &manifests));
    unit->built_digest = manifests.digest;
    *out = (struct pieces){
        .items = manifests.pieces,
        .count = manifests.count,
        .owner = unit->owner,
        .force = unit->spec.force,
        .yields = unit->is_past,
        .a = unit->a,
    };
    return NULL;
}

/* What the spec asks to be healthy. */
static void wanted_checks(struct unit *unit, const struct inventory *applied,
                          struct inventory *checks)
{
    if (unit->spec.wait) {
        *checks = *applied;
        return;
    }
    for (size_t i = 0; i < unit->spec.health_checks.count; i++) {
        const struct kustomization_health_check *check = &unit->spec.health_checks.items[i];
        str version = check->api_version.len ? check->api_version : STR("apps/v1");
        inventory_add(unit->a, checks,
                      (struct kube_ref){kube_kind_parse(version, check->kind), check->namespace,
                                        check->name});
    }
}

static struct kube_ref *copy_refs(arena *a, const struct inventory *from)
{
    struct kube_ref *refs = NEW_ARRAY(a, struct kube_ref, from->count);
    for (size_t i = 0; i < from->count; i++) {
        refs[i] = from->refs[i];
        str *texts[] = {&refs[i].kind.group, &refs[i].kind.version, &refs[i].kind.kind,
                        &refs[i].namespace, &refs[i].name};
        for (size_t k = 0; k < COUNT(texts); k++)
            *texts[k] = str_dup(a, *texts[k]);
    }
    return refs;
}

void converge_remember_checks(struct unit *unit, const struct inventory *applied)
{
    struct unit_memory *memory = unit->memory;
    arena measure AUTO(arena_done) = {0};
    struct inventory checks = {0};
    wanted_checks(unit, applied, &checks);
    copy_refs(&measure, &checks);
    arena_done(&memory->checks_arena);
    arena_fit(&memory->checks_arena, measure.used_bytes);
    memory->checks = copy_refs(&memory->checks_arena, &checks);
    memory->check_count = checks.count;
}

/* What is switched off is in the inventory, but nobody waits for it. */
static void applied_refs(struct unit *unit, const struct pieces *pieces, struct inventory *out)
{
    *out = (struct inventory){0};
    for (size_t i = 0; i < pieces->count; i++) {
        if (pieces->items[i].state != SUBMIT_SKIP)
            inventory_add(unit->a, out, pieces->items[i].ref);
    }
}

/* An object of a cluster-scoped kind has no namespace, whatever its manifest says: its identity is
 * that of the object the server keeps. */
static void settle_scopes(struct unit *unit, struct pieces *pieces)
{
    struct kube *kube = manager_kube(unit->work->manager);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        struct kube_resource resource;
        if (!piece->ref.namespace.len) continue;
        err *e AUTO(err_done) = kube_resource_of(kube, unit->a, piece->ref.kind, &resource);
        if (e || resource.namespaced) continue;
        piece->ref.namespace = (str){0};
        node_unset(node_get(piece->object, STR("metadata")), STR("namespace"));
        piece->desired = node_hash(piece->object);
    }
}

static err *apply_pieces(struct unit *unit, struct pieces *pieces, enum converge_progress *out)
{
    struct manager *manager = unit->work->manager;
    struct inventory now;
    bool done;
    *out = CONVERGE_BLOCKED;
    settle_scopes(unit, pieces);
    if (!follow(unit, pieces)) {
        unit_look_again(unit, 5 * CLOCK_SECOND);
        return NULL;
    }
    unit->step = unit_step(unit, "Detecting drift");
    TRY(plan(unit, pieces));
    TRY(err_because(
        drift_look(manager_kube(manager), manager_observed(manager), pieces, unit->work->cancel),
        "ReconciliationFailed"));
    err *e = submit_validate(manager_kube(manager), pieces, false, unit->work->cancel);
    if (e) return str_is(str_of(e->reason), "NoMatch") ? e : err_because(e, "ReconciliationFailed");
    inventory_of(unit, pieces, &now);
    TRY(write_ahead(unit, &now));
    e = apply_stages(unit, pieces, &done);
    report_changes(unit, pieces);
    report_drift(unit, pieces);
    if (e) return with_changes(unit, pieces, e);
    if (!done) return NULL;
    e = prune(unit, &now);
    unit->shrunk = now.count != unit->before.count;
    status_put(&unit->status, "inventory", inventory_write(unit->a, &now));
    unit->before = now;
    TRY(e);
    struct inventory applied;
    applied_refs(unit, pieces, &applied);
    converge_remember_checks(unit, &applied);
    converge_remember_good(unit);
    *out = CONVERGE_APPLIED;
    return NULL;
}

err *converge_run(struct unit *unit, enum converge_progress *out)
{
    struct pieces pieces;
    TRY(build(unit, &pieces));
    err *e = apply_pieces(unit, &pieces, out);
    submit_done(&pieces);
    return e;
}
