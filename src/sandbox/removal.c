#include "sandbox/removal.h"

#include "base/clock.h"
#include "doc/json.h"
#include "sandbox/body.h"

static bool has_finalizer(const node *object)
{
    const node *finalizers = node_find(object, "metadata", "finalizers", NULL);
    return finalizers && finalizers->count;
}

static err *mark_deleted(struct world *world, arena *a, const struct served *served,
                         const node *before, str finalizer, const node **out)
{
    node *after = doc_copy(a, before);
    node *metadata = node_get(after, STR("metadata"));
    if (!node_get(metadata, STR("deletionTimestamp"))) {
        node_set_str(a, metadata, STR("deletionTimestamp"), clock_format(a, clock_wall_ns()));
        node_set_int(a, metadata, STR("deletionGracePeriodSeconds"), 0);
        if (served_has_generation(served))
            node_set_int(a, metadata, STR("generation"),
                         node_get_int(metadata, STR("generation"), 0) + 1);
    }
    if (finalizer.len) {
        node *list = node_get(metadata, STR("finalizers"));
        if (!list) {
            list = node_list(a);
            node_set(a, metadata, STR("finalizers"), list);
        }
        bool there = false;
        NODE_EACH (list, item) {
            there = there || str_eq(item->text, finalizer);
        }
        if (!there) node_push(a, list, node_str(a, finalizer));
    }
    if (str_is(served->kind, "Namespace")) {
        node_unset(metadata, STR("deletionGracePeriodSeconds"));
        node_set_str(a, node_make_map(a, after, STR("status")), STR("phase"), STR("Terminating"));
    }
    doc *stored;
    if (!node_equal(before, after)) {
        TRY(store_put(world->store, served->collection, after, &stored));
        *out = stored->root;
    } else {
        *out = before;
    }
    return NULL;
}

/* *out: the object while it waits for finalizers, or NULL when it is gone. */
static err *delete_object(struct world *world, arena *a, const struct served *served,
                          const node *before, str policy, const node **out)
{
    str finalizer = {0};
    if (str_is(policy, "Foreground")) finalizer = STR("foregroundDeletion");
    if (str_is(policy, "Orphan")) finalizer = STR("orphan");
    bool namespace = str_is(served->kind, "Namespace") && !served->group.len;
    *out = NULL;
    if (namespace || finalizer.len || has_finalizer(before))
        return mark_deleted(world, a, served, before, finalizer, out);
    doc_unref(store_remove(world->store, served->collection,
                           node_find_str(before, "metadata", "namespace", NULL),
                           node_find_str(before, "metadata", "name", NULL)));
    return NULL;
}

static err *check_options(struct call *call, const node *options, str policy)
{
    static const char *const known[] = {"", "Foreground", "Background", "Orphan"};
    bool found = false;
    for (size_t i = 0; i < COUNT(known); i++)
        found = found || str_is(policy, known[i]);
    str shown = json_text(call->a, node_str(call->a, policy));
    if (node_get(options, STR("orphanDependents")) && policy.len)
        return world_wrong_options(call, "DeleteOptions", "FieldValueInvalid", "propagationPolicy",
                                   str_printf(call->a,
                                              "Invalid value: " STR_FMT ": orphanDependents and "
                                              "deletionPropagation cannot be both set",
                                              STR_ARG(shown)));
    if (found) return NULL;
    return world_wrong_options(call, "DeleteOptions", "FieldValueNotSupported", "propagationPolicy",
                               str_printf(call->a,
                                          "Unsupported value: " STR_FMT ": supported values: "
                                          "\"Foreground\", \"Background\", \"Orphan\", \"nil\"",
                                          STR_ARG(shown)));
}

static err *check_preconditions(struct call *call, const node *options, const node *before)
{
    const struct served *served = call->served;
    const node *wanted = node_get(options, STR("preconditions"));
    str uid = node_get_str(wanted, STR("uid"));
    str version = node_get_str(wanted, STR("resourceVersion"));
    str has_uid = node_find_str(before, "metadata", "uid", NULL);
    str has_version = node_find_str(before, "metadata", "resourceVersion", NULL);
    bool other = uid.len && !str_eq(uid, has_uid);
    if (!other && (!version.len || str_eq(version, has_version))) return NULL;
    call->about_kind = served->kind;
    return err_with_status(
        err_conflict(
            "Operation cannot be fulfilled on " STR_FMT "%s" STR_FMT " \"" STR_FMT
            "\": the %s in the precondition (" STR_FMT ") does not match the %s in record (" STR_FMT
            "). The object might have been %s",
            STR_ARG(served->kind), served->group.len ? "." : "", STR_ARG(served->group),
            STR_ARG(call->name), other ? "UID" : "ResourceVersion", STR_ARG(other ? uid : version),
            other ? "UID" : "ResourceVersion", STR_ARG(other ? has_uid : has_version),
            other ? "deleted and then recreated" : "modified"),
        409);
}

err *removal_do(struct call *call, const node *before, const node **out)
{
    arena *a = call->a;
    node *options = NULL;
    if (call->body.len) TRY(body_object(call, &options));
    str policy = node_get_str(options, STR("propagationPolicy"));
    if (!policy.len) policy = world_query(call, "propagationPolicy");
    if (node_get(options, STR("dryRun"))) call->dry_run = true;
    TRY(check_options(call, options, policy));
    if (node_get_bool(options, STR("orphanDependents"), false)) policy = STR("Orphan");
    TRY(check_preconditions(call, options, before));
    str uid = node_find_str(before, "metadata", "uid", NULL);
    const node *left = NULL;
    node *copy = doc_copy(a, before);
    if (!call->dry_run) TRY(delete_object(call->world, a, call->served, copy, policy, &left));
    if (left) {
        *out = left;
        return NULL;
    }
    node *answer = node_map(a), *details = node_map(a);
    node_set_str(a, answer, STR("kind"), STR("Status"));
    node_set_str(a, answer, STR("apiVersion"), STR("v1"));
    node_set(a, answer, STR("metadata"), node_map(a));
    node_set_str(a, answer, STR("status"), STR("Success"));
    node_set_str(a, details, STR("name"), call->name);
    if (call->served->group.len) node_set_str(a, details, STR("group"), call->served->group);
    node_set_str(a, details, STR("kind"), call->served->plural);
    node_set_str(a, details, STR("uid"), uid);
    node_set(a, answer, STR("details"), details);
    *out = answer;
    return NULL;
}

void removal_of(struct world *world, const struct served *served, str namespace, str name)
{
    arena a AUTO(arena_done) = {0};
    const doc *stored = store_get(served->collection, namespace, name);
    if (!stored) return;
    const node *copy = doc_copy(&a, stored->root), *out;
    err *e AUTO(err_done) = delete_object(world, &a, served, copy, STR("Background"), &out);
}
