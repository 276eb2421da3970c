#include "render/field_config.h"

#include "base/limits.h"
#include "render/crd_specs.h"
#include "render/kustfile.h"

/* In the order in which the reference merges them; `go` is the name in its message. */
static const struct {
    const char *key, *go;
} names[TABLES_LIST_COUNT] = {
    [TABLES_NAME_PREFIX] = {"namePrefix", "NamePrefix"},
    [TABLES_NAME_SUFFIX] = {"nameSuffix", "NameSuffix"},
    [TABLES_NAMESPACE] = {"namespace", "NameSpace"},
    [TABLES_COMMON_LABELS] = {"commonLabels", "CommonLabels"},
    [TABLES_LABELS] = {"labels", "Labels"},
    [TABLES_TEMPLATE_LABELS] = {"templateLabels", "TemplateLabels"},
    [TABLES_VOLUME_CLAIM_TEMPLATE_LABELS] = {"volumeClaimTemplateLabels",
                                             "VolumeClaimTemplateLabels"},
    [TABLES_COMMON_ANNOTATIONS] = {"commonAnnotations", "CommonAnnotations"},
    [TABLES_VAR_REFERENCE] = {"varReference", "VarReference"},
    [TABLES_IMAGES] = {"images", "Images"},
    [TABLES_REPLICAS] = {"replicas", "Replicas"},
};

static const struct decode_field reference_fields[] = {
    {"group", DECODE_STR, .embedded = "Gvk."},
    {"version", DECODE_STR, .embedded = "Gvk."},
    {"kind", DECODE_STR, .embedded = "Gvk."},
    {"fieldSpecs", DECODE_STRUCT_LIST, &kustfile_field_spec, .go_type = "types.FsSlice"},
};
static const struct decode_struct reference =
    DECODE_TABLE("builtinconfig.NameBackReferences", reference_fields);

#define SPECS(name)                                                                                \
    {                                                                                              \
        name, DECODE_STRUCT_LIST, &kustfile_field_spec, .go_type = "types.FsSlice"                 \
    }
static const struct decode_field config_fields[] = {
    SPECS("namePrefix"),
    SPECS("nameSuffix"),
    SPECS("namespace"),
    SPECS("commonLabels"),
    SPECS("labels"),
    SPECS("templateLabels"),
    SPECS("volumeClaimTemplateLabels"),
    SPECS("commonAnnotations"),
    {"nameReference", DECODE_STRUCT_LIST, &reference, .go_type = "builtinconfig.nbrSlice"},
    SPECS("varReference"),
    SPECS("images"),
    SPECS("replicas"),
};
static const struct decode_struct config_type =
    DECODE_TABLE("builtinconfig.TransformerConfig", config_fields);

struct field_config field_config_default(void)
{
    struct field_config result;
    for (int i = 0; i < TABLES_LIST_COUNT; i++)
        result.lists[i] = tables_field_specs((enum tables_list)i);
    result.references = tables_name_references(&result.reference_count);
    return result;
}

static err *check_count(size_t count)
{
    if (count <= LIMIT_RENDER_SPECS) return NULL;
    return err_invalid("more than %d field specs, the limit of one configuration",
                       LIMIT_RENDER_SPECS);
}

err *field_config_read(arena *a, str text, struct field_config *out)
{
    node *root;
    TRY(decode_yaml(a, &config_type, text, DECODE_STRICT, &root));
    struct field_config result = {0};
    size_t count = 0;
    for (int i = 0; i < TABLES_LIST_COUNT; i++) {
        result.lists[i] = fieldspec_list(a, node_get(root, str_of(names[i].key)));
        count += result.lists[i].count;
    }
    const node *list = node_get(root, STR("nameReference"));
    struct name_reference *references =
        NEW_ARRAY(a, struct name_reference, list ? list->count + 1 : 1);
    NODE_EACH (list, it) {
        struct name_reference *added = &references[result.reference_count++];
        *added = (struct name_reference){
            .group = node_get_str(it, STR("group")),
            .version = node_get_str(it, STR("version")),
            .kind = node_get_str(it, STR("kind")),
            .referrers = fieldspec_list(a, node_get(it, STR("fieldSpecs"))),
        };
        count += 1 + added->referrers.count;
    }
    result.references = references;
    TRY(check_count(count));
    *out = result;
    return NULL;
}

