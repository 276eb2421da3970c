#include "render/kustfile.h"

#include "doc/yaml.h"

const str kustfile_names[KUSTFILE_NAME_COUNT] = {
    STR("kustomization.yaml"),
    STR("kustomization.yml"),
    STR("Kustomization"),
};

/* --- The fields, with the names that Go's messages give them --- */

static const struct decode_field object_meta_fields[] = {
    {"name", DECODE_STR},
    {"namespace", DECODE_STR},
    {"labels", DECODE_STR_MAP},
    {"annotations", DECODE_STR_MAP},
};
static const struct decode_struct object_meta =
    DECODE_TABLE("types.ObjectMeta", object_meta_fields);

static const struct decode_field selector_fields[] = {
    {"group", DECODE_STR, .embedded = "ResId.Gvk."},
    {"version", DECODE_STR, .embedded = "ResId.Gvk."},
    {"kind", DECODE_STR, .embedded = "ResId.Gvk."},
    {"name", DECODE_STR, .embedded = "ResId."},
    {"namespace", DECODE_STR, .embedded = "ResId."},
    {"annotationSelector", DECODE_STR},
    {"labelSelector", DECODE_STR},
};
const struct decode_struct kustfile_selector = DECODE_TABLE("types.Selector", selector_fields);

static const struct decode_field field_spec_fields[] = {
    {"group", DECODE_STR, .embedded = "Gvk."},
    {"version", DECODE_STR, .embedded = "Gvk."},
    {"kind", DECODE_STR, .embedded = "Gvk."},
    {"path", DECODE_STR},
    {"create", DECODE_BOOL},
};
const struct decode_struct kustfile_field_spec = DECODE_TABLE("types.FieldSpec", field_spec_fields);

static const struct decode_field label_fields[] = {
    {"pairs", DECODE_STR_MAP},
    {"includeSelectors", DECODE_BOOL},
    {"includeTemplates", DECODE_BOOL},
    {"includeVolumeClaimTemplates", DECODE_BOOL},
    {"fields", DECODE_STRUCT_LIST, &kustfile_field_spec},
};
static const struct decode_struct label = DECODE_TABLE("types.Label", label_fields);

static const struct decode_field patch_args_fields[] = {
    {"allowNameChange", DECODE_BOOL},
    {"allowKindChange", DECODE_BOOL},
};
const struct decode_struct kustfile_patch_args = DECODE_TABLE("types.PatchArgs", patch_args_fields);
static const struct decode_field patch_fields[] = {
    {"path", DECODE_STR},
    {"patch", DECODE_STR},
    {"target", DECODE_STRUCT, &kustfile_selector},
    {"options", DECODE_STRUCT, &kustfile_patch_args},
};
static const struct decode_struct patch = DECODE_TABLE("types.Patch", patch_fields);

static const struct decode_field image_fields[] = {
    {"name", DECODE_STR},   {"newName", DECODE_STR}, {"tagSuffix", DECODE_STR},
    {"newTag", DECODE_STR}, {"digest", DECODE_STR},
};
const struct decode_struct kustfile_image = DECODE_TABLE("types.Image", image_fields);

static const struct decode_field replica_fields[] = {
    {"name", DECODE_STR},
    {"count", DECODE_INT},
};
const struct decode_struct kustfile_replica = DECODE_TABLE("types.Replica", replica_fields);

static const struct decode_field field_options_fields[] = {
    {"delimiter", DECODE_STR},
    {"index", DECODE_INT, .go_type = "int"},
    {"encoding", DECODE_STR},
    {"create", DECODE_BOOL},
};
static const struct decode_struct field_options =
    DECODE_TABLE("types.FieldOptions", field_options_fields);

static const struct decode_field source_selector_fields[] = {
    {"group", DECODE_STR, .embedded = "ResId.Gvk."},
    {"version", DECODE_STR, .embedded = "ResId.Gvk."},
    {"kind", DECODE_STR, .embedded = "ResId.Gvk."},
    {"name", DECODE_STR, .embedded = "ResId."},
    {"namespace", DECODE_STR, .embedded = "ResId."},
    {"fieldPath", DECODE_STR},
    {"options", DECODE_STRUCT, &field_options},
};
static const struct decode_struct source_selector =
    DECODE_TABLE("types.SourceSelector", source_selector_fields);

static const struct decode_field target_selector_fields[] = {
    {"select", DECODE_STRUCT, &kustfile_selector},
    {"reject", DECODE_STRUCT_LIST, &kustfile_selector, .go_type = "[]*types.Selector"},
    {"fieldPaths", DECODE_STR_LIST},
    {"options", DECODE_STRUCT, &field_options},
};
static const struct decode_struct target_selector =
    DECODE_TABLE("types.TargetSelector", target_selector_fields);

