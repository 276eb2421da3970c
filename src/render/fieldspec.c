#include "render/fieldspec.h"

#include "base/buf.h"
#include "base/limits.h"

bool fieldspec_selects(const struct field_spec *spec, const struct gvk *gvk)
{
    return gvk_selected(gvk, spec->group, spec->version, spec->kind);
}

/* --- Paths --- */

/* Takes the next part off a path; "\/" is a slash inside a part. */
static bool next_part(arena *a, str *rest, str *part)
{
    str piece;
    if (!str_next(rest, '/', part)) return false;
    while (part->len && part->data[part->len - 1] == '\\' && str_next(rest, '/', &piece))
        *part = str_printf(a, STR_FMT "/" STR_FMT, (int)part->len - 1, part->data, STR_ARG(piece));
    return true;
}

static str parts_text(arena *a, str rest)
{
    buf b = BUF(a);
    str part;
    for (bool first = true; next_part(a, &rest, &part); first = false) {
        if (!first) buf_add_char(&b, ' ');
        buf_add(&b, part);
    }
    return buf_str(&b);
}

/* Maps are made all along a path, and we recurse. */
static err *check_length(str path)
{
    size_t parts = 1;
    if (path.len < LIMIT_DOC_DEPTH) return NULL; /* the usual: not worth counting */
    for (size_t i = 0; i < path.len; i++)
        parts += path.data[i] == '/';
    if (parts <= LIMIT_DOC_DEPTH) return NULL;
    path = str_head_utf8(path, 40);
    return err_invalid("field path '" STR_FMT "...' has more than the limit of %d parts",
                       STR_ARG(path), LIMIT_DOC_DEPTH);
}

static node *new_leaf(arena *a, enum fieldspec_create create)
{
    return create == FIELDSPEC_MAP ? node_map(a) : node_scalar(a, NODE_STR, (str){0});
}

static err *walk(const struct fieldspec_visit *visit, bool create, str rest, node *at);

static err *walk_map(const struct fieldspec_visit *visit, bool create, str rest, node *at)
{
    arena *a = visit->a;
    str name;
    next_part(a, &rest, &name);
    bool list = str_strip_suffix(&name, STR("[]"));
    if (!name.len) return err_invalid("cannot set or create an empty field name");

    bool leaf = rest.data == NULL;
    bool makes = create && visit->create != FIELDSPEC_NOTHING && !list;
    enum fieldspec_create kind = leaf ? visit->create : FIELDSPEC_MAP;
    node *field = node_get(at, name);
    if (!field && !makes) return NULL;
    /* compat: a null where the path wants a list becomes one, created or not. */
    if (!field || ((makes || list) && field->kind == NODE_NULL)) {
        field = list ? node_list(a) : new_leaf(a, kind);
        node_set(a, at, name, field);
    }
    return leaf ? visit->set(visit, field) : walk(visit, create, rest, field);
}

static err *walk(const struct fieldspec_visit *visit, bool create, str rest, node *at)
{
    if (at->kind == NODE_MAP) return walk_map(visit, create, rest, at);
    if (at->kind == NODE_NULL) return NULL;
    if (at->kind != NODE_LIST) return err_invalid("expected sequence or mapping node");
    NODE_EACH (at, item) {
        err *e = walk(visit, create, rest, item);
        if (!e) continue;
        str parts = parts_text(visit->a, rest);
        return err_wrap(e, "visit traversal on path: [" STR_FMT "]", STR_ARG(parts));
    }
    return NULL;
}

err *fieldspec_walk(const struct fieldspec_visit *visit, const struct field_spec *spec,
                    struct resource *resource)
{
    str rest = spec->path;
    str_strip_prefix(&rest, STR("/"));
    if (!resource->root) return NULL;
    TRY(check_length(rest));
    err *e = walk(visit, spec->create, rest, resource->root);
    if (!e) return NULL;
    str id = resid_text(visit->a, resource->id);
    return err_wrap(e, "considering field '" STR_FMT "' of object " STR_FMT, STR_ARG(spec->path),
                    STR_ARG(id));
}

err *fieldspec_apply(const struct fieldspec_visit *visit, const struct field_spec *spec,
                     struct resource *resource)
{
    return fieldspec_selects(spec, resource->id.gvk) ? fieldspec_walk(visit, spec, resource) : NULL;
}

err *fieldspec_apply_all(const struct fieldspec_visit *visit, struct field_specs specs,
                         struct resource *resource)
{
    for (size_t i = 0; i < specs.count; i++)
        TRY(fieldspec_apply(visit, &specs.items[i], resource));
    return NULL;
}

/* --- Values --- */

void fieldspec_put_str(node *n, str text)
{
    n->kind = NODE_STR;
    n->time = n->tagged = false;
    n->text = text;
}

/* --- Lists of specs --- */

struct field_specs fieldspec_list(arena *a, const node *list)
{
    size_t count = 0;
    struct field_spec *items =
        NEW_ARRAY(a, struct field_spec, node_is_list(list) ? list->count + 1 : 1);
    NODE_EACH (list, it) {
        items[count++] = (struct field_spec){
            .group = node_get_str(it, STR("group")),
            .version = node_get_str(it, STR("version")),
            .kind = node_get_str(it, STR("kind")),
            .path = node_get_str(it, STR("path")),
            .create = node_get_bool(it, STR("create"), false),
        };
    }
    return (struct field_specs){.items = items, .count = count};
}

/* compat: labels-spec-already-narrow. It counts whether the new one covers the one before. */
static bool covers(const struct field_spec *wide, const struct field_spec *narrow)
{
    return str_eq(wide->path, narrow->path) &&
           (!wide->group.len || str_eq(wide->group, narrow->group)) &&
           (!wide->version.len || str_eq(wide->version, narrow->version)) &&
           (!wide->kind.len || str_eq(wide->kind, narrow->kind));
}

err *fieldspec_merge(arena *a, struct field_specs specs, struct field_specs more,
                     struct field_specs *out)
{
    if (!more.count || specs.items == more.items) {
        *out = specs;
        return NULL;
    }
    struct field_spec *items = NEW_ARRAY(a, struct field_spec, specs.count + more.count);
    if (specs.count) memcpy(items, specs.items, specs.count * sizeof *items);
    size_t count = specs.count;
    for (size_t i = 0; i < more.count; i++) {
        const struct field_spec *known = NULL, *spec = &more.items[i];
        for (size_t j = 0; j < count && !known; j++)
            if (covers(spec, &items[j])) known = &items[j];
        if (known && known->create != spec->create) return err_invalid("conflicting fieldspecs");
        if (!known) items[count++] = *spec;
    }
    *out = (struct field_specs){.items = items, .count = count};
    return NULL;
}
