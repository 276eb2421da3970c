#include "render/resource.h"

#include "base/buf.h"
#include "render/generator.h"

#define INTERNAL "internal.config.kubernetes.io/"

/* Text of any scalar: a name may be written as a number. */
static str scalar_text(const node *map, str key)
{
    const node *value = node_get(map, key);
    return node_is_scalar(value) && !node_is_null(value) ? value->text : (str){0};
}

bool resource_refresh(struct gvks *gvks, struct resource *resource)
{
    const node *root = resource->root, *metadata = node_get(root, STR("metadata"));
    str api_version = scalar_text(root, STR("apiVersion")), kind = scalar_text(root, STR("kind"));
    struct resid old = resource->id;
    struct resid now = {
        .gvk = old.gvk,
        .name = scalar_text(metadata, STR("name")),
        .namespace = scalar_text(metadata, STR("namespace")),
    };
    if (!now.gvk || !str_eq(now.gvk->kind, kind) || !str_eq(now.gvk->api_version, api_version))
        now.gvk = gvk_find(gvks, api_version, kind);
    resource->id = now;
    return now.gvk != old.gvk || !str_eq(now.name, old.name) ||
           !str_eq(now.namespace, old.namespace);
}

static node *annotations_of(const struct resource *resource)
{
    return node_get(node_get(resource->root, STR("metadata")), STR("annotations"));
}

str resource_annotation(const struct resource *resource, str key)
{
    const node *value = node_get(annotations_of(resource), key);
    if (!node_is_scalar(value)) return (str){0};
    return value->text.data ? value->text : STR("");
}

node *resource_annotations(arena *a, struct resource *resource)
{
    node *metadata = node_make_map(a, resource->root, STR("metadata"));
    return metadata ? node_make_map(a, metadata, STR("annotations")) : NULL;
}

static bool is_internal(str key)
{
    static const str others[] = {STR("config.kubernetes.io/path"),
                                 STR("config.kubernetes.io/index"), STR("config.k8s.io/id")};
    if (str_starts(key, STR(INTERNAL))) return true;
    for (size_t i = 0; i < COUNT(others); i++)
        if (str_eq(key, others[i])) return true;
    return false;
}

void resource_hide_internal(struct resource *resource)
{
    node *annotations = annotations_of(resource);
    if (!node_is_map(annotations)) return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < annotations->count; i++)
        if (!is_internal(annotations->pairs[i].key))
            annotations->pairs[kept++] = annotations->pairs[i];
    annotations->count = kept;
}

void resource_renew_annotations(arena *a, struct resource *resource)
{
    node *annotations = annotations_of(resource);
    PAIR_EACH (annotations, it)
        it->value = node_str(a, node_is_scalar(it->value) ? it->value->text : STR(""));
    bool any = node_is_map(annotations) && annotations->count;
    if (!any) node_unset(node_get(resource->root, STR("metadata")), STR("annotations"));
}

struct resource *resource_new(arena *a, struct gvks *gvks, node *root)
{
    struct resource *resource = NEW(a, struct resource);
    resource->root = root;
    resource_refresh(gvks, resource);
    str mark = resource_annotation(resource, STR(INTERNAL "needsHashSuffix"));
    resource->needs_hash = str_is(mark, "enabled");
    resource_hide_internal(resource);
    return resource;
}

/* Room for one more item; most resources have one or two. */
static void *more(arena *a, void *array, size_t item_bytes, uint32_t count, uint32_t *room)
{
    if (count < *room) return array;
    uint32_t wider = *room ? *room * 2 : 2;
    array = arena_grow(a, array, *room * item_bytes, wider * item_bytes);
    *room = wider;
    return array;
}

void resource_store_past(arena *a, struct resource *resource)
{
    struct past now = {
        .name = resource->id.name,
        .namespace = resid_namespace(resource->id),
        .kind = resource->id.gvk->kind,
        .times = 1,
    };
    struct past *last = resource->past_count ? &resource->past[resource->past_count - 1] : NULL;
    if (last && str_eq(last->name, now.name) && str_eq(last->namespace, now.namespace) &&
        str_eq(last->kind, now.kind)) {
        last->times++;
        return;
    }
    size_t room = resource->past_room;
    *ARENA_PUSH(a, resource->past, resource->past_count, room) = now;
    resource->past_room = (uint32_t)room;
}

struct resid resource_past_id(struct gvks *gvks, const struct resource *resource, size_t index)
{
    const struct past *past = &resource->past[index];
    return (struct resid){
        .gvk = gvk_with_kind(gvks, resource->id.gvk, past->kind),
        .name = past->name,
        .namespace = past->namespace,
    };
}

struct resid resource_original_id(struct gvks *gvks, const struct resource *resource)
{
    return resource->past_count ? resource_past_id(gvks, resource, 0) : resource->id;
}

void resource_add_prefix(arena *a, struct resource *resource, str prefix)
{
    resource->prefixes =
        more(a, resource->prefixes, sizeof prefix, resource->prefix_count, &resource->prefix_room);
    resource->prefixes[resource->prefix_count++] = prefix;
}

void resource_add_suffix(arena *a, struct resource *resource, str suffix)
{
    resource->suffixes =
        more(a, resource->suffixes, sizeof suffix, resource->suffix_count, &resource->suffix_room);
    resource->suffixes[resource->suffix_count++] = suffix;
}

/* --- Internal annotations, for those who look --- */

static void show_list(arena *a, node *annotations, const char *name, const str *items, size_t count)
{
    if (count) node_set_str(a, annotations, str_of(name), str_join(a, items, count, STR(",")));
}

static void show_past(arena *a, node *annotations, const struct resource *resource)
{
    buf names = BUF(a), namespaces = BUF(a), kinds = BUF(a);
    for (size_t i = 0; i < resource->past_count; i++) {
        const struct past *past = &resource->past[i];
        for (uint32_t times = 0; times < past->times; times++) {
            const char *comma = names.len ? "," : "";
            buf_printf(&names, "%s" STR_FMT, comma, STR_ARG(past->name));
            buf_printf(&namespaces, "%s" STR_FMT, comma, STR_ARG(past->namespace));
            buf_printf(&kinds, "%s" STR_FMT, comma, STR_ARG(past->kind));
        }
    }
    if (!resource->past_count) return;
    node_set_str(a, annotations, STR(INTERNAL "previousNames"), buf_str(&names));
    node_set_str(a, annotations, STR(INTERNAL "previousNamespaces"), buf_str(&namespaces));
    node_set_str(a, annotations, STR(INTERNAL "previousKinds"), buf_str(&kinds));
}

void resource_show_internal(arena *a, struct resource *resource)
{
    bool any = resource->past_count || resource->prefix_count || resource->suffix_count ||
               resource->needs_hash || resource->generated;
    node *annotations = any ? resource_annotations(a, resource) : NULL;
    if (!annotations) return;
    show_past(a, annotations, resource);
    show_list(a, annotations, INTERNAL "prefixes", resource->prefixes, resource->prefix_count);
    show_list(a, annotations, INTERNAL "suffixes", resource->suffixes, resource->suffix_count);
    if (resource->needs_hash)
        node_set_str(a, annotations, STR(INTERNAL "needsHashSuffix"), STR("enabled"));
    str behavior = str_of(generator_behavior_name(resource->behavior));
    if (resource->generated)
        node_set_str(a, annotations, STR(INTERNAL "generatorBehavior"), behavior);
}

node *resource_with_internal(arena *a, const struct resource *resource)
{
    struct resource copy = *resource;
    copy.root = doc_copy_tree(a, resource->root);
    resource_show_internal(a, &copy);
    return copy.root;
}