static const struct decode_field replacement_fields[] = {
    {"source", DECODE_STRUCT, &source_selector, .embedded = "Replacement."},
    {"sourceValue", DECODE_STR, .embedded = "Replacement."},
    {"targets", DECODE_STRUCT_LIST, &target_selector, .embedded = "Replacement.",
     .go_type = "[]*types.TargetSelector"},
    {"path", DECODE_STR},
};
const struct decode_struct kustfile_replacement =
    DECODE_TABLE("types.ReplacementField", replacement_fields);

static const struct decode_field var_target_fields[] = {
    {"apiVersion", DECODE_STR},
    {"group", DECODE_STR, .embedded = "Gvk."},
    {"version", DECODE_STR, .embedded = "Gvk."},
    {"kind", DECODE_STR, .embedded = "Gvk."},
    {"name", DECODE_STR},
    {"namespace", DECODE_STR},
};
static const struct decode_struct var_target = DECODE_TABLE("types.Target", var_target_fields);
static const struct decode_field var_field_fields[] = {{"fieldPath", DECODE_STR}};
static const struct decode_struct var_field = DECODE_TABLE("types.FieldSelector", var_field_fields);
static const struct decode_field var_fields[] = {
    {"name", DECODE_STR},
    {"objref", DECODE_STRUCT, &var_target},
    {"fieldref", DECODE_STRUCT, &var_field},
};
static const struct decode_struct var = DECODE_TABLE("types.Var", var_fields);

static const struct decode_field generator_options_fields[] = {
    {"labels", DECODE_STR_MAP},
    {"annotations", DECODE_STR_MAP},
    {"disableNameSuffixHash", DECODE_BOOL},
    {"immutable", DECODE_BOOL},
};
static const struct decode_struct generator_options =
    DECODE_TABLE("types.GeneratorOptions", generator_options_fields);

#define GENERATOR_FIELDS                                                                           \
    {"namespace", DECODE_STR, .embedded = "GeneratorArgs."},                                       \
        {"name", DECODE_STR, .embedded = "GeneratorArgs."},                                        \
        {"behavior", DECODE_STR, .embedded = "GeneratorArgs."},                                    \
        {"literals", DECODE_STR_LIST, .embedded = "GeneratorArgs.KvPairSources."},                 \
        {"files", DECODE_STR_LIST, .embedded = "GeneratorArgs.KvPairSources."},                    \
        {"envs", DECODE_STR_LIST, .embedded = "GeneratorArgs.KvPairSources."},                     \
        {"env", DECODE_STR, .embedded = "GeneratorArgs.KvPairSources."},                           \
    {                                                                                              \
        "options", DECODE_STRUCT, &generator_options, .embedded = "GeneratorArgs."                 \
    }
static const struct decode_field config_map_fields[] = {GENERATOR_FIELDS};
const struct decode_struct kustfile_config_map_args =
    DECODE_TABLE("types.ConfigMapArgs", config_map_fields);
static const struct decode_field secret_fields[] = {GENERATOR_FIELDS, {"type", DECODE_STR}};
const struct decode_struct kustfile_secret_args = DECODE_TABLE("types.SecretArgs", secret_fields);

static const struct decode_field helm_globals_fields[] = {
    {"chartHome", DECODE_STR},
    {"configHome", DECODE_STR},
};
static const struct decode_struct helm_globals =
    DECODE_TABLE("types.HelmGlobals", helm_globals_fields);
static const struct decode_field helm_chart_fields[] = {
    {"name", DECODE_STR},        {"version", DECODE_STR},
    {"repo", DECODE_STR},        {"releaseName", DECODE_STR},
    {"namespace", DECODE_STR},   {"additionalValuesFiles", DECODE_STR_LIST},
    {"valuesFile", DECODE_STR},  {"valuesInline", DECODE_ANY},
    {"valuesMerge", DECODE_STR}, {"includeCRDs", DECODE_BOOL},
    {"skipHooks", DECODE_BOOL},  {"apiVersions", DECODE_STR_LIST},
    {"kubeVersion", DECODE_STR}, {"nameTemplate", DECODE_STR},
    {"skipTests", DECODE_BOOL},  {"debug", DECODE_BOOL},
    {"devel", DECODE_BOOL},
};
static const struct decode_struct helm_chart = DECODE_TABLE("types.HelmChart", helm_chart_fields);
static const struct decode_field helm_args_fields[] = {
    {"chartName", DECODE_STR},      {"chartVersion", DECODE_STR},  {"chartRepoUrl", DECODE_STR},
    {"chartHome", DECODE_STR},      {"chartRepoName", DECODE_STR}, {"helmBin", DECODE_STR},
    {"helmHome", DECODE_STR},       {"values", DECODE_STR},        {"valuesLocal", DECODE_ANY},
    {"valuesMerge", DECODE_STR},    {"releaseName", DECODE_STR},   {"releaseNamespace", DECODE_STR},
    {"extraArgs", DECODE_STR_LIST},
};
static const struct decode_struct helm_args = DECODE_TABLE("types.HelmChartArgs", helm_args_fields);

