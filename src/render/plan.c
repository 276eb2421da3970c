#include "render/plan.h"

#include "render/generator.h"
#include "render/origin.h"

static err *add_shown(const struct layer *layer, struct plan *plan, const char *kind,
                      struct builtin_config config)
{
    arena *a = layer->build->a;
    struct plugin plugin;
    TRY(builtin_configure(layer->build, layer->loader, kind, config, &plugin));
    str in = layer_path(layer, layer->kustomization.file_name);
    if (layer->build->origins)
        plugin.origin = origin_of_plugin(a, in, STR("builtin"), str_of(kind), (str){0}, (str){0});
    *ARENA_PUSH(a, plan->items, plan->count, plan->room) = plugin;
    return NULL;
}

static err *add(const struct layer *layer, struct plan *plan, const char *kind, const node *config,
                struct field_specs specs)
{
    struct builtin_config from = {.config = config, .specs = specs};
    return add_shown(layer, plan, kind, from);
}

/* Go leaves these out when it writes a config. */
static bool is_zero(const node *value)
{
    int64_t number;
    if (value->kind == NODE_STR) return !value->text.len;
    if (value->kind == NODE_LIST) return !value->count;
    if (value->kind == NODE_BOOL) return str_is(value->text, "false");
    return node_to_int(value, &number) && number == 0;
}

/* A config as the reference writes it. */
static node *without_zeros(arena *a, const node *map)
{
    node *result = node_map(a);
    PAIR_EACH (map, it) {
        if (is_zero(it->value)) continue;
        bool inner = node_is_map(it->value) && !str_is(it->key, "valuesInline");
        node_set(a, result, it->key, inner ? without_zeros(a, it->value) : it->value);
    }
    return result;
}

static node *wrap(arena *a, const char *key, const node *value)
{
    node *config = node_map(a);
    node_set(a, config, str_of(key), (node *)value);
    return config;
}

/* One plugin for each item of a list field. */
static err *add_each(const struct layer *layer, struct plan *plan, const char *field,
                     const char *kind, const char *key, struct field_specs specs)
{
    arena *a = layer->build->a;
    NODE_EACH (layer_field(layer, field), it) {
        const node *config = key ? wrap(a, key, it) : without_zeros(a, it);
        TRY(add(layer, plan, kind, config, specs));
    }
    return NULL;
}

/* --- Generators --- */

static err *add_generators(const struct layer *layer, struct plan *plan, const char *field,
                           const char *kind)
{
    const node *options = layer_field(layer, "generatorOptions");
    NODE_EACH (layer_field(layer, field), it) {
        node *entry = generator_entry(layer->build->a, it, options);
        TRY(add(layer, plan, kind, entry, (struct field_specs){0}));
    }
    return NULL;
}

static err *add_helm(const struct layer *layer, struct plan *plan)
{
    arena *a = layer->build->a;
    NODE_EACH (layer_field(layer, "helmCharts"), it) {
        node *config = without_zeros(a, it);
        PAIR_EACH (layer_field(layer, "helmGlobals"), global)
            if (!node_get(config, global->key)) node_set(a, config, global->key, global->value);
        TRY(add(layer, plan, "HelmChartInflationGenerator", config, (struct field_specs){0}));
    }
    return NULL;
}

err *plan_generators(const struct layer *layer, struct plan *out)
{
    TRY(add_generators(layer, out, "configMapGenerator", "ConfigMapGenerator"));
    TRY(add_generators(layer, out, "secretGenerator", "SecretGenerator"));
    return add_helm(layer, out);
}

/* --- Transformers --- */

static err *add_specs(arena *a, struct field_specs *specs, struct field_specs more,
                      const char *what)
{
    err *e = fieldspec_merge(a, *specs, more, specs);
    return e ? err_wrap(e, "failed to merge %s", what) : NULL;
}

static err *label_specs(arena *a, const node *entry, const struct field_config *fields,
                        struct field_specs *out)
{
    static const struct field_spec own[] = {{.path = STR("metadata/labels"), .create = true}};
    *out = fieldspec_list(a, node_get(entry, STR("fields")));
    TRY(add_specs(a, out, fields->lists[TABLES_LABELS], "labels"));
    if (node_get_bool(entry, STR("includeSelectors"), false))
        return add_specs(a, out, fields->lists[TABLES_COMMON_LABELS], "labels");
    if (node_get_bool(entry, STR("includeTemplates"), false))
        TRY(add_specs(a, out, fields->lists[TABLES_TEMPLATE_LABELS], "template fieldSpec"));
    if (node_get_bool(entry, STR("includeVolumeClaimTemplates"), false))
        TRY(add_specs(a, out, fields->lists[TABLES_VOLUME_CLAIM_TEMPLATE_LABELS],
                      "volumeClaimTemplate fieldSpec"));
    return add_specs(a, out, (struct field_specs){own, COUNT(own)}, "labels");
}

