#include "render/openapi.h"

#include <stdlib.h>

#include "doc/json.h"
#include "doc/yaml.h"

/* A table sorted by name. */
struct entry {
    str name;
    const node *schema;
    bool namespaced;
    size_t place; /* in the file: of two entries with one name the later counts */
};

struct index {
    struct entry *entries;
    size_t count, room;
};

struct openapi {
    struct index definitions; /* by name */
    struct index kinds;       /* by "apiVersion/Kind" */
    struct index scopes;      /* by "apiVersion/Kind" */
};

enum { REFERENCES_MAX = 32 }; /* one after the other, before it is taken for a circle */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = str_cmp(x->name, y->name);
    return order ? order : x->place < y->place ? -1 : 1;
}

static void index_add(arena *a, struct index *index, struct entry entry)
{
    entry.place = index->count;
    *ARENA_PUSH(a, index->entries, index->count, index->room) = entry;
}

static void index_sort(struct index *index)
{
    if (index->count)
        qsort(index->entries, index->count, sizeof *index->entries, compare_entries);
}

/* The last entry of that name. */
static const struct entry *index_find(const struct index *index, str name)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(index->entries[middle].name, name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct entry *last = low ? &index->entries[low - 1] : NULL;
    return last && str_eq(last->name, name) ? last : NULL;
}

/* --- Reading --- */

static str kind_name(arena *a, str api_version, str kind)
{
    str parts[] = {api_version, kind};
    return str_join(a, parts, COUNT(parts), STR("/"));
}

/* Of {group, version, kind}. */
static str type_name(arena *a, const node *gvk)
{
    str group = node_get_str(gvk, STR("group")), version = node_get_str(gvk, STR("version"));
    if (group.len) version = kind_name(a, group, version);
    return kind_name(a, version, node_get_str(gvk, STR("kind")));
}

#define TYPE_EXTENSION STR("x-kubernetes-group-version-kind")

static void add_definitions(arena *a, struct openapi *openapi, const node *definitions)
{
    PAIR_EACH(definitions, pair) {
        struct entry entry = {.name = pair->key, .schema = pair->value};
        index_add(a, &openapi->definitions, entry);
        NODE_EACH(node_get(pair->value, TYPE_EXTENSION), gvk) {
            entry.name = type_name(a, gvk);
            index_add(a, &openapi->kinds, entry);
        }
    }
    index_sort(&openapi->definitions);
    index_sort(&openapi->kinds);
}

/* A kind has a namespace when one of its paths has. */
static void add_scopes(arena *a, struct openapi *openapi, const node *paths)
{
    struct index *scopes = &openapi->scopes;
    PAIR_EACH(paths, pair) {
        const node *gvk = node_get(node_get(pair->value, STR("get")), TYPE_EXTENSION);
        if (!node_is_map(gvk)) continue;
        bool namespaced = str_find(pair->key, STR("namespaces/{namespace}")) >= 0;
        index_add(a, scopes, (struct entry){.name = type_name(a, gvk), .namespaced = namespaced});
    }
    index_sort(scopes);
    for (size_t i = 1; i < scopes->count; i++)
        if (str_eq(scopes->entries[i].name, scopes->entries[i - 1].name))
            scopes->entries[i].namespaced |= scopes->entries[i - 1].namespaced;
}

err *openapi_read(arena *a, str text, const struct openapi **out)
{
    node *root;
    err *e = str_starts(text, STR("{"))
                 ? json_parse(a, text, (struct json_options){.last_wins = true}, &root)
                 : yaml_parse(a, text,
                              (struct yaml_options){.dialect = YAML_V2, .last_wins = true}, &root);
    if (e) return err_wrap(e, "invalid schema file");
    if (!node_is_map(root)) return err_invalid("invalid schema file: not an object");

    struct openapi *openapi = NEW(a, struct openapi);
    add_definitions(a, openapi, node_get(root, STR("definitions")));
    add_scopes(a, openapi, node_get(root, STR("paths")));
    *out = openapi;
    return NULL;
}

/* --- Places --- */

static struct openapi_place nowhere(void)
{
    return (struct openapi_place){0};
}

/* What is written beside a $ref has no meaning. */
static struct openapi_place custom_place(const struct openapi *custom, const node *schema)
{
    for (int i = 0; i < REFERENCES_MAX && schema; i++) {
        str reference = node_get_str(schema, STR("$ref"));
        if (!reference.len) return (struct openapi_place){.custom = custom, .schema = schema};
        if (!str_strip_prefix(&reference, STR("#/definitions/"))) break;
        const struct entry *entry = index_find(&custom->definitions, reference);
        schema = entry ? entry->schema : NULL;
    }
    return nowhere();
}

struct openapi_place openapi_root(const struct openapi *custom, str api_version, str kind)
{
    if (!custom) return (struct openapi_place){.type = tables_type(api_version, kind)};
    arena a AUTO(arena_done) = {0};
    const struct entry *entry = index_find(&custom->kinds, kind_name(&a, api_version, kind));
    return entry ? (struct openapi_place){.custom = custom, .schema = entry->schema} : nowhere();
}

struct openapi_place openapi_inline(const node *schema)
{
    static const struct openapi none = {0};
    return custom_place(&none, schema);
}

struct openapi_place openapi_field(struct openapi_place place, str name)
{
    if (place.custom) {
        const node *schema = node_get(node_get(place.schema, STR("properties")), name);
        if (!schema) schema = node_get(place.schema, STR("additionalProperties"));
        return node_is_map(schema) ? custom_place(place.custom, schema) : nowhere();
    }
    const struct merge_field *field = tables_merge_field(place.type, name);
    if (!field) return nowhere();
    return field->list ? (struct openapi_place){.field = field}
                       : (struct openapi_place){.type = field->type};
}

struct openapi_place openapi_items(struct openapi_place place)
{
    if (!place.custom) return (struct openapi_place){.type = place.field ? place.field->type : 0};
    const node *items = node_get(place.schema, STR("items"));
    bool list = str_is(node_get_str(place.schema, STR("type")), "array");
    return list && node_is_map(items) ? custom_place(place.custom, items) : nowhere();
}

bool openapi_is_known(struct openapi_place place)
{
    return place.schema || place.type || place.field;
}

bool openapi_merges(struct openapi_place place)
{
    if (!place.custom) return place.field != NULL;
    str rest = node_get_str(place.schema, STR("x-kubernetes-patch-strategy")), strategy;
    while (str_next(&rest, ',', &strategy))
        if (str_is(strategy, "merge")) return true;
    return false;
}

size_t openapi_keys(arena *a, struct openapi_place place, const str **keys_out)
{
    if (!place.custom) {
        *keys_out = place.field ? place.field->keys : NULL;
        return place.field ? place.field->key_count : 0;
    }
    const node *list = node_get(place.schema, STR("x-kubernetes-list-map-keys"));
    if (node_is_list(list)) {
        str *keys = NEW_ARRAY(a, str, list->count);
        for (uint32_t i = 0; i < list->count; i++) {
            if (!node_to_str(list->items[i], &keys[i])) keys[i] = STR("");
        }
        *keys_out = keys;
        return list->count;
    }
    str *key = NEW(a, str);
    *key = node_get_str(place.schema, STR("x-kubernetes-patch-merge-key"));
    *keys_out = key;
    return key->len ? 1 : 0;
}

bool openapi_cluster_scoped(const struct openapi *custom, str api_version, str kind)
{
    if (!custom) return false;
    arena a AUTO(arena_done) = {0};
    const struct entry *entry = index_find(&custom->scopes, kind_name(&a, api_version, kind));
    return entry && !entry->namespaced;
}
