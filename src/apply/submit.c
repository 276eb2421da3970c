#include "apply/submit.h"

#include <stdlib.h>

#include "apply/handover.h"
#include "base/buf.h"

const char *submit_action_name(enum submit_action action)
{
    static const char *const names[] = {"skipped", "created", "configured", "unchanged"};
    return names[action];
}

static int by_order(const void *a, const void *b)
{
    return order_compare(((const struct piece *)a)->ref, ((const struct piece *)b)->ref);
}

void submit_sort(struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++) {
        pieces->items[i].stage = order_stage_of(pieces->items[i].ref);
    }
    if (pieces->count) qsort(pieces->items, pieces->count, sizeof *pieces->items, by_order);
}

void submit_done(struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++) {
        err_free(pieces->items[i].error);
        pieces->items[i].error = NULL;
    }
}

/* ---- a batch over some of the pieces ---- */

struct batch {
    struct pieces *pieces;
    struct observed *observed;
    struct kube_request *requests;
    size_t *indexes; /* of the piece of each request */
    size_t count;
};

static struct batch batch_new(struct pieces *pieces)
{
    return (struct batch){
        .pieces = pieces,
        .requests = NEW_ARRAY(pieces->a, struct kube_request, pieces->count + 1),
        .indexes = NEW_ARRAY(pieces->a, size_t, pieces->count + 1),
    };
}

static void batch_add(struct batch *batch, size_t index, struct kube_request request)
{
    batch->indexes[batch->count] = index;
    batch->requests[batch->count++] = request;
}

static struct piece *batch_piece(struct batch *batch, size_t index)
{
    return &batch->pieces->items[batch->indexes[index]];
}

static struct kube_request apply_request(const struct pieces *pieces, const struct piece *piece,
                                         bool dry_run)
{
    if (pieces->yields && piece->live)
        node_set_str(pieces->a, node_get(piece->object, STR("metadata")), STR("resourceVersion"),
                     piece->live_version);
    return (struct kube_request){
        .verb = KUBE_APPLY,
        .ref = piece->ref,
        .body = piece->object,
        .dry_run = dry_run,
        .force = true,
        .field_manager = STR(OBSERVED_FIELD_MANAGER),
    };
}

/* ---- validation ---- */

/* Does this set bring the definition or the namespace that the piece lacks? */
static bool is_brought(const struct pieces *pieces, const struct piece *piece, bool kind_missing)
{
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *other = &pieces->items[i];
        if (other->state == SUBMIT_SKIP) continue;
        if (!kind_missing && str_is(other->ref.kind.kind, "Namespace") &&
            !other->ref.kind.group.len && str_eq(other->ref.name, piece->ref.namespace)) {
            return true;
        }
        if (!kind_missing || !str_is(other->ref.kind.kind, "CustomResourceDefinition")) continue;
        if (str_eq(node_find_str(other->object, "spec", "group", NULL), piece->ref.kind.group) &&
            str_eq(node_find_str(other->object, "spec", "names", "kind", NULL),
                   piece->ref.kind.kind)) {
            return true;
        }
    }
    return false;
}

/* compat: what Flux takes for "cannot be changed, only replaced". */
static bool is_immutable(const err *e)
{
    return e->status == 409 || e->status == 422 ||
           str_find(err_text(e), STR("is immutable")) >= 0 ||
           str_find(err_text(e), STR("immutable field")) >= 0;
}

static bool is_forced(const struct pieces *pieces, const struct piece *piece)
{
    return pieces->force || prepare_is_forced(piece->object);
}

/* compat: the texts of Flux. */
static err *refusal(arena *a, const struct piece *piece, err *e)
{
    str ref = kube_ref_text(a, piece->ref);
    if (e->kind == ERR_NOT_FOUND && !str_is(str_of(e->reason), "NoMatch")) {
        if (!piece->ref.namespace.len) {
            return err_wrap(e, STR_FMT " namespace not specified", STR_ARG(ref));
        }
        return err_wrap(e, STR_FMT " not found", STR_ARG(ref));
    }
    if (!e->reason[0]) return err_wrap(e, STR_FMT " dry-run failed", STR_ARG(ref));
    return err_wrap(e, STR_FMT " dry-run failed (%s)", STR_ARG(ref), e->reason);
}

