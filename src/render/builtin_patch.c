/* Patches: strategic merge and JSON, with and without a target. */
#include "doc/json.h"
#include "doc/patch.h"
#include "doc/yaml.h"
#include "doc/yaml_emit.h"
#include "render/builtin.h"
#include "render/kustfile.h"
#include "render/manifest.h"
#include "render/quote.h"
#include "render/scalar.h"
#include "render/selection.h"
#include "render/strategic.h"

/* --- Reading --- */

/* A patch that looks like an object. */
struct merge {
    node *root;
    const struct hints *hints;
    struct resid id; /* whom it is for, when there is no target */
};

struct merges {
    struct merge *items;
    size_t count, room;
};

static err *read_merges(struct build *build, str text, struct merges *out)
{
    struct manifest_objects objects;
    TRY(manifest_read(build->a, text, &objects));
    for (size_t i = 0; i < objects.count; i++) {
        const struct manifest_object *object = &objects.items[i];
        const struct resource *resource = resource_new(build->a, &build->gvks, object->root);
        *ARENA_PUSH(build->a, out->items, out->count, out->room) =
            (struct merge){.root = resource->root, .hints = object->hints, .id = resource->id};
    }
    return NULL;
}

/* Text that begins with '[' is JSON; all else is YAML, and *text becomes its JSON. */
static err *read_operations(arena *a, str *text, struct patch *out)
{
    node *list;
    if (str_starts(*text, STR("["))) {
        TRY(json_parse(a, *text, (struct json_options){.last_wins = true}, &list));
    } else {
        struct yaml_options options = {.dialect = YAML_V2, .last_wins = true};
        TRY(yaml_parse(a, *text, options, &list));
        buf json = BUF(a);
        json_write(&json, list, (struct json_style){.html = true, .sorted = true});
        *text = buf_str(&json);
    }
    return patch_read(a, list, out);
}

/* --- Applying --- */

struct merge_options {
    bool allow_name, allow_kind;
};

static str text_of(const node *map, str key)
{
    const node *value = node_get(map, key);
    return node_is_scalar(value) ? value->text : (str){0};
}

/* compat: on the way to a target labels and annotations of a patch are read as texts, so null is
 * one, too. */
static void texts_only(arena *a, node *metadata, str key)
{
    node *map = node_get(metadata, key);
    if (!map) return;
    node *texts = node_map(a);
    PAIR_EACH (map, it) {
        if (node_is_scalar(it->value)) node_set_str(a, texts, it->key, it->value->text);
    }
    if (texts->count)
        node_set(a, metadata, key, texts);
    else
        node_unset(metadata, key);
}

static void prepare_for_targets(arena *a, struct merge *merge)
{
    node *metadata = node_get(merge->root, STR("metadata"));
    if (!node_is_map(metadata)) return;
    texts_only(a, metadata, STR("labels"));
    texts_only(a, metadata, STR("annotations"));
}

/* The field as it was before, or missing as it was. */
static void restore(arena *a, node *map, str key, const node *before)
{
    if (!before->text.len) {
        node_unset(map, key);
        return;
    }
    node *copy = NEW(a, node);
    *copy = *before;
    node_set(a, map, key, copy);
}

static node scalar_before(const node *map, str key)
{
    const node *value = node_get(map, key);
    return node_is_scalar(value) && value->kind != NODE_NULL ? *value : (node){0};
}

static err *apply_merge(struct build *build, struct resmap *map, const struct merge *merge,
                        struct merge_options options, struct resource *resource)
{
    arena *a = build->a;
    const node *metadata = node_get(resource->root, STR("metadata"));
    node name = scalar_before(metadata, STR("name"));
    node namespace = scalar_before(metadata, STR("namespace"));
    node kind = scalar_before(resource->root, STR("kind"));
    if (options.allow_name || options.allow_kind) resmap_store_past(map, resource);
    /* compat: smp-replace-whole-object. What replaces a whole object is lost in the reference. */
    if (str_is(node_get_str(merge->root, STR("$patch")), "replace")) return NULL;
    struct strategic_hints hints = {.target = resource->hints, .patch = merge->hints};
    TRY(strategic_merge_hinted(a, build->schema, hints, merge->root, &resource->root));
    if (!node_is_map(resource->root) || !resource->root->count) return NULL;