static err *add_labels(const struct layer *layer, const struct field_config *fields,
                       struct plan *plan)
{
    arena *a = layer->build->a;
    NODE_EACH (layer_field(layer, "labels"), entry) {
        struct field_specs specs;
        TRY(label_specs(a, entry, fields, &specs));
        const node *pairs = node_get(entry, STR("pairs"));
        node *config = pairs ? wrap(a, "labels", pairs) : node_map(a);
        TRY(add(layer, plan, "LabelTransformer", config, specs));
    }
    /* compat: with either field there is one for commonLabels. */
    const node *common = layer_field(layer, "commonLabels"), *labels = layer_field(layer, "labels");
    if (!(common && common->count) && !(labels && labels->count)) return NULL;
    return add(layer, plan, "LabelTransformer", wrap(a, "labels", common ? common : node_map(a)),
               fields->lists[TABLES_COMMON_LABELS]);
}

static err *add_annotations(const struct layer *layer, const struct field_config *fields,
                            struct plan *plan)
{
    const node *common = layer_field(layer, "commonAnnotations");
    if (!common || !common->count) return NULL;
    return add(layer, plan, "AnnotationsTransformer", wrap(layer->build->a, "annotations", common),
               fields->lists[TABLES_COMMON_ANNOTATIONS]);
}

static err *add_names(const struct layer *layer, const struct field_config *fields,
                      struct plan *plan)
{
    arena *a = layer->build->a;
    str namespace = layer_text(layer, "namespace");
    str prefix = layer_text(layer, "namePrefix"), suffix = layer_text(layer, "nameSuffix");
    if (namespace.len) {
        node *config = wrap(a, "metadata", wrap(a, "namespace", node_str(a, namespace)));
        TRY(add(layer, plan, "NamespaceTransformer", config, fields->lists[TABLES_NAMESPACE]));
    }
    if (prefix.len)
        TRY(add(layer, plan, "PrefixTransformer", wrap(a, "prefix", node_str(a, prefix)),
                fields->lists[TABLES_NAME_PREFIX]));
    if (suffix.len)
        TRY(add(layer, plan, "SuffixTransformer", wrap(a, "suffix", node_str(a, suffix)),
                fields->lists[TABLES_NAME_SUFFIX]));
    return NULL;
}

/* The old field calls the patch by another name. */
static err *add_json_patches(const struct layer *layer, struct plan *plan)
{
    arena *a = layer->build->a;
    NODE_EACH (layer_field(layer, "patchesJson6902"), it) {
        node *config = node_map(a);
        node *target = node_get(it, STR("target"));
        str path = node_get_str(it, STR("path")), patch = node_get_str(it, STR("patch"));
        if (target) node_set(a, config, STR("target"), target);
        if (path.len) node_set_str(a, config, STR("path"), path);
        if (patch.len) node_set_str(a, config, STR("jsonOp"), patch);
        TRY(add(layer, plan, "PatchJson6902Transformer", config, (struct field_specs){0}));
    }
    return NULL;
}

static err *add_replacements(const struct layer *layer, struct plan *plan)
{
    arena *a = layer->build->a;
    const node *list = layer_field(layer, "replacements");
    if (!list || !list->count) return NULL;
    node *shown = node_list(a);
    NODE_EACH (list, it)
        node_push(a, shown, without_zeros(a, it));
    /* compat: the reference writes this config with a capital letter. */
    struct builtin_config config = {
        .config = wrap(a, "replacements", list),
        .shown = wrap(a, "Replacements", shown),
    };
    return add_shown(layer, plan, "ReplacementTransformer", config);
}

err *plan_transformers(const struct layer *layer, const struct field_config *fields,
                       struct plan *out)
{
    const node *merges = layer_field(layer, "patchesStrategicMerge");
    struct field_specs none = {0};
    if (merges && merges->count)
        TRY(add(layer, out, "PatchStrategicMergeTransformer",
                wrap(layer->build->a, "paths", merges), none));
    TRY(add_each(layer, out, "patches", "PatchTransformer", NULL, none));
    TRY(add_names(layer, fields, out));
    TRY(add_labels(layer, fields, out));
    TRY(add_annotations(layer, fields, out));
    TRY(add_json_patches(layer, out));
    TRY(add_each(layer, out, "replicas", "ReplicaCountTransformer", "replica",
                 fields->lists[TABLES_REPLICAS]));
    TRY(add_each(layer, out, "images", "ImageTagTransformer", "imageTag",
                 fields->lists[TABLES_IMAGES]));
    return add_replacements(layer, out);
}
