#include "render/selection.h"

static bool is_literal(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i], lower = c | 0x20;
        bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '/';
        if (!plain) return false;
    }
    return true;
}

static err *read_part(const node *selector, const char *field, struct selection_part *out)
{
    out->text = node_get_str(selector, str_of(field));
    return is_literal(out->text) ? NULL : regex_compile_full(out->text, &out->regex);
}

static bool part_matches(const struct selection_part *part, str text)
{
    if (part->regex) return regex_match(part->regex, text);
    return !part->text.len || str_eq(part->text, text);
}

void selection_done(struct selection *selection)
{
    struct selection_part *parts[] = {&selection->group, &selection->version, &selection->kind,
                                      &selection->name, &selection->namespace};
    for (size_t i = 0; i < COUNT(parts); i++) {
        regex_free(parts[i]->regex);
        parts[i]->regex = NULL;
    }
}

err *selection_read(arena *a, const node *selector, struct selection *out)
{
    (void)a;
    struct selection selection = {
        .labels.text = node_get_str(selector, STR("labelSelector")),
        .annotations.text = node_get_str(selector, STR("annotationSelector")),
    };
    err *e = read_part(selector, "group", &selection.group);
    if (!e) e = read_part(selector, "version", &selection.version);
    if (!e) e = read_part(selector, "kind", &selection.kind);
    if (!e) e = read_part(selector, "name", &selection.name);
    if (!e) e = read_part(selector, "namespace", &selection.namespace);
    if (e)
        selection_done(&selection);
    else
        *out = selection;
    return e;
}

bool selection_has_id(const struct selection *selection)
{
    return selection->group.text.len || selection->version.text.len || selection->kind.text.len ||
           selection->name.text.len || selection->namespace.text.len;
}

static bool matches_gvk(const struct selection *selection, const struct gvk *gvk)
{
    return part_matches(&selection->kind, gvk->kind) &&
           part_matches(&selection->group, gvk->group) &&
           part_matches(&selection->version, gvk->version);
}

bool selection_matches_id(const struct selection *selection, struct resid id)
{
    return matches_gvk(selection, id.gvk) && part_matches(&selection->name, id.name) &&
           part_matches(&selection->namespace, id.namespace);
}

static bool selects(const struct selection *selection, struct gvks *gvks,
                    const struct resource *resource)
{
    struct resid now = resource->id, original = resource_original_id(gvks, resource);
    return matches_gvk(selection, now.gvk) &&
           (part_matches(&selection->name, original.name) ||
            part_matches(&selection->name, now.name)) &&
           (part_matches(&selection->namespace, resid_namespace(original)) ||
            part_matches(&selection->namespace, resid_namespace(now)));
}

bool selection_has_meta(const struct selection *selection)
{
    return selection->labels.text.len || selection->annotations.text.len;
}

static err *meta_matches(arena *a, struct selection_meta *meta, const node *map, bool *out)
{
    if (!meta->text.len) return NULL;
    if (!meta->known) TRY(selector_parse(a, meta->text, &meta->selector));
    meta->known = true;
    *out = selector_match(&meta->selector, map);
    return NULL;
}

err *selection_matches_meta(arena *a, struct selection *selection, const struct resource *resource,
                            bool *out)
{
    const node *metadata = node_get(resource->root, STR("metadata"));
    *out = true;
    TRY(meta_matches(a, &selection->labels, node_get(metadata, STR("labels")), out));
    if (!*out) return NULL;
    return meta_matches(a, &selection->annotations, node_get(metadata, STR("annotations")), out);
}

err *selection_select(struct selection *selection, const struct resmap *map,
                      struct resmap_named *out)
{
    struct resmap_named found = {0}, all = {.items = map->items, .count = map->count};
    const struct resmap_named *candidates = &all;
    /* Who is looked for by one name is found by the index. */
    if (selection->name.text.len && !selection->name.regex)
        candidates = resmap_named(map, selection->name.text);
    for (size_t i = 0; candidates && i < candidates->count; i++) {
        struct resource *resource = candidates->items[i];
        if (resource->dropped || !selects(selection, map->gvks, resource)) continue;
        bool matches;
        TRY(selection_matches_meta(map->a, selection, resource, &matches));
        if (matches) *ARENA_PUSH(map->a, found.items, found.count, found.room) = resource;
    }
    *out = found;
    return NULL;
}
