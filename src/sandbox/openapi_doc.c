#include "sandbox/openapi_doc.h"

#define TITLE   "fixpoint sandbox"
#define VERSION "v1.36.3"

static node *info_of(arena *a)
{
    node *info = node_map(a);
    node_set_str(a, info, STR("title"), STR(TITLE));
    node_set_str(a, info, STR("version"), STR(VERSION));
    return info;
}

node *openapi_doc_v2(arena *a)
{
    node *out = node_map(a);
    node_set_str(a, out, STR("swagger"), STR("2.0"));
    node_set(a, out, STR("info"), info_of(a));
    node_set(a, out, STR("paths"), node_map(a));
    return out;
}

str openapi_doc_v2_protobuf(void)
{
    /* swagger = 1, info = 2 {title = 1, version = 2}, paths = 8 */
    return STR("\x0a\x03"
               "2.0"
               "\x12\x1b"
               "\x0a\x10" TITLE "\x12\x07" VERSION "\x42\0");
}

static str group_path(arena *a, const struct served *row)
{
    return row->group.len ? str_printf(a, "apis/" STR_FMT, STR_ARG(row->api_version))
                          : str_printf(a, "api/" STR_FMT, STR_ARG(row->version));
}

node *openapi_doc_index(arena *a, const struct served_table *table)
{
    node *out = node_map(a), *paths = node_map(a);
    node_set(a, out, STR("paths"), paths);
    size_t count;
    const struct served *rows = served_rows(table, &count);
    for (size_t i = 0; i < count; i++) {
        str path = group_path(a, &rows[i]);
        if (node_get(paths, path)) continue;
        node *entry = node_map(a);
        node_set_str(a, entry, STR("serverRelativeURL"),
                     str_printf(a, "/openapi/v3/" STR_FMT, STR_ARG(path)));
        node_set(a, paths, path, entry);
    }
    return out;
}

/* References of definitions point to components here; every node on the way is copied. */
static node *relocated(arena *a, const node *n)
{
    if (node_is_list(n)) {
        node *out = node_list(a);
        NODE_EACH (n, item) {
            node_push(a, out, relocated(a, item));
        }
        return out;
    }
    if (!node_is_map(n)) return (node *)n;
    node *out = node_map(a);
    PAIR_EACH (n, pair) {
        str text;
        if (str_is(pair->key, "$ref") && node_to_str(pair->value, &text)) {
            str_strip_prefix(&text, STR("#/definitions/"));
            node_set_str(a, out, pair->key, str_concat(a, STR("#/components/schemas/"), text));
        } else {
            node_add_pair(a, out, pair->key, relocated(a, pair->value));
        }
    }
    return out;
}

/* Every type that is referred to, its own references included. */
static void add_types(arena *a, const node *definitions, const node *n, node *schemas)
{
    NODE_EACH (n, item) {
        add_types(a, definitions, item, schemas);
    }
    PAIR_EACH (n, pair) {
        str name;
        if (!str_is(pair->key, "$ref") || !node_to_str(pair->value, &name)) {
            add_types(a, definitions, pair->value, schemas);
            continue;
        }
        str_strip_prefix(&name, STR("#/definitions/"));
        const node *type = node_get(definitions, name);
        if (!type || node_get(schemas, name)) continue;
        node_set(a, schemas, name, relocated(a, type));
        add_types(a, definitions, type, schemas);
    }
}

static node *kind_list(arena *a, const struct served *row)
{
    node *list = node_list(a), *kind = node_map(a);
    node_set_str(a, kind, STR("group"), row->group);
    node_set_str(a, kind, STR("version"), row->version);
    node_set_str(a, kind, STR("kind"), row->kind);
    node_push(a, list, kind);
    return list;
}

/* What kubectl looks for: an operation that takes fieldValidation and dryRun. */
static node *path_item(arena *a, const struct served *row)
{
    static const char *const names[] = {"dryRun", "fieldManager", "fieldValidation", "force"};
    node *item = node_map(a), *patch = node_map(a), *parameters = node_list(a);
    for (size_t i = 0; i < COUNT(names); i++) {
        node *parameter = node_map(a);
        node_set_str(a, parameter, STR("name"), str_of(names[i]));
        node_set_str(a, parameter, STR("in"), STR("query"));
        node_push(a, parameters, parameter);
    }
    node_set(a, patch, STR("parameters"), parameters);
    node_set_str(a, patch, STR("x-kubernetes-action"), STR("patch"));
    node_set(a, patch, STR("x-kubernetes-group-version-kind"), kind_list(a, row)->items[0]);
    node_set(a, item, STR("patch"), patch);
    return item;
}

node *openapi_doc_of(arena *a, const struct served_table *table, str group, str version)
{
    if (!served_has_group(table, group, version)) return NULL;
    node *out = node_map(a), *paths = node_map(a), *schemas = node_map(a);
    node_set_str(a, out, STR("openapi"), STR("3.0.0"));
    node_set(a, out, STR("info"), info_of(a));
    node_set(a, out, STR("paths"), paths);
    node *components = node_make_map(a, out, STR("components"));
    node_set(a, components, STR("schemas"), schemas);
    size_t count;
    const struct served *rows = served_rows(table, &count);
    for (size_t i = 0; i < count; i++) {
        const struct served *row = &rows[i];
        if (!str_eq(row->group, group) || !str_eq(row->version, version)) continue;
        str scope = row->namespaced ? STR("namespaces/{namespace}/") : STR("");
        node_set(a, paths,
                 str_printf(a, "/" STR_FMT "/" STR_FMT STR_FMT "/{name}",
                            STR_ARG(group_path(a, row)), STR_ARG(scope), STR_ARG(row->plural)),
                 path_item(a, row));
        node *schema = relocated(a, row->typing.schema);
        node_set(a, schema, STR("x-kubernetes-group-version-kind"), kind_list(a, row));
        node_set(a, schemas,
                 str_printf(a, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(group), STR_ARG(version),
                            STR_ARG(row->kind)),
                 schema);
        add_types(a, row->typing.definitions, row->typing.schema, schemas);
    }
    return out;
}
