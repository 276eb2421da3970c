#include "apply/drift.h"

#include "apply/handover.h"
#include "base/buf.h"
#include "base/limits.h"
#include "doc/diff.h"

#define VALUE_BYTES 120

/* ---- looking ---- */

struct look {
    struct pieces *pieces;
    struct observed *observed;
    size_t *indexes;
};

static void on_live(void *context, size_t index, arena *scratch UNUSED, node *object, err *e)
{
    struct look *look = context;
    struct piece *piece = &look->pieces->items[look->indexes[index]];
    arena *a = look->pieces->a;
    if (e) {
        /* Deleted, or hidden from us for now; then the apply says why. */
        err_free(e);
        return;
    }
    piece->live = doc_copy(a, object);
    piece->exists = true;
    piece->live_version = node_find_str(piece->live, "metadata", "resourceVersion", NULL);
    piece->live_uid = node_find_str(piece->live, "metadata", "uid", NULL);
    str owner = prepare_owner(a, piece->live);
    bool taken = look->pieces->yields && owner.len && !str_eq(owner, look->pieces->owner);
    if (taken || prepare_policy_of(piece->live) == PREPARE_IGNORE) piece->state = SUBMIT_SKIP;
}

/* The dry run says how it would be: as it is, then nobody changed it. */
static void on_compared(void *context, size_t index, arena *scratch, node *object, err *e)
{
    struct look *look = context;
    struct piece *piece = &look->pieces->items[look->indexes[index]];
    if (e) {
        err_free(e); /* the apply says why */
        return;
    }
    bool same =
        observed_ownership(object) == observed_ownership(piece->live) &&
        node_equal(diff_desired_part(scratch, object), diff_desired_part(scratch, piece->live));
    if (!same) return;
    piece->state = SUBMIT_KEEP;
    piece->drifted = false;
    observed_expect(look->observed, piece->ref, piece->live, piece->desired);
}

static void compare_unsure(struct kube *kube, struct look *look, const atomic_bool *cancel)
{
    struct pieces *pieces = look->pieces;
    struct kube_request *requests = NEW_ARRAY(pieces->a, struct kube_request, pieces->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        if (piece->state != SUBMIT_HEAL || !piece->unsure || !piece->live) continue;
        look->indexes[count] = i;
        requests[count++] = (struct kube_request){
            .verb = KUBE_APPLY,
            .ref = piece->ref,
            .body = piece->object,
            .dry_run = true,
            .force = true,
            .field_manager = STR(OBSERVED_FIELD_MANAGER),
        };
    }
    kube_batch(kube, requests, count, cancel, on_compared, look);
}

err *drift_look(struct kube *kube, struct observed *observed, struct pieces *pieces,
                const atomic_bool *cancel)
{
    arena *a = pieces->a;
    struct look look = {
        .pieces = pieces, .observed = observed, .indexes = NEW_ARRAY(a, size_t, pieces->count + 1)};
    struct kube_request *requests = NEW_ARRAY(a, struct kube_request, pieces->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        if (pieces->items[i].state != SUBMIT_HEAL) continue;
        look.indexes[count] = i;
        requests[count++] = (struct kube_request){.verb = KUBE_GET, .ref = pieces->items[i].ref};
    }
    kube_batch(kube, requests, count, cancel, on_live, &look);
    compare_unsure(kube, &look, cancel);
    if (cancel && atomic_load(cancel)) return err_new(ERR_CANCELED, "", "the operator is stopping");
    return NULL;
}

/* ---- telling ---- */

/* The latest of the managers that own the field now. Our own entry does not count. */
static const node *culprit_of(const node *live, str path, const node *best)
{
    NODE_EACH (node_find(live, "metadata", "managedFields", NULL), entry) {
        bool ours = str_is(node_get_str(entry, STR("manager")), OBSERVED_FIELD_MANAGER) &&
                    str_is(node_get_str(entry, STR("operation")), "Apply");
        if (ours || !handover_claims(node_get(entry, STR("fieldsV1")), path)) continue;
        bool later =
            !best || str_cmp(node_get_str(entry, STR("time")), node_get_str(best, STR("time"))) > 0;
        if (later) best = entry;
    }
    return best;
}

