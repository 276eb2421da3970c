/* Values that are copied from one object into others, and values put into fields. */
#include "doc/yaml.h"
#include "render/builtin_namespace.h"
#include "render/kustfile.h"
#include "render/replacement.h"
#include "render/scalar.h"
#include "render/selection.h"
#include "render/shape.h"

/* --- ReplacementTransformer --- */

static const struct decode_field fields[] = {
    {"replacements", DECODE_STRUCT_LIST, &kustfile_replacement},
};
static const struct decode_struct type =
    DECODE_TABLE("builtins.ReplacementTransformerPlugin", fields);

/* A file holds one replacement or a list of them. */
static err *read_file(struct build *build, const struct loader *loader, str path, node *list)
{
    arena *a = build->a;
    str text;
    node *value;
    TRY(loader_read(a, loader, path, &text));
    TRY(yaml_parse(a, text, (struct yaml_options){.dialect = YAML_V2, .last_wins = true}, &value));
    if (!node_is_map(value) && !node_is_list(value))
        return err_invalid("unsupported replacement type encountered within replacement path: %s",
                           node_kind_name(value));
    node *wrapped = value;
    if (node_is_map(value)) {
        wrapped = node_list(a);
        node_push(a, wrapped, value);
    }
    NODE_EACH (wrapped, it) {
        node *decoded;
        TRY(decode_value(a, &kustfile_replacement, it, DECODE_TEXTS, &decoded));
        node_push(a, list, decoded);
    }
    return NULL;
}

static err *configure(struct build *build, const struct loader *loader,
                      const struct builtin_config *config, void **state_out)
{
    node *list = node_list(build->a);
    NODE_EACH (node_get(config->config, STR("replacements")), it) {
        str path = node_get_str(it, STR("path"));
        const node *targets = node_get(it, STR("targets"));
        if (path.len && (node_get(it, STR("source")) || (targets && targets->count)))
            return err_invalid("cannot specify both path and inline replacement");
        if (path.len)
            TRY(read_file(build, loader, path, list));
        else
            node_push(build->a, list, it);
    }
    *state_out = list;
    return NULL;
}

struct source {
    struct field_spec gvk; /* without a path */
    str name, namespace, path, shown;
};

/* compat: as Go prints options. */
static str options_text(arena *a, const node *options)
{
    struct replacement_options read = replacement_options(options);
    if (!read.delimiter.len && !read.create) return (str){0};
    return str_printf(a, ":" STR_FMT "(%lld), create=%s", STR_ARG(read.delimiter),
                      (long long)read.index, read.create ? "true" : "false");
}

static struct source read_source(arena *a, const node *from)
{
    struct source source = {
        .gvk = {.group = node_get_str(from, STR("group")),
                .version = node_get_str(from, STR("version")),
                .kind = node_get_str(from, STR("kind"))},
        .name = node_get_str(from, STR("name")),
        .namespace = node_get_str(from, STR("namespace")),
        .path = node_get_str(from, STR("fieldPath")),
    };
    source.shown = resid_show(a, source.gvk.group, source.gvk.version, source.gvk.kind, source.name,
                              source.namespace);
    return source;
}

static bool source_is(const struct source *source, struct resid id)
{
    return fieldspec_selects(&source->gvk, id.gvk) &&
           (!source->name.len || str_eq(source->name, id.name)) &&
           (!source->namespace.len || str_eq(source->namespace, resid_namespace(id)));
}

static bool source_matches(const struct source *source, struct gvks *gvks,
                           const struct resource *resource)
{
    if (source_is(source, resource->id)) return true;
    for (size_t i = 0; i < resource->past_count; i++)
        if (source_is(source, resource_past_id(gvks, resource, i))) return true;
    return false;
}

static err *find_source(struct build *build, const struct resmap *map, const node *from,
                        const struct source *source, struct resource **out)
{
    struct resmap_named all = {.items = map->items, .count = map->count};
    const struct resmap_named *candidates =
        source->name.len ? resmap_named(map, source->name) : &all;
    struct resource *found = NULL;
    const char *trouble = NULL;
    for (size_t i = 0; candidates && i < candidates->count && !trouble; i++) {
        struct resource *resource = candidates->items[i];
        if (resource->dropped || !source_matches(source, map->gvks, resource)) continue;
        if (found) trouble = "multiple matches for selector ";
        found = resource;
    }
    if (!found) trouble = "nothing selected by ";
    if (trouble) {
        str options = options_text(build->a, node_get(from, STR("options")));
        return err_invalid("%s" STR_FMT "%s" STR_FMT STR_FMT, trouble, STR_ARG(source->shown),
                           source->path.len ? ":" : "", STR_ARG(source->path), STR_ARG(options));
    }
    *out = found;
    return NULL;
}

