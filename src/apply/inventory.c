#include "apply/inventory.h"

/* compat: only these kinds may hold ':' in a name, which an id writes as "__". */
static bool may_hold_colon(struct kube_kind kind)
{
    return str_is(kind.group, "rbac.authorization.k8s.io") &&
           (str_is(kind.kind, "Role") || str_is(kind.kind, "ClusterRole") ||
            str_is(kind.kind, "RoleBinding") || str_is(kind.kind, "ClusterRoleBinding"));
}

str inventory_id(arena *a, struct kube_ref ref)
{
    str name = ref.name;
    if (may_hold_colon(ref.kind)) name = str_replace(a, name, STR(":"), STR("__"));
    return str_printf(a, STR_FMT "_" STR_FMT "_" STR_FMT "_" STR_FMT, STR_ARG(ref.namespace),
                      STR_ARG(name), STR_ARG(ref.kind.group), STR_ARG(ref.kind.kind));
}

bool inventory_parse_id(arena *a, str id, str version, struct kube_ref *out)
{
    struct kube_ref ref = {.kind.version = version};
    str rest;
    if (str_has_char(id, '\0')) return false; /* no name holds one, and texts would end there */
    if (!str_cut(id, '_', &ref.namespace, &rest)) return false;
    if (!str_cut_last(rest, '_', &rest, &ref.kind.kind)) return false;
    if (!str_cut_last(rest, '_', &ref.name, &ref.kind.group)) return false;
    if (!ref.name.len || !ref.kind.kind.len) return false;
    if (may_hold_colon(ref.kind)) {
        ref.name = str_replace(a, ref.name, STR("__"), STR(":"));
        if (str_find(ref.name, STR("_:")) >= 0) return false; /* written as "___", that is ":_" */
    }
    *out = ref;
    return true;
}

void inventory_add(arena *a, struct inventory *inventory, struct kube_ref ref)
{
    *ARENA_PUSH(a, inventory->refs, inventory->count, inventory->room) = ref;
}

void inventory_read(arena *a, const node *status_inventory, struct inventory *out, size_t *bad_out)
{
    *out = (struct inventory){0};
    *bad_out = 0;
    NODE_EACH (node_get(status_inventory, STR("entries")), entry) {
        struct kube_ref ref;
        if (inventory_parse_id(a, node_get_str(entry, STR("id")), node_get_str(entry, STR("v")),
                               &ref)) {
            inventory_add(a, out, ref);
        } else {
            ++*bad_out;
        }
    }
}

node *inventory_write(arena *a, const struct inventory *inventory)
{
    node *entries = node_list(a), *map = node_map(a);
    for (size_t i = 0; i < inventory->count; i++) {
        node *entry = node_map(a);
        node_set_str(a, entry, STR("id"), inventory_id(a, inventory->refs[i]));
        node_set_str(a, entry, STR("v"), inventory->refs[i].kind.version);
        node_push(a, entries, entry);
    }
    node_set(a, map, STR("entries"), entries);
    return map;
}

static void index_ids(arena *a, const struct inventory *inventory, struct map *ids)
{
    for (size_t i = 0; i < inventory->count; i++) {
        map_put(ids, inventory_id(a, inventory->refs[i]), &inventory->refs[i]);
    }
}

bool inventory_has(arena *a, const struct inventory *inventory, struct kube_ref ref)
{
    str id = inventory_id(a, ref);
    for (size_t i = 0; i < inventory->count; i++) {
        if (str_eq(inventory_id(a, inventory->refs[i]), id)) return true;
    }
    return false;
}

void inventory_union(arena *a, const struct inventory *first, const struct inventory *second,
                     struct inventory *out)
{
    struct inventory added;
    inventory_minus(a, second, first, &added);
    *out = (struct inventory){0};
    for (size_t i = 0; i < first->count; i++)
        inventory_add(a, out, first->refs[i]);
    for (size_t i = 0; i < added.count; i++)
        inventory_add(a, out, added.refs[i]);
}

void inventory_minus(arena *a, const struct inventory *old, const struct inventory *now,
                     struct inventory *out)
{
    struct map ids AUTO(map_done) = {0};
    index_ids(a, now, &ids);
    *out = (struct inventory){0};
    for (size_t i = 0; i < old->count; i++) {
        if (!map_has(&ids, inventory_id(a, old->refs[i]))) inventory_add(a, out, old->refs[i]);
    }
}
