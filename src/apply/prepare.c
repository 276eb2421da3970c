#include "apply/prepare.h"

#include "base/b64.h"

#define SWITCH_PREFIX "kustomize.toolkit.fluxcd.io/"

static node *metadata_of(const node *object)
{
    return node_get(object, STR("metadata"));
}

/* The map under key of metadata, made when missing. An error when something else is there. */
static err *strings_of(arena *a, node *object, const char *field, node **out)
{
    node *metadata = node_make_map(a, object, STR("metadata"));
    node *map = metadata ? node_make_map(a, metadata, str_of(field)) : NULL;
    if (!map) {
        return err_invalid(STR_FMT ": metadata.%s is no map",
                           STR_ARG(kube_ref_text(a, kube_ref_of(object))), field);
    }
    *out = map;
    return NULL;
}

static err *add_strings(arena *a, node *object, const char *field, const node *from)
{
    node *map;
    if (!node_is_map(from) || !from->count) return NULL;
    TRY(strings_of(a, object, field, &map));
    PAIR_EACH (from, pair)
        node_set(a, map, pair->key, pair->value);
    return NULL;
}

static err *add_owner(arena *a, node *object, const struct prepare_options *options)
{
    node *labels;
    if (!options->owner_name.len) return NULL;
    TRY(strings_of(a, object, "labels", &labels));
    node_set_str(a, labels, STR(PREPARE_OWNER_NAME), options->owner_name);
    node_set_str(a, labels, STR(PREPARE_OWNER_NAMESPACE), options->owner_namespace);
    return NULL;
}

/* compat: Flux fills in the protocol, without which server-side apply cannot merge ports. */
static void default_protocol(arena *a, node *ports)
{
    NODE_EACH (ports, port) {
        if (node_is_map(port) && !node_get(port, STR("protocol"))) {
            node_set_str(a, port, STR("protocol"), STR("TCP"));
        }
    }
}

static node *pod_spec_of(const node *object, str kind)
{
    if (str_is(kind, "Pod")) return node_get(object, STR("spec"));
    if (str_is(kind, "CronJob")) {
        return node_find(object, "spec", "jobTemplate", "spec", "template", "spec", NULL);
    }
    return node_find(object, "spec", "template", "spec", NULL);
}

static bool is_workload(struct kube_kind kind)
{
    static const char *const apps[] = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"};
    for (size_t i = 0; i < COUNT(apps); i++) {
        if (str_is(kind.group, "apps") && str_is(kind.kind, apps[i])) return true;
    }
    if (str_is(kind.group, "batch"))
        return str_is(kind.kind, "Job") || str_is(kind.kind, "CronJob");
    return !kind.group.len && str_is(kind.kind, "Pod");
}

/* stringData is write-only: folded into data, so that the fields we own are the ones that are kept.
 */
static err *fold_string_data(arena *a, node *object)
{
    node *plain = node_get(object, STR("stringData"));
    if (!plain) return NULL;
    if (node_is_map(plain)) {
        node *data = node_make_map(a, object, STR("data"));
        PAIR_EACH (plain, pair) {
            str text;
            if (!data || !node_to_str(pair->value, &text)) {
                /* The server refuses it and quotes the value; so we refuse it first, without. */
                return err_invalid(STR_FMT ": stringData." STR_FMT " is a %s, expected a string",
                                   STR_ARG(kube_ref_text(a, kube_ref_of(object))),
                                   STR_ARG(pair->key), node_kind_name(pair->value));
            }
            node_set_str(a, data, pair->key, b64_encode(a, text));
        }
    }
    node_unset(object, STR("stringData"));
    return NULL;
}

static err *check_secret_data(arena *a, const node *object)
{
    PAIR_EACH (node_get(object, STR("data")), pair) {
        if (pair->value->kind == NODE_STR || pair->value->kind == NODE_NULL) continue;
        return err_invalid(STR_FMT ": data." STR_FMT " is a %s, expected a string",
                           STR_ARG(kube_ref_text(a, kube_ref_of(object))), STR_ARG(pair->key),
                           node_kind_name(pair->value));
    }
    return NULL;
}

static err *normalise(arena *a, node *object)
{
    struct kube_kind kind = kube_kind_of(object);
    if (is_workload(kind)) {
        NODE_EACH (node_get(pod_spec_of(object, kind.kind), STR("containers")), container) {
            default_protocol(a, node_get(container, STR("ports")));
        }
    }
    if (!kind.group.len && str_is(kind.kind, "Service")) {
        default_protocol(a, node_find(object, "spec", "ports", NULL));
    }
    if (!kind.group.len && str_is(kind.kind, "Secret")) {
        TRY(fold_string_data(a, object));
        TRY(check_secret_data(a, object));
    }
    node *metadata = metadata_of(object);
    if (node_is_map(metadata)) {
        node_unset(metadata, STR("creationTimestamp"));
        node_unset(metadata, STR("managedFields"));
        node_unset(metadata, STR("resourceVersion"));
        node_unset(metadata, STR("uid"));
    }
    if (!str_is(kind.kind, "CustomResourceDefinition")) node_unset(object, STR("status"));
    return NULL;
}

err *prepare_object(arena *a, node *object, const struct prepare_options *options)
{
    TRY(add_owner(a, object, options));
    TRY(normalise(a, object));
    TRY(add_strings(a, object, "labels", options->common_labels));
    TRY(add_strings(a, object, "annotations", options->common_annotations));
    return NULL;
}

/* compat: a switch may be a label or an annotation, its value in any case. */
static bool is_switched(const node *object, const char *key, const char *value)
{
    node *metadata = metadata_of(object);
    str name = str_of(key), wanted = str_of(value);
    return str_eq_fold(node_get_str(node_get(metadata, STR("annotations")), name), wanted) ||
           str_eq_fold(node_get_str(node_get(metadata, STR("labels")), name), wanted);
}

str prepare_owner(arena *a, const node *object)
{
    const node *labels = node_find(object, "metadata", "labels", NULL);
    str name = node_get_str(labels, STR(PREPARE_OWNER_NAME));
    str namespace = node_get_str(labels, STR(PREPARE_OWNER_NAMESPACE));
    if (!name.len || !namespace.len) return (str){0};
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
}

enum prepare_policy prepare_policy_of(const node *object)
{
    if (is_switched(object, SWITCH_PREFIX "reconcile", "disabled")) return PREPARE_IGNORE;
    if (is_switched(object, SWITCH_PREFIX "ssa", "Ignore")) return PREPARE_IGNORE;
    if (is_switched(object, SWITCH_PREFIX "ssa", "IfNotPresent")) return PREPARE_IF_NOT_PRESENT;
    if (is_switched(object, SWITCH_PREFIX "ssa", "Merge")) return PREPARE_MERGE;
    return PREPARE_APPLY;
}

bool prepare_is_forced(const node *object)
{
    return is_switched(object, SWITCH_PREFIX "force", "enabled");
}

bool prepare_is_prune_disabled(const node *object)
{
    return is_switched(object, SWITCH_PREFIX "prune", "disabled") ||
           prepare_policy_of(object) == PREPARE_IGNORE;
}

static void mask_values(arena *a, node *map)
{
    PAIR_EACH (map, pair)
        pair->value = node_str(a, STR("***"));
}

void prepare_mask_secret(arena *a, node *object)
{
    struct kube_kind kind = kube_kind_of(object);
    if (kind.group.len || !str_is(kind.kind, "Secret")) return;
    mask_values(a, node_get(object, STR("data")));
    mask_values(a, node_get(object, STR("stringData")));
}