    if (!options.allow_kind) restore(a, resource->root, STR("kind"), &kind);
    node *merged = node_make_map(a, resource->root, STR("metadata"));
    if (merged && !options.allow_name) restore(a, merged, STR("name"), &name);
    if (merged) restore(a, merged, STR("namespace"), &namespace);
    resmap_refresh(map, resource);
    return build_check(build);
}

/* The patch with the apiVersion of the resource; the kind stays the patch's own. compat:
 * smp-scalar-*. A resource without apiVersion has a null one afterwards. */
static struct merge patch_for(arena *a, const struct merge *merge, struct resource *resource)
{
    node *patch = doc_copy_top(a, merge->root);
    const node *own = node_get(resource->root, STR("apiVersion"));
    str version = text_of(resource->root, STR("apiVersion"));
    if (version.len && !node_is_null(own)) {
        node_set_str(a, patch, STR("apiVersion"), version);
    } else {
        node_unset(patch, STR("apiVersion"));
        node_set(a, resource->root, STR("apiVersion"), scalar_new(a, STR("null")));
    }
    struct merge result = *merge;
    result.root = patch;
    return result;
}

static err *apply_to_targets(struct build *build, struct resmap *map, const struct merge *merge,
                             struct merge_options options, const node *selector)
{
    struct selection target AUTO(selection_done) = {0};
    struct resmap_named selected;
    TRY(selection_read(build->a, selector, &target));
    TRY(selection_select(&target, map, &selected));
    for (size_t i = 0; i < selected.count; i++) {
        struct resource *resource = selected.items[i];
        struct merge patch = patch_for(build->a, merge, resource);
        TRY(apply_merge(build, map, &patch, options, resource));
    }
    resmap_drop_empty(map);
    return resmap_check_ids(map);
}

static err *apply_operations(struct build *build, struct resmap *map,
                             const struct patch *operations, const node *selector)
{
    struct selection target AUTO(selection_done) = {0};
    struct resmap_named selected;
    TRY(selection_read(build->a, selector, &target));
    TRY(selection_select(&target, map, &selected));
    for (size_t i = 0; i < selected.count; i++) {
        struct resource *resource = selected.items[i];
        resmap_store_past(map, resource);
        if (resource->shares) resource->root = doc_copy_tree(build->a, resource->root);
        resource->shares = false;
        /* compat: patches see, and may build on, the annotations that the reference keeps inside.
         */
        resource_show_internal(build->a, resource);
        scalar_settle(build->a, resource->root);
        TRY(patch_apply(build->a, operations, &resource->root));
        TRY(patch_normalize(build->a, resource->root));
        if (node_is_map(resource->root)) resource_renew_annotations(build->a, resource);
        TRY(manifest_check(build->a, resource->root));
        resource_hide_internal(resource);
        resmap_refresh(map, resource);
        TRY(build_check(build));
    }
    return NULL;
}

/* --- PatchTransformer --- */

static const struct decode_field patch_fields[] = {
    {"path", DECODE_STR},
    {"patch", DECODE_STR},
    {"target", DECODE_STRUCT, &kustfile_selector},
    {"options", DECODE_STRUCT, &kustfile_patch_args},
};
static const struct decode_struct patch_type =
    DECODE_TABLE("builtins.PatchTransformerPlugin", patch_fields);

struct patch_state {
    struct merges merges;
    struct patch operations;
    struct merge_options options;
    const node *target; /* or NULL */
    str source;         /* for messages: [path: "a.yaml"] */
};

