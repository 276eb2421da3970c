#include "control/status.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"

#define REQUESTED_AT "reconcile.fluxcd.io/requestedAt"
#define FINALIZER    "finalizers.fluxcd.io"

static node *metadata_of(const node *object)
{
    return node_get(object, STR("metadata"));
}

static int64_t generation_of(const node *object)
{
    return node_get_int(metadata_of(object), STR("generation"), 0);
}

struct status status_begin(struct work *work, const char *field_manager)
{
    node *before = node_get(work->object, STR("status"));
    if (!node_is_map(before)) before = node_map(work->a);
    return (struct status){
        .work = work,
        .before = before,
        .now = doc_copy_tree(work->a, before),
        .manager = field_manager,
    };
}

static node *find_condition(const node *status, const char *type)
{
    NODE_EACH (node_get(status, STR("conditions")), condition) {
        if (str_is(node_get_str(condition, STR("type")), type)) return condition;
    }
    return NULL;
}

static node *conditions_of(struct status *status)
{
    node *list = node_get(status->now, STR("conditions"));
    if (node_is_list(list)) return list;
    list = node_list(status->work->a);
    node_set(status->work->a, status->now, STR("conditions"), list);
    return list;
}

static str cut_message(arena *a, str message)
{
    if (message.len <= LIMIT_MESSAGE_BYTES) return message;
    return str_printf(a, STR_FMT "...", STR_ARG(str_head(message, LIMIT_MESSAGE_BYTES - 3)));
}

void status_set(struct status *status, const char *type, const char *value, str reason, str message)
{
    arena *a = status->work->a;
    node *condition = find_condition(status->now, type);
    message = cut_message(a, message);
    bool same = condition && str_is(node_get_str(condition, STR("status")), value) &&
                str_eq(node_get_str(condition, STR("reason")), reason) &&
                str_eq(node_get_str(condition, STR("message")), message);
    if (!condition) {
        condition = node_map(a);
        node_push(a, conditions_of(status), condition);
    }
    if (!same) {
        node_set_str(a, condition, STR("lastTransitionTime"), clock_format(a, clock_wall_ns()));
        node_set_str(a, condition, STR("message"), message);
        node_set_str(a, condition, STR("reason"), reason);
        node_set_str(a, condition, STR("status"), str_of(value));
        node_set_str(a, condition, STR("type"), str_of(type));
    }
    node_set_int(a, condition, STR("observedGeneration"), generation_of(status->work->object));
}

bool status_ready(struct status *status, const char *value, str reason, str message)
{
    bool same =
        status_is(status, "Ready", value) && str_eq(status_message(status, "Ready"), message);
    status_set(status, "Ready", value, reason, message);
    return !same;
}

void status_tell_ready(struct status *status, const char *value, str reason, str message)
{
    struct work *work = status->work;
    bool good = str_is(str_of(value), "True");
    if (!status_ready(status, value, reason, message)) return;
    manager_event(work, good ? MANAGER_INFO : MANAGER_ERROR, str_z(work->a, reason), message, NULL,
                  0);
}

void status_unset(struct status *status, const char *type)
{
    node *list = node_get(status->now, STR("conditions"));
    if (!node_is_list(list)) return;
    for (size_t i = 0; i < list->count; i++) {
        if (!str_is(node_get_str(list->items[i], STR("type")), type)) continue;
        node_remove_at(list, i);
        return;
    }
}

bool status_is(const struct status *status, const char *type, const char *value)
{
    return str_is(node_get_str(find_condition(status->now, type), STR("status")), value);
}

str status_reason(const struct status *status, const char *type)
{
    return node_get_str(find_condition(status->now, type), STR("reason"));
}

str status_message(const struct status *status, const char *type)
{
    return node_get_str(find_condition(status->now, type), STR("message"));
}

void status_reconciling(struct status *status, str reason, str message)
{
    status_unset(status, "Stalled");
    status_set(status, "Reconciling", "True", reason, message);
}

void status_stalled(struct status *status, str reason, str message)
{
    status_unset(status, "Reconciling");
    status_set(status, "Stalled", "True", reason, message);
}

void status_put(struct status *status, const char *field, node *value)
{
    if (value) {
        node_set(status->work->a, status->now, str_of(field), value);
    } else {
        node_unset(status->now, str_of(field));
    }
}

void status_put_str(struct status *status, const char *field, str text)
{
    status_put(status, field, text.len ? node_str(status->work->a, text) : NULL);
}

node *status_get(const struct status *status, const char *field)
{
    return node_get(status->now, str_of(field));
}

void status_observed(struct status *status)
{
    node_set_int(status->work->a, status->now, STR("observedGeneration"),
                 generation_of(status->work->object));
}

static str requested_at(const struct status *status)
{
    return node_find_str(status->work->object, "metadata", "annotations", REQUESTED_AT, NULL);
}

void status_handled(struct status *status)
{
    str token = requested_at(status);
    if (token.len) status_put_str(status, "lastHandledReconcileAt", token);
}

