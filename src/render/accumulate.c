#include "render/accumulate.h"

#include "base/fs.h"
#include "base/limits.h"
#include "render/builtin.h"
#include "render/generator.h"
#include "render/manifest.h"
#include "render/origin.h"
#include "render/plan.h"
#include "render/quote.h"

static err *run(const struct layer *layer, struct accumulation *into);

static struct accumulation empty(struct build *build)
{
    return (struct accumulation){.map = build_resmap(build)};
}

static err *merge(arena *a, struct accumulation *into, const struct accumulation *from)
{
    TRY(resmap_append_all(into->map, from->map));
    TRY(field_config_merge(a, &into->fields, &from->fields));
    return vars_merge(a, &into->vars, &from->vars);
}

/* --- Resources --- */

static err *append_objects(struct build *build, const struct manifest_objects *objects, str file,
                           struct resmap *map)
{
    for (size_t i = 0; i < objects->count; i++) {
        struct resource *resource = resource_new(build->a, &build->gvks, objects->items[i].root);
        resource->hints = objects->items[i].hints;
        resource->file = file;
        if (build->origins) origin_set(build->a, resource, origin_of_file(build->a, file));
        TRY(resmap_append(map, resource));
    }
    return NULL;
}

/* `known` are the objects of the file if it has been read before. Inside a file, too, no id may be
 * there twice. */
static err *read_objects(const struct layer *layer, str path, const struct manifest_objects *known,
                         struct resmap *map)
{
    struct build *build = layer->build;
    struct manifest_objects objects;
    if (!known) {
        str text;
        TRY(loader_read(build->a, layer->loader, path, &text));
        TRY(manifest_name_file(manifest_read(build->a, text, &objects), path));
        known = &objects;
    }
    str file = build->origins ? layer_path(layer, path) : path;
    return append_objects(build, known, file, map);
}

static err *accumulate_file(const struct layer *layer, str path,
                            const struct manifest_objects *known, struct accumulation *into)
{
    struct resmap *map = build_resmap(layer->build);
    err *e = read_objects(layer, path, known, map);
    if (e) return err_wrap(e, "accumulating resources from '" STR_FMT "'", STR_ARG(path));
    e = resmap_append_all(into->map, map);
    return e ? err_wrap(e, "merging resources from '" STR_FMT "'", STR_ARG(path)) : NULL;
}

static err *check_kind(const struct layer *child, bool component)
{
    str root = loader_root(child->loader);
    if (component == child->kustomization.component) return NULL;
    if (!component)
        return err_invalid("expected kind != 'Component' for path '" STR_FMT "'", STR_ARG(root));
    return err_invalid("expected kind 'Component' for path '" STR_FMT "' but got 'Kustomization'",
                       STR_ARG(root));
}

/* A component works on the accumulation of its parent, any other folder on one of its own. */
static err *accumulate_folder(const struct layer *layer, const struct loader *loader, str path,
                              bool component, struct accumulation *into)
{
    struct build *build = layer->build;
    struct layer child;
    str root = loader_root(loader);
    str folder = build->origins ? layer_path(layer, path) : path;
    err *e = layer_open(build, loader, folder, &child);
    if (e) return err_wrap(e, "couldn't make target for path '" STR_FMT "'", STR_ARG(root));
    TRY(layer_set_schema(&child));
    TRY(check_kind(&child, component));

    struct accumulation own = component ? *into : empty(build);
    e = run(&child, &own);
    if (e) return err_wrap(e, "recursed accumulation of path '" STR_FMT "'", STR_ARG(root));
    /* What a component has made of its parent's resources has to have ids of its own still. */
    e = component ? resmap_check_ids(own.map) : merge(build->a, into, &own);
    if (e) return err_wrap(e, "recursed merging from path '" STR_FMT "'", STR_ARG(root));
    if (component) *into = own;
    return NULL;
}

/* An entry is a file, or else a folder. When it is neither, both errors are told; but a file that
 * is no YAML has been found. */
