#include "apply/prune.h"

#include <stdlib.h>

#include "apply/order.h"
#include "apply/prepare.h"
#include "base/buf.h"

#define LOOKS_MOST 5 /* at an object that changes between the look and the delete */

/* One stage of objects on their way out. */
struct stage {
    arena *a;
    const struct kube_ref *refs;
    size_t *pending, count; /* indexes of those that are still to be looked at */
    bool last_look;
    const struct prune_options *options;
    str owner; /* "ns/name" of the unit */
    struct observed *observed;
    struct kube_request *deletes;
    size_t *delete_indexes, delete_count;
    struct prune_result *result;
    buf *errors;
};

static int by_order_reversed(const void *a, const void *b)
{
    return order_compare(*(const struct kube_ref *)b, *(const struct kube_ref *)a);
}

static void fail(struct stage *stage, struct kube_ref ref, const char *what, err *e)
{
    str name = kube_ref_text(stage->a, ref);
    buf_printf(stage->errors, "%s" STR_FMT " %s failed: " STR_FMT, stage->errors->len ? "; " : "",
               STR_ARG(name), what, STR_ARG(err_text(e)));
    err_free(e);
    inventory_add(stage->a, &stage->result->failed, ref);
}

static void forget(struct stage *stage, struct kube_ref ref)
{
    observed_forget(stage->observed, ref, stage->owner);
}

static void went(struct stage *stage, struct kube_ref ref)
{
    inventory_add(stage->a, &stage->result->deleted, ref);
    forget(stage, ref);
}

static bool is_ours(const struct stage *stage, const node *object)
{
    return str_eq(prepare_owner(stage->a, object), stage->owner);
}

/* A kind that the server no longer has can have no objects: that counts as deleted. */
static void on_found(void *context, size_t index, arena *scratch UNUSED, node *object, err *e)
{
    struct stage *stage = context;
    struct kube_ref ref = stage->refs[stage->pending[index]];
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        went(stage, ref);
    } else if (e) {
        fail(stage, ref, "query", e);
    } else if (!is_ours(stage, object) || prepare_is_prune_disabled(object)) {
        inventory_add(stage->a, &stage->result->skipped, ref);
        forget(stage, ref);
    } else if (node_find(object, "metadata", "deletionTimestamp", NULL)) {
        went(stage, ref);
    } else {
        const node *metadata = node_get(object, STR("metadata"));
        stage->delete_indexes[stage->delete_count] = stage->pending[index];
        stage->deletes[stage->delete_count++] = (struct kube_request){
            .verb = KUBE_DELETE,
            .ref = ref,
            .uid = str_dup(stage->a, node_get_str(metadata, STR("uid"))),
            .resource_version = str_dup(stage->a, node_get_str(metadata, STR("resourceVersion"))),
            .propagation = "Background",
        };
    }
}

/* A conflict says that the object is not the one we looked at: somebody else may own it by now. */
static void on_deleted(void *context, size_t index, arena *scratch UNUSED, node *object UNUSED,
                       err *e)
{
    struct stage *stage = context;
    size_t at = stage->delete_indexes[index];
    if (err_is(e, ERR_CONFLICT) && !stage->last_look) {
        err_free(e);
        stage->pending[stage->count++] = at;
    } else if (e && e->kind != ERR_NOT_FOUND) {
        fail(stage, stage->refs[at], "delete", e);
    } else {
        err_free(e);
        went(stage, stage->refs[at]);
    }
}

/* Looks at all that are pending, and deletes what is ours; what changed meanwhile is pending again.
 */
static void look_and_delete(struct kube *kube, struct stage *stage)
{
    const atomic_bool *cancel = stage->options->cancel;
    size_t looked = stage->count;
    struct kube_request *gets = NEW_ARRAY(stage->a, struct kube_request, looked);
    for (size_t i = 0; i < looked; i++) {
        gets[i] = (struct kube_request){
            .verb = KUBE_GET, .ref = stage->refs[stage->pending[i]], .metadata_only = true};
    }
    stage->delete_count = 0;
    kube_batch(kube, gets, looked, cancel, on_found, stage);
    stage->count = 0;
    kube_batch(kube, stage->deletes, stage->delete_count, cancel, on_deleted, stage);
}

static void run_stage(struct kube *kube, struct stage *stage)
{
    size_t count = stage->count;
    stage->deletes = NEW_ARRAY(stage->a, struct kube_request, count);
    stage->delete_indexes = NEW_ARRAY(stage->a, size_t, count);
    stage->pending = NEW_ARRAY(stage->a, size_t, count);
    for (size_t i = 0; i < count; i++)
        stage->pending[i] = i;
    for (int looks = 1; looks <= LOOKS_MOST && stage->count; looks++) {
        stage->last_look = looks == LOOKS_MOST;
        look_and_delete(kube, stage);
    }
}

void prune_run(struct kube *kube, struct observed *observed, arena *a,
               const struct inventory *stale, const struct prune_options *options,
               struct prune_result *out)
{
    *out = (struct prune_result){0};
    if (!stale->count) return;
    must(options->owner_name.len && options->owner_namespace.len);
    struct kube_ref *refs = NEW_ARRAY(a, struct kube_ref, stale->count);
    for (size_t i = 0; i < stale->count; i++)
        refs[i] = stale->refs[i];
    qsort(refs, stale->count, sizeof *refs, by_order_reversed);

    str owner = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(options->owner_namespace),
                           STR_ARG(options->owner_name));
    buf errors = BUF(a);
    for (size_t from = 0, to; from < stale->count; from = to) {
        for (to = from + 1; to < stale->count; to++) {
            if (order_stage_of(refs[to]) != order_stage_of(refs[from])) break;
        }
        struct stage stage = {.a = a,
                              .refs = refs + from,
                              .count = to - from,
                              .options = options,
                              .owner = owner,
                              .observed = observed,
                              .result = out,
                              .errors = &errors};
        run_stage(kube, &stage);
    }
    if (errors.len) {
        out->error = err_new(ERR_TRANSIENT, "PruneFailed", "delete failed, errors: " STR_FMT,
                             STR_ARG(buf_str(&errors)));
    }
}

static void on_left(void *context, size_t index UNUSED, arena *scratch UNUSED, node *object UNUSED,
                    err *e)
{
    size_t *left = context;
    if (!err_is(e, ERR_NOT_FOUND)) ++*left;
    err_free(e);
}

size_t prune_left(struct kube *kube, arena *a, const struct inventory *inventory)
{
    size_t left = 0;
    struct kube_request *gets = NEW_ARRAY(a, struct kube_request, inventory->count + 1);
    for (size_t i = 0; i < inventory->count; i++) {
        gets[i] = (struct kube_request){
            .verb = KUBE_GET, .ref = inventory->refs[i], .metadata_only = true};
    }
    kube_batch(kube, gets, inventory->count, NULL, on_left, &left);
    return left;
}