err *field_config_read_crds(arena *a, str text, struct field_config *out)
{
    struct crd_specs specs;
    TRY(crd_specs_read(a, text, &specs));
    *out = (struct field_config){
        .lists = {[TABLES_NAME_PREFIX] = specs.name_prefix,
                  [TABLES_COMMON_LABELS] = specs.labels,
                  [TABLES_COMMON_ANNOTATIONS] = specs.annotations},
        .references = specs.references,
        .reference_count = specs.reference_count,
    };
    return NULL;
}

/* --- Order: by rank of the kind, then "group_version_kind" --- */

static int compare_part(str a, str b, const char *none)
{
    return str_cmp(a.len ? a : str_of(none), b.len ? b : str_of(none));
}

static int compare_gvk(const struct field_spec *a, const struct field_spec *b)
{
    int rank_a = tables_kind_rank(a->kind), rank_b = tables_kind_rank(b->kind);
    if (rank_a != rank_b) return rank_a < rank_b ? -1 : 1;
    int order = compare_part(a->group, b->group, "~G");
    if (!order) order = compare_part(a->version, b->version, "~V");
    return order ? order : compare_part(a->kind, b->kind, "~K");
}

/* Stable; the lists are short and mostly in order. */
static void sort_specs(struct field_spec *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct field_spec moved = items[i];
        size_t place = i;
        for (; place > 0 && compare_gvk(&moved, &items[place - 1]) < 0; place--)
            items[place] = items[place - 1];
        items[place] = moved;
    }
}

static bool is_empty(const struct field_config *config)
{
    size_t count = config->reference_count;
    for (int i = 0; i < TABLES_LIST_COUNT; i++)
        count += config->lists[i].count;
    return count == 0;
}

static const struct field_spec *sorted(arena *a, struct field_specs specs)
{
    struct field_spec *items = NEW_ARRAY(a, struct field_spec, specs.count);
    memcpy(items, specs.items, specs.count * sizeof *items);
    sort_specs(items, specs.count);
    return items;
}

/* compat: err-conflicting-specs-of-one-file. What is new is sorted before it is merged, too. */
static err *merge_list(arena *a, const char *name, struct field_specs *into,
                       struct field_specs more)
{
    if (!more.count || into->items == more.items) return NULL;
    struct field_specs merged;
    more.items = sorted(a, more);
    err *e = fieldspec_merge(a, *into, more, &merged);
    if (e) return err_wrap(e, "failed to merge %s fieldSpec", name);
    if (merged.count == into->count) return NULL;
    TRY(check_count(merged.count));
    *into = (struct field_specs){.items = sorted(a, merged), .count = merged.count};
    return NULL;
}

static err *merge_references(arena *a, struct field_config *into, const struct field_config *more)
{
    if (!more->reference_count || into->references == more->references) return NULL;
    size_t count = into->reference_count;
    struct name_reference *merged =
        NEW_ARRAY(a, struct name_reference, count + more->reference_count);
    if (count) memcpy(merged, into->references, count * sizeof *merged);
    for (size_t i = 0; i < more->reference_count; i++) {
        const struct name_reference *added = &more->references[i];
        size_t place = 0;
        while (place < count && !(str_eq(merged[place].group, added->group) &&
                                  str_eq(merged[place].version, added->version) &&
                                  str_eq(merged[place].kind, added->kind)))
            place++;
        if (place == count)
            merged[count++] = *added;
        else
            TRY(merge_list(a, "NameReference", &merged[place].referrers, added->referrers));
    }
    into->references = merged;
    into->reference_count = count;
    return NULL;
}

err *field_config_merge(arena *a, struct field_config *into, const struct field_config *more)
{
    if (is_empty(into)) {
        *into = *more;
        return NULL;
    }
    for (int i = 0; i < TABLES_LIST_COUNT; i++)
        TRY(merge_list(a, names[i].go, &into->lists[i], more->lists[i]));
    return merge_references(a, into, more);
}
