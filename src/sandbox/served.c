#include "sandbox/served.h"

#include <stdlib.h>

#include "doc/json.h"

static const unsigned char builtin_text[] = {
#include "builtin.json.inc"
};

struct served_table {
    arena fixed, custom; /* memory of the built-in rows and of the others */
    struct store *store;
    const node *definitions;
    struct collection *crds;
    struct served *rows;
    size_t builtin_count, count, room;
};

static str api_version_of(arena *a, str group, str version)
{
    return group.len ? str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(version))
                     : version;
}

static struct collection *collection_of(struct store *store, str group, str plural)
{
    arena a AUTO(arena_done) = {0};
    /* The first version of events came before the second one's group. */
    return store_collection(store,
                            str_printf(&a, STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(plural)));
}

static void add_builtin(struct served_table *table, const node *row)
{
    str name = node_get_str(row, STR("name")), base, sub, group = {0}, version;
    bool is_sub = str_cut(name, '/', &base, &sub);
    str api_version = node_get_str(row, STR("groupVersion"));
    if (!str_cut(api_version, '/', &group, &version)) {
        version = api_version;
        group = (str){0};
    }
    if (is_sub) {
        struct served *last = &table->rows[table->count - 1];
        for (size_t i = 0; i < table->count; i++) {
            struct served *served = &table->rows[i];
            if (str_eq(served->plural, base) && str_eq(served->api_version, api_version))
                last = served;
        }
        if (str_is(sub, "status")) last->has_status = true;
        if (str_is(sub, "scale")) last->has_scale = true;
        return;
    }
    *ARENA_PUSH(&table->fixed, table->rows, table->count, table->room) = (struct served){
        .group = group,
        .version = version,
        .api_version = api_version,
        .plural = name,
        .singular = node_get_str(row, STR("singularName")),
        .kind = node_get_str(row, STR("kind")),
        .namespaced = node_get_bool(row, STR("namespaced"), false),
        .verbs = node_get(row, STR("verbs")),
        .short_names = node_get(row, STR("shortNames")),
        .categories = node_get(row, STR("categories")),
        .typing = typing_named(table->definitions, node_get_str(row, STR("type"))),
        .collection = collection_of(table->store, group, name),
    };
}

struct served_table *served_new(struct store *store)
{
    struct served_table *table = lang_zalloc(sizeof *table);
    table->store = store;
    str text = str_from((const char *)builtin_text, sizeof builtin_text);
    node *builtin = NULL;
    err *e AUTO(err_done) =
        json_parse(&table->fixed, text, (struct json_options){.borrow = true}, &builtin);
    must(!e);
    table->definitions = node_get(builtin, STR("definitions"));
    NODE_EACH (node_get(builtin, STR("resources")), row) {
        add_builtin(table, row);
    }
    table->builtin_count = table->count;
    table->crds =
        collection_of(store, STR("apiextensions.k8s.io"), STR("customresourcedefinitions"));
    served_refresh(table);
    return table;
}

void served_free(struct served_table *table)
{
    if (!table) return;
    arena_done(&table->fixed);
    arena_done(&table->custom);
    free(table);
}

/* The schema of an object: what the CRD says, and what every object has. */
static const node *object_schema(arena *a, const node *crd_schema)
{
    static const node nothing = {.kind = NODE_MAP};
    node *root = doc_copy_top(a, crd_schema ? crd_schema : &nothing);
    const node *properties = node_get(root, STR("properties"));
    node *with = doc_copy_top(a, properties ? properties : &nothing);
    node *text = node_map(a), *meta = node_map(a);
    node_set_str(a, text, STR("type"), STR("string"));
    node_set_str(a, meta, STR("$ref"),
                 STR("#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    node_set(a, with, STR("apiVersion"), text);
    node_set(a, with, STR("kind"), text);
    node_set(a, with, STR("metadata"), meta);
    node_set(a, root, STR("properties"), with);
    return root;
}

static const node *custom_verbs(arena *a)
{
    static const char *const verbs[] = {"delete", "deletecollection", "get",    "list",
                                        "patch",  "create",           "update", "watch"};
    node *list = node_list(a);
    for (size_t i = 0; i < COUNT(verbs); i++)
        node_push(a, list, node_str(a, str_of(verbs[i])));
    return list;
}

static void add_custom(struct served_table *table, const node *crd, const node *version)
{
    arena *a = &table->custom;
    if (!node_get_bool(version, STR("served"), false)) return;
    const node *spec = node_get(crd, STR("spec")), *names = node_get(spec, STR("names"));
    str group = node_get_str(spec, STR("group")), name = node_get_str(version, STR("name"));
    str plural = node_get_str(names, STR("plural")), kind = node_get_str(names, STR("kind"));
    str singular = node_get_str(names, STR("singular"));
    const node *schema = node_find(version, "schema", "openAPIV3Schema", NULL);
    const node *subresources = node_get(version, STR("subresources"));
    *ARENA_PUSH(&table->fixed, table->rows, table->count, table->room) = (struct served){
        .group = group,
        .version = name,
        .api_version = api_version_of(a, group, name),
        .plural = plural,
        .singular = singular.len ? singular : str_lower(a, kind),
        .kind = kind,
        .namespaced = str_is(node_get_str(spec, STR("scope")), "Namespaced"),
        .custom = true,
        .has_status = node_get(subresources, STR("status")) != NULL,
        .has_scale = node_get(subresources, STR("scale")) != NULL,
        .verbs = custom_verbs(a),
        .short_names = node_get(names, STR("shortNames")),
        .categories = node_get(names, STR("categories")),
        .columns = node_get(version, STR("additionalPrinterColumns")),
        .scale = node_get(subresources, STR("scale")),
        .selectable = node_get(version, STR("selectableFields")),
        .typing = typing_of(table->definitions, object_schema(a, schema)),
        .collection = collection_of(table->store, group, plural),
    };
}

void served_refresh(struct served_table *table)
{
    table->count = table->builtin_count;
    arena_reset(&table->custom);
    size_t count;
    str *keys = store_keys(&table->custom, table->crds, &count);
    for (size_t i = 0; i < count; i++) {
        const doc *crd = map_get(&table->crds->objects, keys[i]);
        const node *copy = doc_copy(&table->custom, crd->root);
        NODE_EACH (node_find(copy, "spec", "versions", NULL), version) {
            add_custom(table, copy, version);
        }
    }
}

const struct served *served_find(const struct served_table *table, str group, str version,
                                 str plural)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct served *row = &table->rows[i];
        if (str_eq(row->plural, plural) && str_eq(row->group, group) &&
            (!version.len || str_eq(row->version, version)))
            return row;
    }
    return NULL;
}