static err *read_value(struct build *build, const struct resmap *map, const node *replacement,
                       node **out)
{
    arena *a = build->a;
    const node *from = node_get(replacement, STR("source"));
    const node *literal = node_get(replacement, STR("sourceValue"));
    if ((!from && !literal) || !node_get(replacement, STR("targets")))
        return err_invalid("replacements must specify a source and at least one target");
    if (from && literal) return err_invalid("value and resource selectors are mutually exclusive");
    if (literal) {
        *out = scalar_new(a, literal->text);
        return NULL;
    }
    struct source source = read_source(a, from);
    struct resource *resource = NULL;
    TRY(find_source(build, map, from, &source, &resource));
    str path = source.path.len ? source.path : STR("metadata.name");
    return replacement_value(a, resource->root, path,
                             replacement_options(node_get(from, STR("options"))), source.shown,
                             out);
}

/* The targets of one entry, with what they are read from. */
struct aim {
    struct selection select, *reject;
    size_t reject_count;
};

static void aim_done(struct aim *aim)
{
    selection_done(&aim->select);
    for (size_t i = 0; i < aim->reject_count; i++)
        selection_done(&aim->reject[i]);
}

static err *read_selection(arena *a, const node *from, struct selection *out)
{
    err *e = selection_read(a, from, out);
    return e ? err_wrap(e, "error creating target selector") : NULL;
}

static err *read_aim(arena *a, const node *from, struct aim *out)
{
    const node *select = node_get(from, STR("select")), *reject = node_get(from, STR("reject"));
    if (!select) return err_invalid("target must specify resources to select");
    TRY(read_selection(a, select, &out->select));
    out->reject = NEW_ARRAY(a, struct selection, reject ? reject->count + 1 : 1);
    NODE_EACH (reject, it) {
        TRY(read_selection(a, it, &out->reject[out->reject_count]));
        out->reject_count++;
    }
    return NULL;
}

/* Any id of a resource counts, present and past. */
static bool matches_any_id(const struct selection *target, struct gvks *gvks,
                           const struct resource *resource)
{
    if (selection_matches_id(target, resource->id)) return true;
    for (size_t i = 0; i < resource->past_count; i++)
        if (selection_matches_id(target, resource_past_id(gvks, resource, i))) return true;
    return false;
}

static err *is_aimed_at(arena *a, struct aim *aim, struct gvks *gvks,
                        const struct resource *resource, bool *out)
{
    *out = false;
    if (!matches_any_id(&aim->select, gvks, resource)) return NULL;
    bool matches;
    TRY(selection_matches_meta(a, &aim->select, resource, &matches));
    if (!matches) return NULL;
    for (size_t i = 0; i < aim->reject_count; i++) {
        struct selection *reject = &aim->reject[i];
        if (selection_has_id(reject) && matches_any_id(reject, gvks, resource)) return NULL;
        if (!selection_has_meta(reject)) continue;
        TRY(selection_matches_meta(a, reject, resource, &matches));
        if (matches) return NULL;
    }
    *out = true;
    return NULL;
}

static err *write_value(struct build *build, struct resmap *map, const node *to, const node *value)
{
    arena *a = build->a;
    struct aim aim AUTO(aim_done) = {0};
    TRY(read_aim(a, to, &aim));
    const node *paths = node_get(to, STR("fieldPaths"));
    struct replacement_options options = replacement_options(node_get(to, STR("options")));
    for (size_t i = 0; i < map->count; i++) {
        struct resource *resource = map->items[i];
        bool aimed;
        TRY(is_aimed_at(a, &aim, map->gvks, resource, &aimed));
        if (!aimed) continue;
        if (!paths || !paths->count)
            TRY(replacement_set(a, resource->root, STR("metadata.name"), options, value));
        NODE_EACH (paths, path)
            TRY(replacement_set(a, resource->root, path->text, options, value));
        resmap_refresh(map, resource);
        TRY(build_check(build));
    }
    return NULL;
}

static err *transform(struct build *build, const void *state, struct resmap *map)
{
    const node *list = state;
    NODE_EACH (list, replacement) {
        node *value;
        TRY(read_value(build, map, replacement, &value));
        NODE_EACH (node_get(replacement, STR("targets")), to)
            TRY(write_value(build, map, to, value));
    }
    return NULL;
}

