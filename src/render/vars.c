#include "render/vars.h"

#include "base/buf.h"
#include "render/fieldspec.h"
#include "render/variable.h"

struct var {
    str name, path;
    str shown;                 /* "{NAME Kind.version.group {PATH}}" */
    struct resource *resource; /* NULL: none matched */
};

/* compat: as Go prints a var. */
static str shown(arena *a, str name, str group, str version, str kind, str path)
{
    str gvk = gvk_text(a, group, version, kind);
    return str_printf(a, "{" STR_FMT " " STR_FMT " {" STR_FMT "}}", STR_ARG(name), STR_ARG(gvk),
                      STR_ARG(path));
}

static str path_of(const node *entry)
{
    str path = node_find_str(entry, "fieldref", "fieldPath", NULL);
    return path.len ? path : STR("metadata.name");
}

static err *in_list(arena *a, const node *entries, err *e)
{
    buf list = BUF(a);
    NODE_EACH (entries, it) {
        const node *object = node_get(it, STR("objref"));
        if (list.len) buf_add_char(&list, ' ');
        buf_add(&list,
                shown(a, node_get_str(it, STR("name")), node_get_str(object, STR("group")),
                      node_get_str(object, STR("version")), node_get_str(object, STR("kind")),
                      node_find_str(it, "fieldref", "fieldPath", NULL)));
    }
    return err_wrap(e, "merging vars [" STR_FMT "]", STR_ARG(buf_str(&list)));
}

/* --- Binding --- */

/* Without a namespace any will do, except for kinds that have none. */
static bool is_object(struct resid wanted, struct resid id)
{
    if (wanted.gvk != id.gvk || !str_eq(wanted.name, id.name)) return false;
    bool anywhere = !wanted.namespace.len && !wanted.gvk->cluster_scoped;
    return anywhere || str_eq(resid_namespace(wanted), resid_namespace(id));
}

static size_t find_objects(const struct resmap *map, struct resid wanted, struct resource **out)
{
    const struct resmap_named *named = resmap_named(map, wanted.name);
    size_t found = 0;
    for (size_t i = 0; named && i < named->count; i++) {
        struct resource *resource = named->items[i];
        if (resource->dropped) continue;
        bool matches = is_object(wanted, resource->id);
        for (size_t j = 0; j < resource->past_count && !matches; j++)
            matches = is_object(wanted, resource_past_id(map->gvks, resource, j));
        if (matches && found++ == 0) *out = resource;
    }
    return found;
}

static err *bind(const struct resmap *map, const node *entry, struct var *out)
{
    arena *a = map->a;
    const node *object = node_get(entry, STR("objref"));
    str group = node_get_str(object, STR("group")), version = node_get_str(object, STR("version"));
    str api_version = node_get_str(object, STR("apiVersion"));
    if (!api_version.len && group.len)
        api_version = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(version));
    else if (!api_version.len)
        api_version = version;
    struct resid wanted = {
        .gvk = gvk_find(map->gvks, api_version, node_get_str(object, STR("kind"))),
        .name = node_get_str(object, STR("name")),
        .namespace = node_get_str(object, STR("namespace")),
    };
    struct var var = {.name = node_get_str(entry, STR("name")), .path = path_of(entry)};
    var.shown =
        shown(a, var.name, wanted.gvk->group, wanted.gvk->version, wanted.gvk->kind, var.path);
    size_t found = find_objects(map, wanted, &var.resource);
    if (found > 1)
        return err_invalid("found %zu resId matches for var " STR_FMT " (unable to disambiguate)",
                           found, STR_ARG(var.shown));
    *out = var;
    return NULL;
}

static err *add(arena *a, struct vars *vars, const struct var *var)
{
    for (size_t i = 0; i < vars->count; i++)
        if (str_eq(vars->items[i].name, var->name))
            return err_invalid("var '" STR_FMT "' already encountered", STR_ARG(var->name));
    *ARENA_PUSH(a, vars->items, vars->count, vars->room) = *var;
    return NULL;
}

err *vars_add(struct vars *vars, const struct resmap *map, const node *entries)
{
    NODE_EACH (entries, it) {
        struct var var;
        err *e = bind(map, it, &var);
        if (!e) e = add(map->a, vars, &var);
        if (e) return in_list(map->a, entries, e);
    }
    return NULL;
}

err *vars_merge(arena *a, struct vars *vars, const struct vars *more)
{
    for (size_t i = 0; i < more->count; i++)
        TRY(add(a, vars, &more->items[i]));
    return NULL;
}

/* --- Resolving --- */

static err *read_value(arena *a, const struct var *var, node **out)
{
    struct resource *resource = var->resource;
    while (resource && resource->replaced_by)
        resource = resource->replaced_by;
    if (!resource || resource->dropped)
        return err_invalid("var '" STR_FMT "' cannot be mapped to a field in the set of known "
                           "resources",
                           STR_ARG(var->shown));
    err *e = variable_value(a, resource->root, var->path, out);
    if (!e) return NULL;
    err_free(e);
    return err_invalid("field specified in var '" STR_FMT "' not found in corresponding resource",
                       STR_ARG(var->shown));
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct var *)a)->name, ((const struct var *)b)->name);
}

static err *expand(const struct fieldspec_visit *visit, node *value)
{
    return variable_expand(visit->a, visit->context, NULL, value);
}

err *vars_resolve(struct vars *vars, const struct resmap *map, struct field_specs specs)
{
    struct map values AUTO(map_done) = {0};
    if (!vars->count) return NULL;
    qsort(vars->items, vars->count, sizeof *vars->items, by_name);
    for (size_t i = 0; i < vars->count; i++) {
        node *value;
        TRY(read_value(map->a, &vars->items[i], &value));
        map_put(&values, vars->items[i].name, value);
    }
    struct fieldspec_visit visit = {.a = map->a, .set = expand, .context = &values};
    for (size_t i = 0; i < map->count; i++)
        TRY(fieldspec_apply_all(&visit, specs, map->items[i]));
    return NULL;
}
