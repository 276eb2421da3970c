#include "render/crd_specs.h"

#include "base/limits.h"
#include "doc/json.h"
#include "doc/yaml.h"

struct list {
    struct field_spec *items;
    size_t count, room;
};

struct reference {
    str version, kind;
    struct list referrers;
};

struct reader {
    arena *a;
    const node *types;
    str kind; /* of the objects at hand */
    struct list names, labels, annotations;
    struct reference *references;
    size_t reference_count, reference_room;
    size_t steps;
};

static err *read_type(struct reader *r, str type, str path, int depth);

/* --- What a field is marked with --- */

static bool is_marked(const node *field, const char *extension)
{
    str text;
    return node_to_str(node_get(field, str_of(extension)), &text);
}

static void add_spec(struct reader *r, struct list *list, str path)
{
    *ARENA_PUSH(r->a, list->items, list->count, list->room) =
        (struct field_spec){.kind = r->kind, .path = path};
}

static struct list *referrers_of(struct reader *r, str version, str kind)
{
    for (size_t i = 0; i < r->reference_count; i++) {
        struct reference *old = &r->references[i];
        if (str_eq(old->version, version) && str_eq(old->kind, kind)) return &old->referrers;
    }
    struct reference *added =
        ARENA_PUSH(r->a, r->references, r->reference_count, r->reference_room);
    *added = (struct reference){.version = version, .kind = kind};
    return &added->referrers;
}

static str join_path(arena *a, str path, str name)
{
    str parts[] = {path, name};
    return path.len ? str_join(a, parts, COUNT(parts), STR("/")) : name;
}

static void read_reference(struct reader *r, const node *field, str path)
{
    str version, kind, name;
    if (!node_to_str(node_get(field, STR("x-kubernetes-object-ref-api-version")), &version) ||
        !node_to_str(node_get(field, STR("x-kubernetes-object-ref-kind")), &kind))
        return;
    if (!node_to_str(node_get(field, STR("x-kubernetes-object-ref-name-key")), &name))
        name = STR("name");
    add_spec(r, referrers_of(r, version, kind), join_path(r->a, path, name));
}

static err *read_field(struct reader *r, const node *field, str path, int depth)
{
    if (++r->steps > LIMIT_CRD_FIELDS)
        return err_invalid("more than %d fields of custom types", LIMIT_CRD_FIELDS);
    if (is_marked(field, "x-kubernetes-annotation")) add_spec(r, &r->annotations, path);
    if (is_marked(field, "x-kubernetes-label-selector")) add_spec(r, &r->labels, path);
    if (is_marked(field, "x-kubernetes-identity")) add_spec(r, &r->names, path);
    read_reference(r, field, path);
    str type = node_get_str(field, STR("$ref"));
    return type.len ? read_type(r, type, path, depth + 1) : NULL;
}

/* --- Types --- */

/* Go finds the field of a struct in any case. */
static const node *properties_of(const node *type)
{
    PAIR_EACH(type, pair) {
        if (str_eq_fold(pair->key, STR("schema"))) return node_get(pair->value, STR("properties"));
    }
    return NULL;
}

static err *read_type(struct reader *r, str type, str path, int depth)
{
    if (depth > LIMIT_DOC_DEPTH)
        return err_invalid("type '" STR_FMT "' nests deeper than %d levels", STR_ARG(type),
                           LIMIT_DOC_DEPTH);
    PAIR_EACH(properties_of(node_get(r->types, type)), field)
        TRY(read_field(r, field->value, join_path(r->a, path, field->key), depth));
    return NULL;
}

static bool is_object(const node *properties)
{
    return node_get(properties, STR("kind")) && node_get(properties, STR("apiVersion")) &&
           node_get(properties, STR("metadata"));
}

static struct field_specs specs_of(const struct list *list)
{
    return (struct field_specs){list->items, list->count};
}

static err *parse(arena *a, str text, bool is_json, node **out)
{
    if (is_json)
        return json_parse(a, text, (struct json_options){.last_wins = true}, out);
    return yaml_parse(a, text, (struct yaml_options){.dialect = YAML_V2, .last_wins = true}, out);
}

err *crd_specs_read(arena *a, str text, struct crd_specs *out)
{
    node *types;
    bool is_json = str_starts(text, STR("{"));
    TRY(parse(a, text, is_json, &types));
    PAIR_EACH (types, type) {
        if (!node_is_map(type->value) && !node_is_null(type->value))
            return err_invalid("%sjson: cannot unmarshal %s into Go value of type "
                               "accumulator.OpenAPIDefinition",
                               is_json ? "" : "error unmarshaling JSON: while decoding JSON: ",
                               node_kind_name(type->value));
    }
    struct reader r = {.a = a, .types = types};
    PAIR_EACH(types, type) {
        if (!is_object(properties_of(type->value))) continue;
        ptrdiff_t dot = str_rfind_char(type->key, '.');
        r.kind = str_skip(type->key, (size_t)(dot + 1));
        TRY(read_type(&r, type->key, STR(""), 0));
    }

    struct name_reference *references = NEW_ARRAY(a, struct name_reference, r.reference_count);
    for (size_t i = 0; i < r.reference_count; i++)
        references[i] = (struct name_reference){
            .version = r.references[i].version,
            .kind = r.references[i].kind,
            .referrers = specs_of(&r.references[i].referrers),
        };
    *out = (struct crd_specs){
        .name_prefix = specs_of(&r.names),
        .labels = specs_of(&r.labels),
        .annotations = specs_of(&r.annotations),
        .references = references,
        .reference_count = r.reference_count,
    };
    return NULL;
}