static void on_dry_run(void *context, size_t index, arena *scratch, node *object, err *e)
{
    struct batch *batch = context;
    struct piece *piece = batch_piece(batch, index);
    arena *a = batch->pieces->a;
    if (!e) {
        piece->live_version =
            str_dup(a, node_find_str(object, "metadata", "resourceVersion", NULL));
        piece->live_uid = str_dup(a, node_find_str(object, "metadata", "uid", NULL));
        piece->exists = piece->live_version.len;
        if (batch->pieces->keep_answers) piece->applied = doc_copy(a, object);
        enum prepare_policy policy = prepare_policy_of(object);
        bool keep_out = piece->exists && policy == PREPARE_IGNORE;
        if (piece->exists && prepare_policy_of(piece->object) == PREPARE_IF_NOT_PRESENT)
            keep_out = true;
        piece->state = keep_out ? SUBMIT_SKIP : SUBMIT_CHANGE;
        if (piece->exists && policy != PREPARE_MERGE) {
            node *patch = handover_patch(scratch, object, OBSERVED_FIELD_MANAGER);
            piece->handover = patch ? doc_copy(a, patch) : NULL;
        }
        return;
    }
    bool kind_missing = e->kind == ERR_NOT_FOUND && str_is(str_of(e->reason), "NoMatch");
    if (e->kind == ERR_NOT_FOUND && is_brought(batch->pieces, piece, kind_missing)) {
        err_free(e);
        piece->state = SUBMIT_LATER;
        return;
    }
    if (is_immutable(e) && is_forced(batch->pieces, piece)) {
        err_free(e);
        piece->recreate = true;
        return;
    }
    piece->error = refusal(scratch, piece, e);
}

/* A replacement cannot be tried as a change. Tried as a creation, an object that would be accepted
 * is refused only because it exists. */
static void on_dry_create(void *context, size_t index, arena *scratch, node *object UNUSED, err *e)
{
    struct batch *batch = context;
    struct piece *piece = batch_piece(batch, index);
    if (!e || str_is(str_of(e->reason), "AlreadyExists")) {
        err_free(e);
        return;
    }
    piece->error = refusal(scratch, piece, e);
}

/* All refusals as one error, which stays transient only if every single one is. */
static err *collect(struct pieces *pieces)
{
    buf text AUTO(buf_done) = {0};
    bool transient = true, canceled = false, no_match = true;
    const char *reason = "";
    size_t count = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const err *e = pieces->items[i].error;
        if (!e) continue;
        if (count++) buf_add_char(&text, '\n');
        buf_add(&text, err_text(e));
        transient &= e->kind == ERR_TRANSIENT;
        canceled |= e->kind == ERR_CANCELED;
        no_match &= str_is(str_of(e->reason), "NoMatch");
        reason = no_match ? "NoMatch" : "";
    }
    if (!count) return NULL;
    enum err_kind kind = canceled ? ERR_CANCELED : transient ? ERR_TRANSIENT : ERR_INVALID;
    return err_new(kind, reason, STR_FMT, STR_ARG(buf_str(&text)));
}

err *submit_validate(struct kube *kube, struct pieces *pieces, bool late, const atomic_bool *cancel)
{
    struct batch batch = batch_new(pieces);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        bool wanted = piece->state == (late ? SUBMIT_LATER : SUBMIT_CHANGE);
        if (wanted && !piece->error) batch_add(&batch, i, apply_request(pieces, piece, true));
    }
    kube_batch(kube, batch.requests, batch.count, cancel, on_dry_run, &batch);

    struct batch creates = batch_new(pieces);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        if (!piece->recreate || piece->error) continue;
        struct kube_request request = apply_request(pieces, piece, true);
        request.verb = KUBE_CREATE;
        batch_add(&creates, i, request);
    }
    kube_batch(kube, creates.requests, creates.count, cancel, on_dry_create, &creates);
    return collect(pieces);
}

/* ---- apply ---- */

static bool is_due(const struct piece *piece, enum order_stage stage)
{
    return piece->stage == stage && !piece->error &&
           (piece->state == SUBMIT_CHANGE || piece->state == SUBMIT_HEAL);
}

static void on_handover(void *context, size_t index, arena *scratch, node *object UNUSED, err *e)
{
    struct batch *batch = context;
    struct piece *piece = batch_piece(batch, index);
    if (!e || e->kind == ERR_NOT_FOUND || e->kind == ERR_CONFLICT) {
        err_free(
            e); /* somebody wrote meanwhile: the apply still stands, the claims wait for the next */
        return;
    }
    str ref = kube_ref_text(scratch, piece->ref);
    piece->error = err_wrap(e, STR_FMT " managed fields patch failed", STR_ARG(ref));
}