static err *patch_text(struct build *build, const struct loader *loader,
                       const struct builtin_config *config, str *text_out, str *source_out)
{
    str patch = str_trim(node_get_str(config->config, STR("patch")));
    str path = node_get_str(config->config, STR("path"));
    if (!patch.len == !path.len) {
        buf shown = BUF(build->a);
        TRY(yaml_emit(&shown, config->shown));
        return err_invalid("%s\n" STR_FMT,
                           patch.len ? "patch and path can't be set at the same time"
                                     : "must specify one of patch and path in",
                           STR_ARG(buf_str(&shown)));
    }
    if (patch.len) {
        *text_out = patch;
        str quoted = quote_go(build->a, patch);
        *source_out = str_printf(build->a, "[patch: " STR_FMT "]", STR_ARG(quoted));
        return NULL;
    }
    err *e = loader_read(build->a, loader, path, text_out);
    if (e) return err_wrap(e, "failed to get the patch file from path(" STR_FMT ")", STR_ARG(path));
    str quoted = quote_go(build->a, path);
    *source_out = str_printf(build->a, "[path: " STR_FMT "]", STR_ARG(quoted));
    return NULL;
}

static err *configure_patch(struct build *build, const struct loader *loader,
                            const struct builtin_config *config, void **state_out)
{
    struct patch_state *state = NEW(build->a, struct patch_state);
    const node *options = node_get(config->config, STR("options"));
    state->target = node_get(config->config, STR("target"));
    state->options.allow_name = node_get_bool(options, STR("allowNameChange"), false);
    state->options.allow_kind = node_get_bool(options, STR("allowKindChange"), false);
    str text;
    TRY(patch_text(build, loader, config, &text, &state->source));

    err *no_merge AUTO(err_done) = read_merges(build, text, &state->merges);
    err *no_json AUTO(err_done) = read_operations(build->a, &text, &state->operations);
    if (no_merge && no_json)
        return err_invalid("unable to parse SM or JSON patch from " STR_FMT,
                           STR_ARG(state->source));
    if (!no_merge && !no_json && state->merges.count && state->operations.count)
        return err_invalid("illegally qualifies as both an SM and JSON patch: " STR_FMT,
                           STR_ARG(state->source));
    if (state->target)
        for (size_t i = 0; i < state->merges.count; i++)
            prepare_for_targets(build->a, &state->merges.items[i]);
    *state_out = state;
    return NULL;
}

static err *merge_by_id(struct build *build, struct resmap *map, const struct patch_state *state)
{
    for (size_t i = 0; i < state->merges.count; i++) {
        const struct merge *merge = &state->merges.items[i];
        struct resource *resource;
        err *e = resmap_find_one(map, merge->id, &resource);
        if (e) {
            str id = resid_text(build->a, merge->id);
            return err_wrap(e, "no resource matches strategic merge patch \"" STR_FMT "\"",
                            STR_ARG(id));
        }
        TRY(apply_merge(build, map, merge, state->options, resource));
    }
    return NULL;
}

static err *transform_patch(struct build *build, const void *state_in, struct resmap *map)
{
    const struct patch_state *state = state_in;
    if (state->merges.count) {
        if (!state->target) return merge_by_id(build, map, state);
        if (state->merges.count > 1)
            return err_invalid("Multiple Strategic-Merge Patches in one `patches` entry is not "
                               "allowed to set `patches.target` field: " STR_FMT,
                               STR_ARG(state->source));
        return apply_to_targets(build, map, state->merges.items, state->options, state->target);
    }
    if (!state->operations.count) return NULL;
    if (!state->target)
        return err_invalid("must specify a target for JSON patch " STR_FMT, STR_ARG(state->source));
    return apply_operations(build, map, &state->operations, state->target);
}

BUILTIN(patch) = {
    .kind = "PatchTransformer",
    .type = &patch_type,
    .configure = configure_patch,
    .transform = transform_patch,
};

/* --- PatchStrategicMergeTransformer --- */

static const struct decode_field strategic_fields[] = {
    {"paths", DECODE_STR_LIST, .go_type = "[]types.PatchStrategicMerge"},
    {"patches", DECODE_STR},
};
static const struct decode_struct strategic_type =
    DECODE_TABLE("builtins.PatchStrategicMergeTransformerPlugin", strategic_fields);