static err *accumulate_entry(const struct layer *layer, str path,
                             const struct manifest_objects *known, struct accumulation *into)
{
    err *no_file AUTO(err_done) = accumulate_file(layer, path, known, into);
    if (!no_file) return NULL;
    const struct loader *loader;
    err *e = loader_enter(layer->build->a, layer->loader, path, &loader);
    if (!e) e = accumulate_folder(layer, loader, path, false, into);
    if (!e) return NULL;
    if (!manifest_is_malformed(no_file) && !loader_is_remote(path))
        return err_wrap(e, "accumulation err='%s'", no_file->message);
    if (loader_is_remote(path)) return e;
    err_free(e);
    e = no_file;
    no_file = NULL;
    return e;
}

static err *accumulate_entries(const struct layer *layer, const node *paths,
                               const struct manifest_objects **known, struct accumulation *into)
{
    for (size_t i = 0; node_is_list(paths) && i < paths->count; i++)
        TRY(accumulate_entry(layer, paths->items[i]->text, known ? known[i] : NULL, into));
    return build_check(layer->build);
}

static err *accumulate_component(const struct layer *layer, str path, struct accumulation *into)
{
    arena *a = layer->build->a;
    const struct loader *loader;
    err *e AUTO(err_done) = loader_enter(a, layer->loader, path, &loader);
    const char *step = "loader.New";
    if (!e) {
        step = "accumulateDirectory:";
        e = accumulate_folder(layer, loader, path, true, into);
    }
    if (!e) return NULL;
    if (err_text(e).len > LIMIT_MESSAGE_BYTES) { /* quoting what is quoted doubles it */
        err *whole = e;
        e = NULL;
        return err_wrap(whole, "%s", step);
    }
    str quoted = quote_go(a, err_text(e));
    return err_new(e->kind, e->reason, "%s " STR_FMT, step, STR_ARG(quoted));
}

/* --- Plugins by config, under generators, transformers and validators --- */

/* An entry is the config itself, or a file or folder that has it. */
static err *read_configs(const struct layer *layer, const node *entries, struct accumulation *into)
{
    struct build *build = layer->build;
    node *paths = node_list(build->a);
    str file = layer_path(layer, layer->kustomization.file_name);
    NODE_EACH (entries, it) {
        struct manifest_objects objects;
        err *e = manifest_read(build->a, it->text, &objects);
        if (e) {
            err_free(e);
            node_push(build->a, paths, it);
            continue;
        }
        TRY(append_objects(build, &objects, file, into->map));
    }
    return accumulate_entries(layer, paths, NULL, into);
}

static err *load_plugin(const struct layer *layer, const struct resource *config, bool generator,
                        struct plugin *out)
{
    struct build *build = layer->build;
    TRY(builtin_load(build, layer->loader, config, out));
    if (generator != (out->type->generate != NULL)) {
        str id = resid_text(build->a, config->id);
        return err_invalid("plugin " STR_FMT " not a %s", STR_ARG(id),
                           generator ? "generator" : "transformer");
    }
    const struct gvk *gvk = config->id.gvk;
    if (build->origins)
        out->origin = origin_of_plugin(build->a, config->file, gvk->api_version, gvk->kind,
                                       config->id.name, config->id.namespace);
    return NULL;
}

static err *load_generators(const struct layer *layer, struct plan *plan)
{
    struct build *build = layer->build;
    struct accumulation configs = empty(build);
    TRY(read_configs(layer, layer_field(layer, "generators"), &configs));
    for (size_t i = 0; i < configs.map->count; i++) {
        struct plugin plugin;
        err *e = load_plugin(layer, configs.map->items[i], true, &plugin);
        if (e) return err_wrap(e, "failed to load generator");
        *ARENA_PUSH(build->a, plan->items, plan->count, plan->room) = plugin;
    }
    return NULL;
}