static void take_over(struct kube *kube, struct pieces *pieces, enum order_stage stage,
                      const atomic_bool *cancel)
{
    struct batch batch = batch_new(pieces);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        if (!is_due(piece, stage) || !piece->handover) continue;
        batch_add(&batch, i,
                  (struct kube_request){.verb = KUBE_JSON_PATCH,
                                        .ref = piece->ref,
                                        .body = piece->handover,
                                        .field_manager = STR(OBSERVED_FIELD_MANAGER)});
    }
    kube_batch(kube, batch.requests, batch.count, cancel, on_handover, &batch);
}

static void on_deleted(void *context, size_t index, arena *scratch, node *object UNUSED, err *e)
{
    struct piece *piece = batch_piece(context, index);
    if (!e || e->kind == ERR_NOT_FOUND) {
        err_free(e);
        return;
    }
    str ref = kube_ref_text(scratch, piece->ref);
    piece->error = err_wrap(e, STR_FMT " delete failed", STR_ARG(ref));
}

static void on_still_there(void *context, size_t index, arena *scratch UNUSED, node *object, err *e)
{
    struct piece *piece = batch_piece(context, index);
    err_free(e);
    if (object) piece->exists = true;
}

/* Deletes what has to be replaced. Those that are still there afterwards stay SUBMIT_CHANGE. */
static bool remove_old(struct kube *kube, struct pieces *pieces, enum order_stage stage,
                       const atomic_bool *cancel)
{
    struct batch deletes = batch_new(pieces), gets = batch_new(pieces);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        if (!is_due(piece, stage) || !piece->recreate) continue;
        piece->exists = false;
        batch_add(&deletes, i, (struct kube_request){.verb = KUBE_DELETE, .ref = piece->ref});
        batch_add(
            &gets, i,
            (struct kube_request){.verb = KUBE_GET, .ref = piece->ref, .metadata_only = true});
    }
    if (!deletes.count) return false;
    kube_batch(kube, deletes.requests, deletes.count, cancel, on_deleted, &deletes);
    kube_batch(kube, gets.requests, gets.count, cancel, on_still_there, &gets);
    bool busy = false;
    for (size_t i = 0; i < gets.count; i++)
        busy |= batch_piece(&gets, i)->exists;
    return busy;
}

static void on_applied(void *context, size_t index, arena *scratch, node *object, err *e)
{
    struct batch *batch = context;
    struct piece *piece = batch_piece(batch, index);
    if (e) {
        str ref = kube_ref_text(scratch, piece->ref);
        piece->error = err_wrap(e, STR_FMT " apply failed", STR_ARG(ref));
        return;
    }
    str version = node_find_str(object, "metadata", "resourceVersion", NULL);
    piece->state = SUBMIT_DONE;
    piece->action = !piece->exists || piece->recreate      ? SUBMIT_CREATED
                    : str_eq(version, piece->live_version) ? SUBMIT_UNCHANGED
                                                           : SUBMIT_CONFIGURED;
    observed_expect(batch->observed, piece->ref, object, piece->desired);
    if (!piece->drifted) return;
    arena *a = batch->pieces->a;
    if (!piece->applied) piece->applied = doc_copy(a, object);
    /* What is left of other managers' claims goes with a second apply; most often nothing is. */
    bool first = !piece->handover && prepare_policy_of(object) != PREPARE_MERGE;
    node *patch = first ? handover_patch(scratch, object, OBSERVED_FIELD_MANAGER) : NULL;
    if (!patch) return;
    piece->handover = doc_copy(a, patch);
    piece->state = SUBMIT_HEAL;
}

static void apply_due(struct kube *kube, struct observed *observed, struct pieces *pieces,
                      enum order_stage stage, const atomic_bool *cancel)
{
    struct batch batch = batch_new(pieces);
    batch.observed = observed;
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        if (!is_due(piece, stage)) continue;
        if (piece->recreate && piece->exists) continue;
        batch_add(&batch, i, apply_request(pieces, piece, false));
    }
    kube_batch(kube, batch.requests, batch.count, cancel, on_applied, &batch);
}

err *submit_apply(struct kube *kube, struct observed *observed, struct pieces *pieces,
                  enum order_stage stage, const atomic_bool *cancel, bool *busy_out)
{
    *busy_out = remove_old(kube, pieces, stage, cancel);
    for (int round = 0; round < 2; round++) {
        take_over(kube, pieces, stage, cancel);
        apply_due(kube, observed, pieces, stage, cancel);
    }
    return collect(pieces);
}