bool status_is_requested(const struct status *status)
{
    str token = requested_at(status);
    return token.len && !str_eq(token, node_get_str(status->now, STR("lastHandledReconcileAt")));
}

/* Flux writes Stalled, Reconciling and Ready first, then the newest, then by name. */
static int condition_rank(const node *condition)
{
    static const char *const first[] = {"Stalled", "Reconciling", "Ready"};
    str type = node_get_str(condition, STR("type"));
    for (int i = 0; i < (int)COUNT(first); i++) {
        if (str_is(type, first[i])) return i;
    }
    return (int)COUNT(first);
}

static int condition_order(const void *a, const void *b)
{
    const node *left = *(node *const *)a, *right = *(node *const *)b;
    int rank = condition_rank(left) - condition_rank(right);
    if (rank) return rank;
    int64_t newer = node_get_int(right, STR("observedGeneration"), 0) -
                    node_get_int(left, STR("observedGeneration"), 0);
    if (newer) return newer < 0 ? -1 : 1;
    return str_cmp(node_get_str(left, STR("type")), node_get_str(right, STR("type")));
}

/* The fields of now that differ from before, and null for those that are gone. */
static node *difference(arena *a, const node *before, const node *now)
{
    node *patch = NULL;
    PAIR_EACH (now, pair) {
        if (node_equal(node_get(before, pair->key), pair->value)) continue;
        if (!patch) patch = node_map(a);
        node_set(a, patch, pair->key, pair->value);
    }
    PAIR_EACH (before, pair) {
        if (node_get(now, pair->key)) continue;
        if (!patch) patch = node_map(a);
        node_set(a, patch, pair->key, node_null(a));
    }
    return patch;
}

static struct kube_ref ref_of(const struct work *work)
{
    return (struct kube_ref){work->controller->kind, work->namespace, work->name};
}

err *status_save(struct status *status)
{
    struct work *work = status->work;
    node *conditions = node_get(status->now, STR("conditions"));
    if (node_is_list(conditions) && conditions->count > 1) {
        qsort(conditions->items, conditions->count, sizeof(node *), condition_order);
    }
    node *fields = difference(work->a, status->before, status->now);
    if (!fields) return NULL;
    node *body = node_map(work->a);
    node_set(work->a, body, STR("status"), fields);
    node *saved = NULL;
    err *e = kube_do(manager_kube(work->manager), work->a,
                     &(struct kube_request){
                         .verb = KUBE_MERGE_PATCH,
                         .ref = ref_of(work),
                         .subresource = "status",
                         .body = body,
                         .field_manager = str_of(status->manager),
                     },
                     &saved);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    if (e) return err_wrap(e, "writing the status");
    manager_saw(work->manager, saved);
    work->object = saved;
    status->before = doc_copy_tree(work->a, status->now);
    return NULL;
}

const node *status_condition_of(const node *object, const char *type)
{
    return find_condition(node_get(object, STR("status")), type);
}

node *status_request(arena *a, str when)
{
    node *patch = node_map(a), *metadata = node_make_map(a, patch, STR("metadata"));
    node_set_str(a, node_make_map(a, metadata, STR("annotations")), STR(REQUESTED_AT), when);
    return patch;
}

bool status_object_is_ready(const node *object)
{
    const node *ready = status_condition_of(object, "Ready");
    int64_t observed = node_get_int(node_get(object, STR("status")), STR("observedGeneration"), -1);
    return str_is(node_get_str(ready, STR("status")), "True") && observed == generation_of(object);
}

/* Replaces the list of finalizers; the resourceVersion guards those that others add meanwhile. */
static err *patch_finalizers(struct work *work, node *list)
{
    arena *a = work->a;
    node *body = node_map(a), *metadata = node_make_map(a, body, STR("metadata"));
    node_set(a, metadata, STR("finalizers"), list);
    node_set_str(a, metadata, STR("resourceVersion"),
                 node_find_str(work->object, "metadata", "resourceVersion", NULL));
    node *saved = NULL;
    TRY(kube_do(manager_kube(work->manager), a,
                &(struct kube_request){.verb = KUBE_MERGE_PATCH, .ref = ref_of(work), .body = body},
                &saved));
    manager_saw(work->manager, saved);
    work->object = saved;
    return NULL;
}

err *status_add_finalizer(struct work *work)
{
    node *list = node_list(work->a);
    NODE_EACH (node_find(work->object, "metadata", "finalizers", NULL), finalizer) {
        if (str_is(finalizer->text, FINALIZER)) return NULL;
        node_push(work->a, list, finalizer);
    }
    node_push(work->a, list, node_str(work->a, STR(FINALIZER)));
    return patch_finalizers(work, list);
}

err *status_remove_finalizer(struct work *work)
{
    node *list = node_list(work->a);
    bool found = false;
    NODE_EACH (node_find(work->object, "metadata", "finalizers", NULL), finalizer) {
        bool ours = str_is(finalizer->text, FINALIZER);
        found |= ours;
        if (!ours) node_push(work->a, list, finalizer);
    }
    if (!found) return NULL;
    err *e = patch_finalizers(work, list);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    return e;
}
