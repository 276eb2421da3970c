#include "render/overlay.h"

#include "base/fs.h"
#include "base/limits.h"
#include "render/kustfile.h"
#include "render/loader.h"

/* --- A folder without a kustomization file --- */

struct scan {
    arena *a;
    const struct loader *loader;
    node *resources;
    const struct manifest_objects **objects;
    size_t count, room;
};

static void add(struct scan *scan, str path, const struct manifest_objects *objects)
{
    node_push(scan->a, scan->resources, node_str(scan->a, path));
    *ARENA_PUSH(scan->a, scan->objects, scan->count, scan->room) = objects;
}

static err *scan_file(struct scan *scan, str path)
{
    arena *a = scan->a;
    str text, file = tree_show(scan->loader->shared->tree,
                               fs_clean(a, fs_join(a, scan->loader->root, path)));
    struct manifest_objects *objects = NEW(a, struct manifest_objects);
    TRY(loader_read(a, scan->loader, path, &text));
    err *e = manifest_read(a, text, objects);
    if (e) return err_wrap(e, "failed to decode Kubernetes YAML from " STR_FMT, STR_ARG(file));
    add(scan, path, objects);
    return NULL;
}

static bool has_kustomization(const struct tree_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < KUSTFILE_NAME_COUNT; j++)
            if (entries[i].kind == TREE_FILE && str_eq(entries[i].name, kustfile_names[j]))
                return true;
    return false;
}

/* Every manifest below the folder, in the order of a walk by name; a folder with a kustomization of
 * its own is one entry. Links to folders are not followed. */
static err *scan_folder(struct scan *scan, str folder, uint32_t depth)
{
    arena *a = scan->a;
    struct tree_entry *entries;
    size_t count;
    if (depth > LIMIT_RENDER_DEPTH)
        return err_invalid("folders are nested more than %d deep, the limit of one build",
                           LIMIT_RENDER_DEPTH);
    str path = fs_join(a, scan->loader->root, folder);
    TRY(tree_list(a, scan->loader->shared->tree, path, &entries, &count));
    if (depth && has_kustomization(entries, count)) {
        add(scan, folder, NULL);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        str name = entries[i].name, inner = fs_join(a, folder, name);
        bool manifest = str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml"));
        if (entries[i].kind == TREE_DIR && !entries[i].link)
            TRY(scan_folder(scan, inner, depth + 1));
        else if (entries[i].kind != TREE_DIR && manifest)
            TRY(scan_file(scan, inner));
    }
    return NULL;
}

/* compat: without any manifest a namespace makes the file valid; nothing is in it. */
static err *make_up(arena *a, const struct loader *loader, struct overlaid *out)
{
    struct scan scan = {.a = a, .loader = loader, .resources = node_list(a)};
    TRY(scan_folder(&scan, STR("."), 0));
    node *decoded = node_map(a);
    if (scan.count)
        node_set(a, decoded, STR("resources"), scan.resources);
    else
        node_set_str(a, decoded, STR("namespace"), STR("_placeholder"));
    *out = (struct overlaid){
        .decoded = decoded,
        .file_name = kustfile_names[0],
        .objects = scan.objects,
    };
    return NULL;
}

static err *has_file(arena *a, const struct loader *loader, bool *out)
{
    struct tree_entry *entries;
    size_t count;
    TRY(tree_list(a, loader->shared->tree, loader->root, &entries, &count));
    *out = has_kustomization(entries, count);
    return NULL;
}

/* compat: unknown fields of the file are dropped, not refused. */
static err *read_file(arena *a, const struct loader *loader, struct overlaid *out)
{
    str name, text;
    node *decoded;
    TRY(loader_read_kustomization(a, loader, &name, &text));
    TRY(kustfile_decode(a, text, false, &decoded));
    const node *resources = node_get(decoded, STR("resources"));
    if (!resources || !resources->count) {
        node *options = node_list(a);
        node_push(a, options, node_str(a, STR("originAnnotations")));
        node_set(a, decoded, STR("buildMetadata"), options);
    }
    *out = (struct overlaid){.decoded = decoded, .file_name = name};
    return NULL;
}

/* --- What is laid over it --- */

static node *list_at(arena *a, node *map, str key)
{
    node *list = node_get(map, key);
    if (!list) node_set(a, map, key, list = node_list(a));
    return list;
}

static void append(arena *a, node *map, str key, const node *more)
{
    NODE_EACH (more, it)
        node_push(a, list_at(a, map, key), it);
}

/* An image with the same name is replaced. */
static void merge_images(arena *a, node *map, const node *more)
{
    NODE_EACH (more, image) {
        node *list = list_at(a, map, STR("images"));
        str name = node_get_str(image, STR("name"));
        uint32_t at = 0;
        while (at < list->count && !str_eq(node_get_str(list->items[at], STR("name")), name))
            at++;
        if (at < list->count)
            list->items[at] = image;
        else
            node_push(a, list, image);
    }
}

static err *is_missing(arena *a, const struct loader *loader, str path, bool *out)
{
    str real;
    enum tree_kind kind;
    str whole = fs_clean(a, fs_join(a, loader->root, path));
    err *e = tree_find(a, loader->shared->tree, whole, &real, &kind);
    *out = err_is(e, ERR_NOT_FOUND);
    if (!*out) return e;
    err_free(e);
    return NULL;
}

static err *append_components(arena *a, const struct loader *loader, const struct overlay *overlay,
                              const node *components, node *map)
{
    NODE_EACH (components, it) {
        bool missing = false;
        if (overlay->ignore_missing_components) TRY(is_missing(a, loader, it->text, &missing));
        if (!missing) node_push(a, list_at(a, map, STR("components")), it);
    }
    return NULL;
}

/* The lists of the overlay, with the checks of a kustomization file. */
static err *decode_lists(arena *a, const struct overlay *overlay, node **out)
{
    const struct {
        const char *key;
        const node *value;
    } lists[] = {
        {"patches", overlay->patches},
        {"images", overlay->images},
        {"components", overlay->components},
        {"buildMetadata", overlay->build_metadata},
    };
    node *map = node_map(a);
    for (size_t i = 0; i < COUNT(lists); i++)
        if (lists[i].value) node_set(a, map, str_of(lists[i].key), (node *)lists[i].value);
    return kustfile_decode_node(a, map, false, out);
}

err *overlay_apply(arena *a, const struct loader *loader, const struct overlay *overlay,
                   struct overlaid *out)
{
    bool exists;
    node *lists;
    TRY(has_file(a, loader, &exists));
    TRY(exists ? read_file(a, loader, out) : make_up(a, loader, out));
    TRY(decode_lists(a, overlay, &lists));

    node *map = out->decoded;
    if (overlay->namespace.len) node_set_str(a, map, STR("namespace"), overlay->namespace);
    if (overlay->name_prefix.len) node_set_str(a, map, STR("namePrefix"), overlay->name_prefix);
    if (overlay->name_suffix.len) node_set_str(a, map, STR("nameSuffix"), overlay->name_suffix);
    append(a, map, STR("patches"), node_get(lists, STR("patches")));
    TRY(append_components(a, loader, overlay, node_get(lists, STR("components")), map));
    merge_images(a, map, node_get(lists, STR("images")));
    node *metadata = node_get(lists, STR("buildMetadata"));
    if (metadata) node_set(a, map, STR("buildMetadata"), metadata);
    return NULL;
}
