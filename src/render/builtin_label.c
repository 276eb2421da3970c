/* Labels and annotations. */
#include "render/builtin.h"
#include "render/kustfile.h"
#include "render/shape.h"

static const struct decode_field label_fields[] = {
    {"labels", DECODE_STR_MAP},
    {"fieldSpecs", DECODE_STRUCT_LIST, &kustfile_field_spec},
};
static const struct decode_struct label_type =
    DECODE_TABLE("builtins.LabelTransformerPlugin", label_fields);
static const struct decode_field annotation_fields[] = {
    {"annotations", DECODE_STR_MAP},
    {"fieldSpecs", DECODE_STRUCT_LIST, &kustfile_field_spec},
};
static const struct decode_struct annotation_type =
    DECODE_TABLE("builtins.AnnotationsTransformerPlugin", annotation_fields);

struct entries {
    const node *pairs; /* sorted by key */
    struct field_specs specs;
};

static err *configure(struct build *build, const node *pairs, struct field_specs specs,
                      void **state_out)
{
    struct entries *entries = NEW(build->a, struct entries);
    *entries = (struct entries){.pairs = pairs, .specs = specs};
    *state_out = entries;
    return NULL;
}

static err *configure_labels(struct build *build, const struct loader *loader,
                             const struct builtin_config *config, void **state_out)
{
    (void)loader;
    return configure(build, node_get(config->config, STR("labels")), config->specs, state_out);
}

static err *configure_annotations(struct build *build, const struct loader *loader,
                                  const struct builtin_config *config, void **state_out)
{
    (void)loader;
    return configure(build, node_get(config->config, STR("annotations")), config->specs, state_out);
}

/* The entries of one resource. */
struct placing {
    const node *pairs;
    node **added; /* of each pair, the value that its new fields share; NULL: none yet */
    struct resource *resource;
};

/*
 * compat: label-shared-*. The fields that one run adds to a resource hold one and the same value,
 * not equal ones: whoever changes it later in one place changes it in all, until a JSON patch makes
 * them values of their own.
 */
static err *put_entries(const struct fieldspec_visit *visit, node *value)
{
    const struct placing *placing = visit->context;
    if (node_is_null(value)) return NULL;
    TRY(shape_check(value, SHAPE_MAP));
    node before = *value; /* no key is added twice, so only these are looked up */
    struct node_index known = node_index_of(visit->a, &before);
    for (uint32_t i = 0; i < placing->pairs->count; i++) {
        const struct node_pair *pair = &placing->pairs->pairs[i];
        node *entry = node_index_get(&known, pair->key), **added = &placing->added[i];
        if (entry) {
            if (!node_is_scalar(entry)) *entry = (node){.line = entry->line};
            fieldspec_put_str(entry, pair->value->text);
            continue;
        }
        if (*added)
            placing->resource->shares = true;
        else
            *added = node_str(visit->a, pair->value->text);
        node_add_pair(visit->a, value, pair->key, *added);
    }
    return NULL;
}

static err *transform(struct build *build, const void *state, struct resmap *map)
{
    const struct entries *entries = state;
    if (!node_is_map(entries->pairs) || !entries->pairs->count) return NULL;
    struct placing placing = {
        .pairs = entries->pairs,
        .added = NEW_ARRAY(build->a, node *, entries->pairs->count),
    };
    struct fieldspec_visit visit = {
        .a = build->a,
        .create = FIELDSPEC_MAP,
        .set = put_entries,
        .context = &placing,
    };
    for (size_t i = 0; i < map->count; i++) {
        memset(placing.added, 0, entries->pairs->count * sizeof *placing.added);
        placing.resource = map->items[i];
        TRY(fieldspec_apply_all(&visit, entries->specs, placing.resource));
        TRY(build_check(build));
    }
    return NULL;
}

BUILTIN(label) = {
    .kind = "LabelTransformer",
    .type = &label_type,
    .configure = configure_labels,
    .transform = transform,
};
BUILTIN(annotation) = {
    .kind = "AnnotationsTransformer",
    .type = &annotation_type,
    .configure = configure_annotations,
    .transform = transform,
};