static err *read_merge_file(struct build *build, const struct loader *loader, str path,
                            struct merges *out)
{
    /* compat: the path may be the patch itself. */
    err *e = read_merges(build, path, out);
    if (!e) return NULL;
    err_free(e);
    str text;
    TRY(loader_read(build->a, loader, path, &text));
    e = read_merges(build, text, out);
    return manifest_name_file(e, path);
}

static str joined(arena *a, const node *list)
{
    buf b = BUF(a);
    NODE_EACH (list, it) {
        if (b.len) buf_add_char(&b, ' ');
        buf_add(&b, it->text);
    }
    return buf_str(&b);
}

static err *configure_strategic(struct build *build, const struct loader *loader,
                                const struct builtin_config *config, void **state_out)
{
    const node *paths = node_get(config->config, STR("paths"));
    str patches = node_get_str(config->config, STR("patches"));
    if ((!paths || !paths->count) && !patches.len)
        return err_invalid("empty file path and empty patch content");
    struct merges *merges = NEW(build->a, struct merges);
    NODE_EACH (paths, path)
        TRY(read_merge_file(build, loader, path->text, merges));
    if (patches.len) TRY(read_merges(build, patches, merges));
    if (!merges->count) {
        str files = joined(build->a, paths);
        return err_invalid("patch appears to be empty; files=[" STR_FMT "], Patch=" STR_FMT,
                           STR_ARG(files), STR_ARG(patches));
    }
    for (size_t i = 0; i < merges->count; i++)
        prepare_for_targets(build->a, &merges->items[i]);
    *state_out = merges;
    return NULL;
}

static err *transform_strategic(struct build *build, const void *state, struct resmap *map)
{
    const struct merges *merges = state;
    for (size_t i = 0; i < merges->count; i++) {
        const struct merge *merge = &merges->items[i];
        struct resource *resource;
        TRY(resmap_find_one(map, merge->id, &resource));
        struct merge patch = patch_for(build->a, merge, resource);
        TRY(apply_merge(build, map, &patch, (struct merge_options){0}, resource));
    }
    return NULL;
}

BUILTIN(strategic) = {
    .kind = "PatchStrategicMergeTransformer",
    .type = &strategic_type,
    .configure = configure_strategic,
    .transform = transform_strategic,
};

/* --- PatchJson6902Transformer --- */

static const struct decode_field json_fields[] = {
    {"target", DECODE_STRUCT, &kustfile_selector},
    {"path", DECODE_STR},
    {"jsonOp", DECODE_STR},
};
static const struct decode_struct json_type =
    DECODE_TABLE("builtins.PatchJson6902TransformerPlugin", json_fields);

struct json_state {
    struct patch operations;
    const node *target;
};

static err *configure_json(struct build *build, const struct loader *loader,
                           const struct builtin_config *config, void **state_out)
{
    struct json_state *state = NEW(build->a, struct json_state);
    state->target = node_get(config->config, STR("target"));
    str path = node_get_str(config->config, STR("path"));
    str text = node_get_str(config->config, STR("jsonOp"));
    if (!node_get_str(state->target, STR("name")).len)
        return err_invalid("must specify the target name");
    if (!path.len && !text.len) return err_invalid("empty file path and empty jsonOp");
    if (path.len && text.len) return err_invalid("must specify a file path or jsonOp, not both");
    if (path.len) TRY(loader_read(build->a, loader, path, &text));
    if (!text.len)
        return err_invalid("patch file '" STR_FMT "' empty seems to be empty", STR_ARG(path));
    err *e = read_operations(build->a, &text, &state->operations);
    if (e) return err_wrap(e, "decoding " STR_FMT, STR_ARG(text));
    if (!state->operations.count)
        return err_invalid("patch appears to be empty; file=" STR_FMT ", JsonOp=" STR_FMT,
                           STR_ARG(path), STR_ARG(text));
    *state_out = state;
    return NULL;
}

static err *transform_json(struct build *build, const void *state_in, struct resmap *map)
{
    const struct json_state *state = state_in;
    return apply_operations(build, map, &state->operations, state->target);
}

BUILTIN(json) = {
    .kind = "PatchJson6902Transformer",
    .type = &json_type,
    .configure = configure_json,
    .transform = transform_json,
};
