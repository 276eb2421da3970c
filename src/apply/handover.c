#include "apply/handover.h"

#include "doc/json.h"

static bool is_taken_over(const node *entry, const char *field_manager)
{
    if (node_get_str(entry, STR("subresource")).len) return false;
    str manager = node_get_str(entry, STR("manager"));
    bool update = str_is(node_get_str(entry, STR("operation")), "Update");
    if (str_starts(manager, STR("kubectl"))) return true;
    return update && (str_is(manager, "before-first-apply") || str_is(manager, field_manager));
}

static bool is_ours(const node *entry, const char *field_manager)
{
    return str_is(node_get_str(entry, STR("manager")), field_manager) &&
           str_is(node_get_str(entry, STR("operation")), "Apply") &&
           !node_get_str(entry, STR("subresource")).len;
}

node *handover_union(arena *a, const node *first, const node *second)
{
    if (!node_is_map(first)) return doc_copy_tree(a, second);
    node *both = doc_copy_tree(a, first);
    PAIR_EACH (second, pair) {
        node *mine = node_get(both, pair->key);
        node_set(a, both, pair->key, mine ? handover_union(a, mine, pair->value) : pair->value);
    }
    return both;
}

static node *operation(arena *a, const char *op, str path, node *value)
{
    node *map = node_map(a);
    node_set_str(a, map, STR("op"), str_of(op));
    node_set_str(a, map, STR("path"), path);
    if (value) node_set(a, map, STR("value"), value);
    return map;
}

/* The managedFields after the handover, or NULL when nobody's claims are taken over. */
static node *merged_entries(arena *a, const node *entries, const char *field_manager)
{
    node *list = node_list(a), *own = NULL, *claims = NULL;
    const node *first = NULL;
    NODE_EACH (entries, entry) {
        if (is_taken_over(entry, field_manager)) {
            claims = handover_union(a, claims, node_get(entry, STR("fieldsV1")));
            if (!first) first = entry;
            continue;
        }
        node *kept = doc_copy_tree(a, entry);
        if (is_ours(entry, field_manager)) own = kept;
        node_push(a, list, kept);
    }
    if (!claims) return NULL;
    if (!own) {
        own = doc_copy_tree(a, first);
        node_set_str(a, own, STR("manager"), str_of(field_manager));
        node_set_str(a, own, STR("operation"), STR("Apply"));
        node_push(a, list, own);
    }
    node_set(a, own, STR("fieldsV1"), handover_union(a, node_get(own, STR("fieldsV1")), claims));
    return list;
}

static str escaped(arena *a, const char *key)
{
    return str_replace(a, str_of(key), STR("/"), STR("~1"));
}

static void drop_key(arena *a, node *patch, const node *object, const char *field, const char *key)
{
    if (!node_find(object, "metadata", field, key, NULL)) return;
    str name = escaped(a, key);
    str path = str_printf(a, "/metadata/%s/" STR_FMT, field, STR_ARG(name));
    node_push(a, patch, operation(a, "remove", path, NULL));
}

node *handover_patch(arena *a, const node *object, const char *field_manager)
{
    node *patch = node_list(a);
    node *entries = node_find(object, "metadata", "managedFields", NULL);
    node *merged = merged_entries(a, entries, field_manager);
    if (merged)
        node_push(a, patch, operation(a, "replace", STR("/metadata/managedFields"), merged));
    drop_key(a, patch, object, "annotations", "kubectl.kubernetes.io/last-applied-configuration");
    drop_key(a, patch, object, "annotations", "kustomize.toolkit.fluxcd.io/checksum");
    drop_key(a, patch, object, "annotations", "fluxcd.io/sync-checksum");
    drop_key(a, patch, object, "labels", "fluxcd.io/sync-gc-mark");
    if (!patch->count) return NULL;
    str version = node_find_str(object, "metadata", "resourceVersion", NULL);
    node_push(a, patch,
              operation(a, "replace", STR("/metadata/resourceVersion"), node_str(a, version)));
    return patch;
}

/* The member of a set that a part of a path means: f:name, or the k:{...} of a list item. */
static const node *member(arena *a, const node *fields, str part, bool is_item)
{
    if (!is_item) return node_get(fields, str_concat(a, STR("f:"), part));
    str key, value;
    if (!str_cut(part, '=', &key, &value)) return NULL;
    PAIR_EACH (fields, pair) {
        node *keys;
        if (!str_starts(pair->key, STR("k:"))) continue;
        err *e AUTO(err_done) =
            json_parse(a, str_skip(pair->key, 2), (struct json_options){0}, &keys);
        const node *text = e ? NULL : node_get(keys, key);
        if (node_is_scalar(text) && str_eq(text->text, value)) return pair->value;
    }
    return NULL;
}

bool handover_claims(const node *fields, str path)
{
    arena a AUTO(arena_done) = {0};
    while (path.len && fields) {
        if (path.data[0] == '.') {
            path = str_skip(path, 1);
            continue;
        }
        bool is_item = path.data[0] == '[';
        size_t end = is_item ? 1 : 0;
        while (end < path.len &&
               (is_item ? path.data[end] != ']' : path.data[end] != '.' && path.data[end] != '[')) {
            end++;
        }
        str part = str_slice(path, is_item ? 1 : 0, end);
        /* A set without members claims the whole field, and so what is below it. */
        if (node_is_map(fields) && !fields->count) return true;
        fields = member(&a, fields, part, is_item);
        path = str_skip(path, is_item ? end + 1 : end);
    }
    return fields;
}