const struct served *served_kind(const struct served_table *table, str group, str version, str kind)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct served *row = &table->rows[i];
        if (str_eq(row->kind, kind) && str_eq(row->group, group) &&
            (!version.len || str_eq(row->version, version)))
            return row;
    }
    return NULL;
}

const struct served *served_rows(const struct served_table *table, size_t *count_out)
{
    *count_out = table->count;
    return table->rows;
}

struct typing served_type(const struct served_table *table, str name)
{
    return typing_named(table->definitions, name);
}

struct collection *served_crds(const struct served_table *table)
{
    return table->crds;
}

bool served_has_group(const struct served_table *table, str group, str version)
{
    for (size_t i = 0; i < table->count; i++)
        if (str_eq(table->rows[i].group, group) &&
            (!version.len || str_eq(table->rows[i].version, version)))
            return true;
    return false;
}

bool served_has_generation(const struct served *served)
{
    static const char *const groups[] = {"apps", "batch", "networking.k8s.io", "policy",
                                         "apiextensions.k8s.io"};
    if (served->custom || str_is(served->kind, "Pod")) return true;
    for (size_t i = 0; i < COUNT(groups); i++)
        if (str_is(served->group, groups[i])) return !str_is(served->kind, "IngressClass");
    return false;
}

/* ---- discovery ---- */

static node *object_of(arena *a, const char *kind, const char *api_version)
{
    node *out = node_map(a);
    node_set_str(a, out, STR("kind"), str_of(kind));
    node_set_str(a, out, STR("apiVersion"), str_of(api_version));
    return out;
}

static node *version_of(arena *a, str group, str version)
{
    node *out = node_map(a);
    node_set_str(a, out, STR("groupVersion"), api_version_of(a, group, version));
    node_set_str(a, out, STR("version"), version);
    return out;
}

static node *group_of(arena *a, const struct served_table *table, str group)
{
    node *out = node_map(a), *versions = node_list(a);
    node_set_str(a, out, STR("name"), group);
    node_set(a, out, STR("versions"), versions);
    for (size_t i = 0; i < table->count; i++) {
        const struct served *row = &table->rows[i];
        bool known = !str_eq(row->group, group);
        NODE_EACH (versions, version) {
            if (str_eq(node_get_str(version, STR("version")), row->version)) known = true;
        }
        if (!known) node_push(a, versions, version_of(a, group, row->version));
    }
    if (!versions->count) return NULL;
    node_set(a, out, STR("preferredVersion"), versions->items[0]);
    return out;
}

/* The names of all groups but the core one, each once. */
static node *group_names(arena *a, const struct served_table *table)
{
    node *names = node_map(a);
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].group.len) node_set(a, names, table->rows[i].group, node_null(a));
    }
    return names;
}

node *served_groups(arena *a, const struct served_table *table)
{
    node *out = object_of(a, "APIGroupList", "v1"), *groups = node_list(a);
    node_set(a, out, STR("groups"), groups);
    PAIR_EACH (group_names(a, table), name) {
        node_push(a, groups, group_of(a, table, name->key));
    }
    return out;
}

node *served_group(arena *a, const struct served_table *table, str group)
{
    node *found = group_of(a, table, group);
    if (!found) return NULL;
    node *out = object_of(a, "APIGroup", "v1");
    PAIR_EACH (found, pair) {
        node_set(a, out, pair->key, pair->value);
    }
    return out;
}