/* A field that was removed belongs to nobody: then it was the one who wrote last. */
static const node *latest_writer(const node *live)
{
    const node *best = NULL;
    NODE_EACH (node_find(live, "metadata", "managedFields", NULL), entry) {
        bool ours = str_is(node_get_str(entry, STR("manager")), OBSERVED_FIELD_MANAGER) &&
                    str_is(node_get_str(entry, STR("operation")), "Apply");
        bool status = str_is(node_get_str(entry, STR("subresource")), "status");
        if (ours || status) continue;
        if (!best ||
            str_cmp(node_get_str(entry, STR("time")), node_get_str(best, STR("time"))) > 0) {
            best = entry;
        }
    }
    return best;
}

/* Who removed a field, or the whole object, leaves no claim behind: the API server does not say. */
static void add_culprit(buf *text, const node *entry)
{
    if (!entry) return;
    str subresource = node_get_str(entry, STR("subresource")),
        time = node_get_str(entry, STR("time"));
    str manager = node_get_str(entry, STR("manager")),
        operation = node_get_str(entry, STR("operation"));
    buf_printf(text, "; changed by '" STR_FMT "' (" STR_FMT, STR_ARG(manager), STR_ARG(operation));
    if (subresource.len) buf_printf(text, " of " STR_FMT, STR_ARG(subresource));
    if (time.len) buf_printf(text, ", " STR_FMT, STR_ARG(time));
    buf_add_char(text, ')');
}

static void add_field(arena *a, buf *text, buf *fields, const struct diff_entry *entry, bool first)
{
    str was = diff_value(a, entry->before, VALUE_BYTES),
        is = diff_value(a, entry->after, VALUE_BYTES);
    buf_printf(fields, "%s" STR_FMT ": " STR_FMT " -> " STR_FMT, first ? "" : "\n",
               STR_ARG(entry->path), STR_ARG(was), STR_ARG(is));
    buf_printf(text, "%s" STR_FMT " was " STR_FMT ", Git says " STR_FMT, first ? ": " : ", ",
               STR_ARG(entry->path), STR_ARG(was), STR_ARG(is));
}

static void name_culprit(const node *entry, struct drift_detail *detail)
{
    detail->manager = node_get_str(entry, STR("manager"));
    detail->operation = node_get_str(entry, STR("operation"));
    detail->time = node_get_str(entry, STR("time"));
}

str drift_explain(arena *a, const struct piece *piece, struct drift_detail *detail_out)
{
    buf text = BUF(a), fields = BUF(a);
    struct drift_detail detail = {.object = kube_ref_text(a, piece->ref)};
    buf_add(&text, detail.object);
    *detail_out = detail;
    if (!piece->live) {
        BUF_ADD(&text, " was deleted; it is created again");
        return buf_str(&text);
    }
    node *before = diff_desired_part(a, piece->live), *after = diff_desired_part(a, piece->applied);
    diff_mask_secrets(a, &before, &after);
    struct diff diff;
    diff_nodes(a, before, after, LIMIT_DRIFT_FIELDS, &diff);
    const node *culprit = NULL;
    for (size_t i = 0; i < diff.count; i++) {
        add_field(a, &text, &fields, &diff.entries[i], i == 0);
        culprit = culprit_of(piece->live, diff.entries[i].path, culprit);
    }
    if (diff.left_out) buf_printf(&text, " and %zu more fields", diff.left_out);
    if (!diff.count) BUF_ADD(&text, ": fields that Git sets were claimed, with the same values");
    if (!culprit) culprit = latest_writer(piece->live);
    add_culprit(&text, culprit);
    detail.fields = buf_str(&fields);
    name_culprit(culprit, &detail);
    *detail_out = detail;
    return buf_str(&text);
}

str drift_advise(arena *a, str text, int rounds)
{
    return str_printf(a,
                      STR_FMT
                      ". This is the %dth time in a row: somebody else sets this field too. It is "
                      "healed less and less often. Remove the field from Git, stop the other "
                      "manager, or switch the object off with the annotation "
                      "kustomize.toolkit.fluxcd.io/reconcile: disabled",
                      STR_ARG(text), rounds);
}