static const struct decode_field legacy_sort_fields[] = {
    {"orderFirst", DECODE_STR_LIST},
    {"orderLast", DECODE_STR_LIST},
};
static const struct decode_struct legacy_sort =
    DECODE_TABLE("types.LegacySortOptions", legacy_sort_fields);
static const struct decode_field sort_options_fields[] = {
    {"order", DECODE_STR, .go_type = "types.SortOrder"},
    {"legacySortOptions", DECODE_STRUCT, &legacy_sort},
};
static const struct decode_struct sort_options =
    DECODE_TABLE("types.SortOptions", sort_options_fields);

static const struct decode_field kustomization_fields[] = {
    {"kind", DECODE_STR, .embedded = "TypeMeta."},
    {"apiVersion", DECODE_STR, .embedded = "TypeMeta."},
    {"metadata", DECODE_STRUCT, &object_meta},
    {"openapi", DECODE_STR_MAP},
    {"namePrefix", DECODE_STR},
    {"nameSuffix", DECODE_STR},
    {"namespace", DECODE_STR},
    {"commonLabels", DECODE_STR_MAP},
    {"labels", DECODE_STRUCT_LIST, &label},
    {"commonAnnotations", DECODE_STR_MAP},
    {"patchesStrategicMerge", DECODE_STR_LIST, .go_type = "[]types.PatchStrategicMerge"},
    {"patchesJson6902", DECODE_STRUCT_LIST, &patch},
    {"patches", DECODE_STRUCT_LIST, &patch},
    {"images", DECODE_STRUCT_LIST, &kustfile_image},
    {"imageTags", DECODE_STRUCT_LIST, &kustfile_image},
    {"replacements", DECODE_STRUCT_LIST, &kustfile_replacement},
    {"replicas", DECODE_STRUCT_LIST, &kustfile_replica},
    {"vars", DECODE_STRUCT_LIST, &var},
    {"sortOptions", DECODE_STRUCT, &sort_options},
    {"resources", DECODE_STR_LIST},
    {"components", DECODE_STR_LIST},
    {"crds", DECODE_STR_LIST},
    {"bases", DECODE_STR_LIST},
    {"configMapGenerator", DECODE_STRUCT_LIST, &kustfile_config_map_args},
    {"secretGenerator", DECODE_STRUCT_LIST, &kustfile_secret_args},
    {"helmGlobals", DECODE_STRUCT, &helm_globals},
    {"helmCharts", DECODE_STRUCT_LIST, &helm_chart},
    {"helmChartInflationGenerator", DECODE_STRUCT_LIST, &helm_args},
    {"generatorOptions", DECODE_STRUCT, &generator_options},
    {"configurations", DECODE_STR_LIST},
    {"generators", DECODE_STR_LIST},
    {"transformers", DECODE_STR_LIST},
    {"validators", DECODE_STR_LIST},
    {"buildMetadata", DECODE_STR_LIST},
};
static const struct decode_struct kustomization_type =
    DECODE_TABLE("types.Kustomization", kustomization_fields);

/* --- Reading --- */

err *kustfile_decode_node(arena *a, const node *value, bool strict, node **out)
{
    int mode = strict ? DECODE_STRICT : DECODE_EXACT;
    err *e = decode_value(a, &kustomization_type, value, mode, out);
    return e ? err_wrap(e, "invalid Kustomization") : NULL;
}

err *kustfile_decode(arena *a, str text, bool strict, node **out)
{
    node *value;
    struct yaml_options options = {.dialect = YAML_V2, .last_wins = true};
    err *e = yaml_parse(a, text, options, &value);
    if (e) return err_wrap(e, "invalid Kustomization");
    return kustfile_decode_node(a, node_is_null(value) ? node_map(a) : value, strict, out);
}