static const node *sub_verbs(arena *a)
{
    static const char *const verbs[] = {"get", "patch", "update"};
    node *list = node_list(a);
    for (size_t i = 0; i < COUNT(verbs); i++)
        node_push(a, list, node_str(a, str_of(verbs[i])));
    return list;
}

static void push_resource(arena *a, node *list, const struct served *row, const char *sub)
{
    node *out = node_map(a);
    str name = sub ? str_printf(a, STR_FMT "/%s", STR_ARG(row->plural), sub) : row->plural;
    bool scale = sub && !strcmp(sub, "scale");
    node_set_str(a, out, STR("name"), name);
    node_set_str(a, out, STR("singularName"), sub ? STR("") : row->singular);
    node_set_bool(a, out, STR("namespaced"), row->namespaced);
    if (scale) {
        node_set_str(a, out, STR("group"), STR("autoscaling"));
        node_set_str(a, out, STR("version"), STR("v1"));
    }
    node_set_str(a, out, STR("kind"), scale ? STR("Scale") : row->kind);
    node_set(a, out, STR("verbs"), (node *)(sub ? sub_verbs(a) : row->verbs));
    if (!sub && row->short_names) node_set(a, out, STR("shortNames"), (node *)row->short_names);
    if (!sub && row->categories) node_set(a, out, STR("categories"), (node *)row->categories);
    node_push(a, list, out);
}

node *served_resources(arena *a, const struct served_table *table, str group, str version)
{
    if (!served_has_group(table, group, version)) return NULL;
    node *out = object_of(a, "APIResourceList", "v1"), *list = node_list(a);
    node_set_str(a, out, STR("groupVersion"), api_version_of(a, group, version));
    node_set(a, out, STR("resources"), list);
    for (size_t i = 0; i < table->count; i++) {
        const struct served *row = &table->rows[i];
        if (!str_eq(row->group, group) || !str_eq(row->version, version)) continue;
        push_resource(a, list, row, NULL);
        if (row->has_scale) push_resource(a, list, row, "scale");
        if (row->has_status) push_resource(a, list, row, "status");
    }
    return out;
}

static node *kind_of(arena *a, str group, str version, str kind)
{
    node *out = node_map(a);
    node_set_str(a, out, STR("group"), group);
    node_set_str(a, out, STR("version"), version);
    node_set_str(a, out, STR("kind"), kind);
    return out;
}

static node *aggregated_resource(arena *a, const struct served *row)
{
    node *out = node_map(a);
    node_set_str(a, out, STR("resource"), row->plural);
    node_set(a, out, STR("responseKind"), kind_of(a, row->group, row->version, row->kind));
    node_set_str(a, out, STR("scope"), row->namespaced ? STR("Namespaced") : STR("Cluster"));
    node_set_str(a, out, STR("singularResource"), row->singular);
    node_set(a, out, STR("verbs"), (node *)row->verbs);
    if (row->short_names) node_set(a, out, STR("shortNames"), (node *)row->short_names);
    if (row->categories) node_set(a, out, STR("categories"), (node *)row->categories);
    node *subs = node_list(a);
    for (int scale = 0; scale < 2; scale++) {
        if (!(scale ? row->has_scale : row->has_status)) continue;
        node *sub = node_map(a);
        node_set_str(a, sub, STR("subresource"), scale ? STR("scale") : STR("status"));
        node_set(a, sub, STR("responseKind"),
                 scale ? kind_of(a, STR("autoscaling"), STR("v1"), STR("Scale"))
                       : kind_of(a, row->group, row->version, row->kind));
        node_set(a, sub, STR("verbs"), (node *)sub_verbs(a));
        node_push(a, subs, sub);
    }
    if (subs->count) node_set(a, out, STR("subresources"), subs);
    return out;
}

static node *aggregated_group(arena *a, const struct served_table *table, str group)
{
    node *out = node_map(a), *metadata = node_map(a), *versions = node_list(a);
    if (group.len) node_set_str(a, metadata, STR("name"), group);
    node_set(a, out, STR("metadata"), metadata);
    node_set(a, out, STR("versions"), versions);
    NODE_EACH (node_get(group_of(a, table, group), STR("versions")), known) {
        node *version = node_map(a), *list = node_list(a);
        str name = node_get_str(known, STR("version"));
        node_set_str(a, version, STR("version"), name);
        node_set(a, version, STR("resources"), list);
        node_set_str(a, version, STR("freshness"), STR("Current"));
        for (size_t i = 0; i < table->count; i++) {
            const struct served *row = &table->rows[i];
            if (str_eq(row->group, group) && str_eq(row->version, name))
                node_push(a, list, aggregated_resource(a, row));
        }
        node_push(a, versions, version);
    }
    return out;
}

node *served_aggregated(arena *a, const struct served_table *table, bool core)
{
    node *out = object_of(a, "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2");
    node *items = node_list(a);
    node_set(a, out, STR("metadata"), node_map(a));
    node_set(a, out, STR("items"), items);
    if (core) {
        node_push(a, items, aggregated_group(a, table, STR("")));
        return out;
    }
    PAIR_EACH (group_names(a, table), name) {
        node_push(a, items, aggregated_group(a, table, name->key));
    }
    return out;
}