BUILTIN(replacement) = {
    .kind = "ReplacementTransformer",
    .type = &type,
    .configure = configure,
    .transform = transform,
};

/* --- ValueAddTransformer --- */

static const struct decode_field add_target_fields[] = {
    {"selector", DECODE_STRUCT, &kustfile_selector},
    {"notSelector", DECODE_STRUCT, &kustfile_selector},
    {"fieldPath", DECODE_STR},
    {"filePathPosition", DECODE_INT, .go_type = "int"},
};
static const struct decode_struct add_target = DECODE_TABLE("types.Target", add_target_fields);
static const struct decode_field add_fields[] = {
    {"value", DECODE_STR},
    {"targets", DECODE_STRUCT_LIST, &add_target},
    {"targetFilePath", DECODE_STR},
};
static const struct decode_struct add_type =
    DECODE_TABLE("builtins.ValueAddTransformerPlugin", add_fields);

struct addition {
    str value;
    const node *targets;
};

static err *configure_addition(struct build *build, const struct loader *loader,
                               const struct builtin_config *config, void **state_out)
{
    str path = node_get_str(config->config, STR("targetFilePath"));
    const node *from = config->config;
    if (path.len) {
        str text;
        node *file;
        TRY(loader_read(build->a, loader, path, &text));
        TRY(decode_yaml(build->a, &add_type, text, DECODE_EXACT, &file));
        from = file;
    }
    struct addition *addition = NEW(build->a, struct addition);
    addition->value = node_get_str(config->config, STR("value"));
    addition->targets = node_get(from, STR("targets"));
    if (!addition->targets || !addition->targets->count)
        return err_invalid("must specify at least one target");
    *state_out = addition;
    return NULL;
}

/* A value for one field: instead of its text, or as a part of the path that the text is. */
struct one_value {
    str value;
    int64_t position; /* 1 is in front of the first part; 0: instead */
};

static str insert_part(arena *a, str path, int64_t position, str part)
{
    buf b = BUF(a);
    if (str_strip_prefix(&path, STR("/"))) buf_add_char(&b, '/');
    str piece;
    bool inserted = false;
    for (int64_t index = 1; path.len && str_next(&path, '/', &piece); index++) {
        if (index == position) buf_printf(&b, STR_FMT "/", STR_ARG(part));
        inserted = inserted || index == position;
        buf_add(&b, piece);
        if (path.data) buf_add_char(&b, '/');
    }
    if (!inserted) {
        if (b.len && b.data[b.len - 1] != '/') buf_add_char(&b, '/');
        buf_add(&b, part);
    }
    return buf_str(&b);
}

static err *put_value(const struct fieldspec_visit *visit, node *value)
{
    const struct one_value *one = visit->context;
    TRY(shape_check(value, SHAPE_SCALAR));
    bool part = one->position > 0;
    scalar_put(value,
               part ? insert_part(visit->a, value->text, one->position, one->value) : one->value);
    return NULL;
}

static err *add_value(struct build *build, struct resmap *map, const node *to, str value)
{
    struct selection target AUTO(selection_done) = {0};
    struct resmap_named selected;
    struct one_value one = {
        .value = value,
        .position = node_get_int(to, STR("filePathPosition"), 0),
    };
    struct field_spec spec = {.path = node_get_str(to, STR("fieldPath")), .create = true};
    struct fieldspec_visit visit = {
        .a = build->a,
        .create = FIELDSPEC_SCALAR,
        .set = put_value,
        .context = &one,
    };
    if (!spec.path.len) return NULL;
    TRY(selection_read(build->a, node_get(to, STR("selector")), &target));
    TRY(selection_select(&target, map, &selected));
    /* compat: the namespace is more than that field. */
    bool namespace = str_is(spec.path, "metadata/namespace");
    for (size_t i = 0; i < selected.count; i++) {
        struct resource *resource = selected.items[i];
        TRY(namespace ? builtin_namespace_set(build->a, map, resource, value)
                      : fieldspec_walk(&visit, &spec, resource));
        resmap_refresh(map, resource);
    }
    return NULL;
}

static err *transform_addition(struct build *build, const void *state, struct resmap *map)
{
    const struct addition *addition = state;
    NODE_EACH (addition->targets, to)
        TRY(add_value(build, map, to, addition->value));
    return NULL;
}

BUILTIN(value_add) = {
    .kind = "ValueAddTransformer",
    .type = &add_type,
    .configure = configure_addition,
    .transform = transform_addition,
};
