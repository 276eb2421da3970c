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

static err *put_entries(const struct fieldspec_visit *visit, node *value)
{
    const node *pairs = visit->context;
    if (node_is_null(value)) return NULL;
    TRY(shape_check(value, SHAPE_MAP));
    node before = *value; /* no key is added twice, so only these are looked up */
    struct node_index known = node_index_of(visit->a, &before);
    PAIR_EACH (pairs, it) {
        node *entry = node_index_get(&known, it->key);
        if (!entry)
            node_add_pair(visit->a, value, it->key, node_str(visit->a, it->value->text));
        else if (node_is_scalar(entry))
            fieldspec_put_str(entry, it->value->text);
        else
            node_set_str(visit->a, value, it->key, it->value->text);
    }
    return NULL;
}

static err *transform(struct build *build, const void *state, struct resmap *map)
{
    const struct entries *entries = state;
    if (!node_is_map(entries->pairs) || !entries->pairs->count) return NULL;
    struct fieldspec_visit visit = {
        .a = build->a,
        .create = FIELDSPEC_MAP,
        .set = put_entries,
        .context = (void *)entries->pairs,
    };
    for (size_t i = 0; i < map->count; i++) {
        TRY(fieldspec_apply_all(&visit, entries->specs, map->items[i]));
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
