#include "render/kustomize.h"

#include "base/limits.h"
#include "doc/plain.h"
#include "doc/yaml_emit.h"
#include "render/accumulate.h"
#include "render/builtin.h"
#include "render/legacy_order.h"
#include "render/nameref.h"
#include "render/origin.h"
#include "render/scalar.h"

#define LOCAL_CONFIG "config.kubernetes.io/local-config"

/* compat: the version that the reference writes there. */
#define MANAGED_BY "kustomize-v5.8.2"

/* --- The steps after the accumulation --- */

/* Names with hashes, then the references to them, then vars that may read either. */
static err *settle_names(struct build *build, struct accumulation *all)
{
    TRY(builtin_find(STR("HashTransformer"))->transform(build, NULL, all->map));
    TRY(nameref_update(&all->fields, all->map));
    return vars_resolve(&all->vars, all->map, all->fields.lists[TABLES_VAR_REFERENCE]);
}

/* Objects that only take part in the build itself. */
static void drop_local(struct resmap *map)
{
    for (size_t i = 0; i < map->count; i++) {
        str mark = resource_annotation(map->items[i], STR(LOCAL_CONFIG));
        if (mark.data && !str_is(mark, "false")) map->items[i]->root = NULL;
    }
    resmap_drop_empty(map);
}

static const str *texts(arena *a, const node *list, size_t *count_out)
{
    str *items = NEW_ARRAY(a, str, list ? list->count + 1 : 1);
    *count_out = 0;
    NODE_EACH (list, it)
        items[(*count_out)++] = it->text;
    return items;
}

static void sort_legacy(arena *a, struct resmap *map, const struct legacy_order_kinds *kinds)
{
    struct legacy_order_item *items = NEW_ARRAY(a, struct legacy_order_item, map->count + 1);
    for (size_t i = 0; i < map->count; i++) {
        struct resid id = map->items[i]->id;
        items[i] = (struct legacy_order_item){
            .group = id.gvk->group,
            .version = id.gvk->version,
            .kind = id.gvk->kind,
            .namespace = id.namespace,
            .name = id.name,
            .object = map->items[i],
        };
    }
    legacy_order_sort(a, items, map->count, kinds);
    for (size_t i = 0; i < map->count; i++)
        map->items[i] = items[i].object;
}

static err *sort(const struct layer *layer, struct resmap *map)
{
    arena *a = layer->build->a;
    const node *options = layer_field(layer, "sortOptions");
    if (!options) {
        if (layer->build->options->legacy_order) sort_legacy(a, map, NULL);
        return NULL;
    }
    str order = node_get_str(options, STR("order"));
    const node *legacy = node_get(options, STR("legacySortOptions"));
    if (!str_is(order, "fifo") && !str_is(order, "legacy"))
        return err_invalid("the field 'sortOptions.order' must be one of [fifo, legacy]");
    if (legacy && str_is(order, "fifo"))
        return err_invalid("the field 'sortOptions.legacySortOptions' is set but the selected sort "
                           "order is 'fifo', not 'legacy'");
    if (str_is(order, "fifo")) return NULL;
    struct legacy_order_kinds kinds;
    kinds.first = texts(a, node_get(legacy, STR("orderFirst")), &kinds.first_count);
    kinds.last = texts(a, node_get(legacy, STR("orderLast")), &kinds.last_count);
    sort_legacy(a, map, legacy ? &kinds : NULL);
    return NULL;
}

static err *label_managed_by(struct build *build, struct resmap *map)
{
    static const struct field_spec spec[] = {{.path = STR("metadata/labels"), .create = true}};
    arena *a = build->a;
    node *config = node_map(a), *labels = node_map(a);
    node_set_str(a, labels, STR("app.kubernetes.io/managed-by"), STR(MANAGED_BY));
    node_set(a, config, STR("labels"), labels);
    struct builtin_config from = {.config = config, .specs = {spec, COUNT(spec)}};
    struct plugin plugin;
    TRY(builtin_configure(build, NULL, "LabelTransformer", from, &plugin));
    return plugin.type->transform(build, plugin.state, map);
}