static err *load_transformers(const struct layer *layer, const char *field, struct plan *plan)
{
    struct build *build = layer->build;
    struct accumulation configs = empty(build);
    TRY(read_configs(layer, layer_field(layer, field), &configs));
    for (size_t i = 0; i < configs.map->count; i++) {
        struct plugin plugin;
        TRY(load_plugin(layer, configs.map->items[i], false, &plugin));
        *ARENA_PUSH(build->a, plan->items, plan->count, plan->room) = plugin;
    }
    return NULL;
}

/* --- Generators --- */

static err *replace(struct build *build, struct resmap *map, struct resource *old,
                    struct resource *resource)
{
    arena *a = build->a;
    bool merges = resource->behavior == GENERATOR_MERGE;
    str origin = merges ? resource_annotation(old, STR(ORIGIN_ANNOTATION)) : (str){0};
    TRY(generator_absorb(a, old->root, merges, resource->root));
    if (origin.data && resource_annotations(a, resource))
        node_set_str(a, resource_annotations(a, resource), STR(ORIGIN_ANNOTATION), origin);
    resource->needs_hash = resource->needs_hash && old->needs_hash;
    resource->generated = old->generated;
    resource->behavior = old->behavior;
    resource->hints = old->hints;
    resource->past = old->past;
    resource->past_count = resource->past_room = old->past_count;
    resource->prefixes = old->prefixes;
    resource->prefix_count = resource->prefix_room = old->prefix_count;
    resource->suffixes = old->suffixes;
    resource->suffix_count = resource->suffix_room = old->suffix_count;
    resource_refresh(map->gvks, resource);
    resmap_replace(map, old, resource);
    return NULL;
}

/* Adds a generated resource, or puts it in the place of the one it is to change. */
static err *absorb(struct build *build, struct resmap *map, struct resource *resource)
{
    struct resmap_named old;
    resmap_find_any(map, resource->id, &old);
    bool changes = resource->behavior == GENERATOR_MERGE || resource->behavior == GENERATOR_REPLACE;
    if (!old.count && !changes) return resmap_append(map, resource);
    if (old.count == 1 && changes) return replace(build, map, old.items[0], resource);

    str id = resid_text(build->a, resource->id);
    if (!old.count)
        return err_invalid("id " STR_FMT " does not exist; cannot merge or replace", STR_ARG(id));
    if (old.count > 1)
        return err_invalid("found multiple objects that could accept merge of " STR_FMT,
                           STR_ARG(id));
    const char *behavior = generator_behavior_name(resource->behavior);
    return err_invalid("id " STR_FMT
                       " exists; can not use behavior: '%s', behavior must be merge or replace",
                       STR_ARG(id), behavior);
}

static err *run_generators(const struct layer *layer, struct accumulation *into)
{
    struct build *build = layer->build;
    struct plan plan = {0};
    TRY(plan_generators(layer, &plan));
    err *e = load_generators(layer, &plan);
    if (e) return err_wrap(e, "loading generator plugins");
    for (size_t i = 0; i < plan.count; i++) {
        const struct plugin *plugin = &plan.items[i];
        struct resource *resource;
        TRY(plugin->type->generate(build, plugin->state, &resource));
        if (!resource) continue;
        if (plugin->origin) origin_set(build->a, resource, plugin->origin);
        e = absorb(build, into->map, resource);
        if (e) return err_wrap(e, "merging from generator %s", plugin->type->kind);
    }
    return NULL;
}

/* --- Transformers and validators --- */

static err *run_transformers(const struct layer *layer, struct accumulation *into)
{
    struct build *build = layer->build;
    struct plan plan = {0};
    TRY(plan_transformers(layer, &into->fields, &plan));
    TRY(load_transformers(layer, "transformers", &plan));
    for (size_t i = 0; i < plan.count; i++) {
        const struct plugin *plugin = &plan.items[i];
        TRY(plugin->type->transform(build, plugin->state, into->map));
        resmap_drop_empty(into->map);
        for (size_t j = 0; plugin->origin && j < into->map->count; j++)
            origin_add_transformation(build->a, into->map->items[j], plugin->origin);
        TRY(build_check(build));
    }
    return NULL;
}

