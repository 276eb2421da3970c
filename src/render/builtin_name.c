/* Prefixes, suffixes and hashes of names. */
#include "render/builtin.h"
#include "render/kustfile.h"
#include "render/namehash.h"
#include "render/scalar.h"
#include "render/shape.h"

static const struct decode_field affix_fields[] = {
    {"prefix", DECODE_STR},
    {"suffix", DECODE_STR},
    {"fieldSpecs", DECODE_STRUCT_LIST, &kustfile_field_spec},
};
static const struct decode_struct affix_type =
    DECODE_TABLE("builtins.PrefixTransformerPlugin", affix_fields);

/* One of the two, or both for the old PrefixSuffixTransformer. */
struct affix {
    str prefix, suffix;
    struct field_specs specs;
};

static err *configure_affix(struct build *build, const struct loader *loader,
                            const struct builtin_config *config, void **state_out)
{
    (void)loader;
    if (!config->specs.count) return err_invalid("fieldSpecs is not expected to be nil");
    struct affix *affix = NEW(build->a, struct affix);
    *affix = (struct affix){
        .prefix = node_get_str(config->config, STR("prefix")),
        .suffix = node_get_str(config->config, STR("suffix")),
        .specs = config->specs,
    };
    *state_out = affix;
    return NULL;
}

static err *put_affix(const struct fieldspec_visit *visit, node *value)
{
    const struct affix *affix = visit->context;
    if (node_is_null(value)) return NULL;
    TRY(shape_check(value, SHAPE_SCALAR));
    scalar_put(value, str_printf(visit->a, STR_FMT STR_FMT STR_FMT, STR_ARG(affix->prefix),
                                 STR_ARG(value->text), STR_ARG(affix->suffix)));
    return NULL;
}

/* Kinds whose names are part of their meaning. */
static bool keeps_name(const struct gvk *gvk)
{
    return str_is(gvk->kind, "CustomResourceDefinition") || str_is(gvk->kind, "Namespace") ||
           (str_is(gvk->kind, "APIService") && str_is(gvk->group, "apiregistration.k8s.io"));
}

static err *transform_affix(struct build *build, const void *state, struct resmap *map)
{
    const struct affix *affix = state;
    if (!affix->prefix.len && !affix->suffix.len) return NULL;
    struct fieldspec_visit visit = {
        .a = build->a,
        .create = FIELDSPEC_SCALAR,
        .set = put_affix,
        .context = (void *)affix,
    };
    for (size_t i = 0; i < map->count; i++) {
        struct resource *resource = map->items[i];
        const struct gvk *original = resource_original_id(map->gvks, resource).gvk;
        if (keeps_name(original)) continue;
        for (size_t j = 0; j < affix->specs.count; j++) {
            const struct field_spec *spec = &affix->specs.items[j];
            if (!fieldspec_selects(spec, original)) continue;
            if (str_is(spec->path, "metadata/name")) {
                if (affix->prefix.len) resource_add_prefix(build->a, resource, affix->prefix);
                if (affix->suffix.len) resource_add_suffix(build->a, resource, affix->suffix);
                resmap_store_past(map, resource);
            }
            TRY(fieldspec_apply(&visit, spec, resource));
            resmap_refresh(map, resource);
        }
        TRY(build_check(build));
    }
    return NULL;
}

BUILTIN(prefix) = {
    .kind = "PrefixTransformer",
    .type = &affix_type,
    .configure = configure_affix,
    .transform = transform_affix,
};
BUILTIN(suffix) = {
    .kind = "SuffixTransformer",
    .type = &affix_type,
    .configure = configure_affix,
    .transform = transform_affix,
};
BUILTIN(prefix_suffix) = {
    .kind = "PrefixSuffixTransformer",
    .type = &affix_type,
    .configure = configure_affix,
    .transform = transform_affix,
};

/* --- Hashes --- */

static const struct decode_struct hash_type = {.go_type = "builtins.HashTransformerPlugin"};

static err *configure_hash(struct build *build, const struct loader *loader,
                           const struct builtin_config *config, void **state_out)
{
    (void)build;
    (void)loader;
    (void)config;
    *state_out = NULL;
    return NULL;
}

static err *transform_hash(struct build *build, const void *state, struct resmap *map)
{
    (void)state;
    for (size_t i = 0; i < map->count; i++) {
        struct resource *resource = map->items[i];
        if (!resource->needs_hash) continue;
        str hash;
        TRY(namehash_of(build->a, resource->root, &hash));
        resmap_store_past(map, resource);
        node *metadata = node_make_map(build->a, resource->root, STR("metadata"));
        str name =
            str_printf(build->a, STR_FMT "-" STR_FMT, STR_ARG(resource->id.name), STR_ARG(hash));
        if (metadata) node_set_str(build->a, metadata, STR("name"), name);
        resmap_refresh(map, resource);
    }
    return NULL;
}

BUILTIN(hash) = {
    .kind = "HashTransformer",
    .type = &hash_type,
    .configure = configure_hash,
    .transform = transform_hash,
};