/* compat: in the order of the reference. */
static void warn_deprecated(const node *root, buf *warnings)
{
    static const struct {
        const char *field, *instead, *mark;
    } notices[] = {
        {"bases", "resources", ""},
        {"commonLabels", "labels", ""},
        {"imageTags", "images", ""},
        {"patchesJson6902", "patches", ""},
        {"patchesStrategicMerge", "patches", ""},
        {"vars", "replacements", "[EXPERIMENTAL] "},
    };
    for (size_t i = 0; i < COUNT(notices); i++) {
        if (!node_get(root, str_of(notices[i].field))) continue;
        buf_printf(
            warnings,
            "# Warning: '%s' is deprecated. Please use '%s' instead. %sRun 'kustomize edit fix' "
            "to update your Kustomization automatically.\n",
            notices[i].field, notices[i].instead, notices[i].mark);
    }
}

/* Appends the list in one field to the list in another and drops the first. */
static void move_list(arena *a, node *root, str from, str to)
{
    node *moved = node_get(root, from), *list = node_get(root, to);
    if (!moved) return;
    if (!list && moved->count) node_set(a, root, to, list = node_list(a));
    NODE_EACH (moved, it)
        node_push(a, list, it);
    node_unset(root, from);
}

static void move_env(arena *a, node *root, str generator)
{
    NODE_EACH (node_get(root, generator), entry) {
        str env = node_get_str(entry, STR("env"));
        node *envs = node_get(entry, STR("envs"));
        if (env.len && !envs) node_set(a, entry, STR("envs"), envs = node_list(a));
        if (env.len) node_push(a, envs, node_str(a, env));
        node_unset(entry, STR("env"));
    }
}

/* The old way to say what helmCharts says now. */
static void move_charts(arena *a, node *root)
{
    static const struct {
        const char *old, *now;
    } names[] = {
        {"chartName", "name"},           {"chartVersion", "version"},
        {"chartRepoUrl", "repo"},        {"values", "valuesFile"},
        {"valuesLocal", "valuesInline"}, {"valuesMerge", "valuesMerge"},
        {"releaseName", "releaseName"},
    };
    node *charts = node_list(a);
    NODE_EACH (node_get(root, STR("helmChartInflationGenerator")), old) {
        node *chart = node_map(a);
        for (size_t i = 0; i < COUNT(names); i++) {
            node *value = node_get(old, str_of(names[i].old));
            if (value) node_set(a, chart, str_of(names[i].now), value);
        }
        node_push(a, charts, chart);
    }
    if (!charts->count) return;
    node_set(a, root, STR("helmChartInflationGenerator"), charts);
    move_list(a, root, STR("helmChartInflationGenerator"), STR("helmCharts"));
}

static bool is_empty(const node *root)
{
    PAIR_EACH (root, it) {
        if (str_is(it->key, "kind") || str_is(it->key, "apiVersion")) continue;
        if (it->value->kind != NODE_STR || it->value->text.len) return false;
    }
    return true;
}

static err *check_type(arena *a, const node *map, str root, bool *component_out)
{
    str kind = node_get_str(map, STR("kind")), version = node_get_str(map, STR("apiVersion"));
    bool component = str_is(kind, "Component");
    bool known = component || !kind.len || str_is(kind, "Kustomization");
    str wanted = component ? STR("kustomize.config.k8s.io/v1alpha1")
                           : STR("kustomize.config.k8s.io/v1beta1");
    buf wrong = BUF(a);
    if (!known) BUF_ADD(&wrong, "\nkind should be Kustomization or Component");
    if (version.len && !str_eq(version, wanted)) {
        str name = kind.len ? kind : STR("Kustomization");
        buf_printf(&wrong, "\napiVersion for " STR_FMT " should be " STR_FMT, STR_ARG(name),
                   STR_ARG(wanted));
    }
    if (wrong.len)
        return err_invalid("Failed to read kustomization file under " STR_FMT ":" STR_FMT,
                           STR_ARG(root), STR_ARG(buf_str(&wrong)));
    *component_out = component;
    return NULL;
}

err *kustfile_use(arena *a, node *decoded, str file_name, str root, buf *warnings,
                  struct kustfile *out)
{
    warn_deprecated(decoded, warnings);
    move_list(a, decoded, STR("bases"), STR("resources"));
    move_list(a, decoded, STR("imageTags"), STR("images"));
    move_charts(a, decoded);
    move_env(a, decoded, STR("configMapGenerator"));
    move_env(a, decoded, STR("secretGenerator"));
    if (is_empty(decoded)) return err_invalid("kustomization.yaml is empty");

    struct kustfile result = {.root = decoded, .file_name = file_name};
    TRY(check_type(a, decoded, root, &result.component));
    *out = result;
    return NULL;
}

err *kustfile_read(arena *a, str text, str file_name, str root, buf *warnings, struct kustfile *out)
{
    node *decoded;
    TRY(kustfile_decode(a, text, true, &decoded));
    return kustfile_use(a, decoded, file_name, root, warnings, out);
}