/* Validators may leave this label behind. */
static node *unmarked(arena *a, const node *root)
{
    node *copy = doc_copy_tree(a, root);
    node *metadata = node_get(copy, STR("metadata")), *labels = node_get(metadata, STR("labels"));
    if (node_is_map(labels) && node_unset(labels, STR("validated-by")) && !labels->count)
        node_unset(metadata, STR("labels"));
    return copy;
}

static err *run_validators(const struct layer *layer, struct accumulation *into)
{
    struct build *build = layer->build;
    struct plan plan = {0};
    TRY(load_transformers(layer, "validators", &plan));
    struct resmap *map = into->map;
    for (size_t i = 0; i < plan.count; i++) {
        size_t count = map->count;
        node **before = NEW_ARRAY(build->a, node *, count + 1);
        for (size_t j = 0; j < count; j++)
            before[j] = doc_copy_tree(build->a, map->items[j]->root);
        TRY(plan.items[i].type->transform(build, plan.items[i].state, map));
        for (size_t j = 0; j < count; j++) {
            const struct resource *resource = map->items[j];
            if (node_equal(before[j], unmarked(build->a, resource->root))) continue;
            str id = resid_text(build->a, resource->id);
            return err_invalid(
                "validator shouldn't modify the resource map: " STR_FMT " is changed", STR_ARG(id));
        }
    }
    return NULL;
}

/* --- One layer --- */

static err *add_fields(const struct layer *layer, struct accumulation *into)
{
    arena *a = layer->build->a;
    struct field_config fields = field_config_default(), more;
    str text;
    NODE_EACH (layer_field(layer, "configurations"), it) {
        TRY(loader_read(a, layer->loader, it->text, &text));
        TRY(field_config_read(a, text, &more));
        TRY(field_config_merge(a, &fields, &more));
    }
    return field_config_merge(a, &into->fields, &fields);
}

static err *add_crd(const struct layer *layer, str path, struct accumulation *into)
{
    arena *a = layer->build->a;
    struct field_config more;
    str text;
    TRY(loader_read(a, layer->loader, path, &text));
    err *e = field_config_read_crds(a, text, &more);
    if (e) {
        const char *what = "unable to parse open API definition from";
        return err_wrap(e, "%s '" STR_FMT "'", what, STR_ARG(path));
    }
    return field_config_merge(a, &into->fields, &more);
}

static err *add_crds(const struct layer *layer, struct accumulation *into)
{
    const node *crds = layer_field(layer, "crds");
    err *e = NULL;
    for (size_t i = 0; crds && i < crds->count && !e; i++)
        e = add_crd(layer, crds->items[i]->text, into);
    if (!e) return NULL;
    buf names = BUF(layer->build->a);
    NODE_EACH (crds, it)
        buf_printf(&names, "%s" STR_FMT, names.len ? " " : "", STR_ARG(it->text));
    return err_wrap(e, "loading CRDs [" STR_FMT "]", STR_ARG(buf_str(&names)));
}

static err *run(const struct layer *layer, struct accumulation *into)
{
    err *e = accumulate_entries(layer, layer_field(layer, "resources"), layer->objects, into);
    if (e) return err_wrap(e, "accumulating resources");
    TRY(add_fields(layer, into));
    TRY(add_crds(layer, into));
    TRY(run_generators(layer, into));
    NODE_EACH (layer_field(layer, "components"), it) {
        e = accumulate_component(layer, it->text, into);
        if (e) return err_wrap(e, "accumulating components");
    }
    TRY(run_transformers(layer, into));
    TRY(run_validators(layer, into));
    return vars_add(&into->vars, into->map, layer_field(layer, "vars"));
}

err *accumulate(const struct layer *layer, struct accumulation *out)
{
    *out = empty(layer->build);
    return run(layer, out);
}