/* compat: own-meta-types-*. Every annotation is a text in the end, none at all is no field. */
static void finish_annotations(const struct layer *layer, struct resource *resource)
{
    node *metadata = node_make_map(layer->build->a, resource->root, STR("metadata"));
    node *annotations = node_get(metadata, STR("annotations"));
    if (!annotations) return;
    if (node_is_map(annotations)) {
        if (!layer_has_metadata(layer, "originAnnotations"))
            node_unset(annotations, STR(ORIGIN_ANNOTATION));
        if (!layer_has_metadata(layer, "transformerAnnotations"))
            node_unset(annotations, STR(ORIGIN_TRANSFORMATIONS));
    }
    resource_renew_annotations(layer->build->a, resource);
}

static err *deliver(struct build *build, const struct resmap *map, struct kustomize_output *out)
{
    node **objects = NEW_ARRAY(build->a, node *, map->count + 1);
    for (size_t i = 0; i < map->count; i++) {
        const struct resource *resource = map->items[i];
        objects[i] = resource->root;
        scalar_settle(build->a, objects[i]);
        err *e = plain_settle(build->a, objects[i]);
        if (!e) continue;
        str id = resid_text(build->a, resource->id);
        return err_wrap(e, STR_FMT, STR_ARG(id));
    }
    out->objects = objects;
    out->count = map->count;
    return NULL;
}

/* --- The build --- */

static err *open_layer(struct build *build, const struct loader *loader, struct layer *out)
{
    const struct overlay *overlay = build->options->overlay;
    if (!overlay) return layer_open(build, loader, (str){0}, out);
    struct overlaid overlaid;
    TRY(overlay_apply(build->a, loader, overlay, &overlaid));
    return layer_use(build, loader, &overlaid, out);
}

static err *run(struct build *build, str path, struct kustomize_output *out)
{
    const struct loader *loader;
    struct layer layer;
    struct accumulation all;
    TRY(loader_open(build->a, &build->loading, build->options->working_dir, path, &loader));
    TRY(open_layer(build, loader, &layer));
    const node *metadata = layer_field(&layer, "buildMetadata");
    build->origins = metadata && metadata->count;
    TRY(layer_set_schema(&layer));

    TRY(accumulate(&layer, &all));
    TRY(settle_names(build, &all));
    drop_local(all.map);
    TRY(resmap_check_ids(all.map));
    TRY(sort(&layer, all.map));
    if (build->options->managed_by || layer_has_metadata(&layer, "managedByLabel"))
        TRY(label_managed_by(build, all.map));
    for (size_t i = 0; i < all.map->count; i++)
        finish_annotations(&layer, all.map->items[i]);
    return deliver(build, all.map, out);
}

/* Messages quote paths as they were written, and one may be a URL with a password. */
static err *without_credentials(arena *a, err *e)
{
    buf text = BUF(a);
    str rest = err_text(e);
    for (ptrdiff_t at; (at = str_find(rest, STR("://"))) >= 0;) {
        size_t begin = (size_t)at + 3, end = begin, host = begin;
        while (end < rest.len && !strchr("/?#'\"`)] \n", rest.data[end])) {
            if (rest.data[end++] == '@') host = end;
        }
        buf_add(&text, str_head(rest, begin));
        buf_add(&text, str_slice(rest, host, end));
        rest = str_skip(rest, end);
    }
    if (!text.len) return e;
    buf_add(&text, rest);
    err *clean = err_new(e->kind, e->reason, STR_FMT, STR_ARG(buf_str(&text)));
    err_free(e);
    return clean;
}

err *kustomize_build(arena *a, struct tree *tree, str path, const struct kustomize_options *options,
                     struct kustomize_output *out)
{
    struct build build AUTO(build_done) = {0};
    build_init(&build, a, tree, options);
    *out = (struct kustomize_output){0};
    err *e = run(&build, path, out);
    out->warnings = buf_str(&build.warnings);
    /* What is missing or in conflict is so in the files: a human has to change them. */
    if (e && e->kind != ERR_DENIED) e->kind = ERR_INVALID;
    return e ? without_credentials(a, e) : NULL;
}

err *kustomize_print(buf *out, const struct kustomize_output *output)
{
    size_t begin = out->len;
    for (size_t i = 0; i < output->count; i++) {
        if (i) BUF_ADD(out, "---\n");
        TRY(yaml_emit(out, output->objects[i]));
        if (out->len - begin > LIMIT_RENDER_BYTES)
            return err_invalid("the output has more than %u bytes, the limit of one build",
                               LIMIT_RENDER_BYTES);
    }
    return NULL;
}

err *kustomize_text(arena *a, const struct kustomize_output *output, str *out)
{
    buf text = BUF(a);
    TRY(kustomize_print(&text, output));
    *out = buf_str(&text);
    return NULL;
}
