#include "render/manifest.h"

#include "base/buf.h"
#include "doc/plain.h"
#include "doc/yaml.h"

/* --- Documents of a stream --- */

/* Cuts at a line that begins with "---" and is not the first. compat: the parts are those of the
 * pattern \n---.*\n, so a separator right after another one is left to the YAML reader. */
static err *next_part(str *rest, str *part, bool *more)
{
    for (size_t from = 0;;) {
        ptrdiff_t at = str_find(str_skip(*rest, from), STR("\n---"));
        ptrdiff_t end = at < 0 ? -1 : str_find_char(str_skip(*rest, from + (size_t)at + 1), '\n');
        if (end < 0) break;
        size_t begin = from + (size_t)at + 1;
        str line = str_slice(*rest, begin, begin + (size_t)end);
        str after = str_trim(str_skip(line, 3));
        if (after.len && after.data[0] != '#')
            return err_invalid("invalid document separator: " STR_FMT, STR_ARG(str_trim(line)));
        *part = str_head(*rest, begin);
        *rest = str_skip(*rest, begin + line.len + 1);
        return NULL;
    }
    *part = *rest;
    *more = false;
    return NULL;
}

static bool is_empty(const node *n)
{
    return node_is_null(n) || (!node_is_scalar(n) && !n->count);
}

static void push(arena *a, struct manifest_objects *list, struct manifest_object object)
{
    *ARENA_PUSH(a, list->items, list->count, list->room) = object;
}

/* An item of a list. */
static void push_item(arena *a, struct manifest_objects *list, node *root)
{
    if (!is_empty(root)) push(a, list, (struct manifest_object){.root = root});
}

static err *read_parts(arena *a, str text, struct manifest_objects *out, size_t *part_count_out)
{
    size_t parts = 0;
    for (bool more = true; more; parts++) {
        str part;
        TRY(next_part(&text, &part, &more));
        if (!str_trim(part).len) continue;
        node *root;
        struct yaml_options options = {.dialect = YAML_V3, .borrow = true};
        err *e = yaml_parse(a, part, options, &root);
        if (e) return err_wrap(e, "MalformedYAMLError");
        if (is_empty(root)) continue;
        push(a, out, (struct manifest_object){root, hint_read(a, part, root)});
    }
    *part_count_out = parts;
    return NULL;
}

/* --- Checks --- */

static str text_of(const node *map, str key)
{
    const node *value = node_get(map, key);
    return node_is_scalar(value) && !node_is_null(value) ? value->text : (str){0};
}

/* compat: as Go prints a map of texts. */
static void put_go_map(buf *b, const node *map)
{
    BUF_ADD(b, "map[");
    str *keys = NEW_ARRAY(b->arena, str, node_is_map(map) ? map->count + 1 : 1);
    size_t count = 0;
    PAIR_EACH (map, it)
        keys[count++] = it->key;
    if (count) qsort(keys, count, sizeof *keys, str_order);
    for (size_t i = 0; i < count; i++) {
        if (i) buf_add_char(b, ' ');
        buf_add(b, keys[i]);
        buf_add_char(b, ':');
        buf_add(b, text_of(map, keys[i]));
    }
    buf_add_char(b, ']');
}

static err *missing(arena *a, const char *what, const node *object)
{
    const node *metadata = node_get(object, STR("metadata"));
    str version = text_of(object, STR("apiVersion")), kind = text_of(object, STR("kind"));
    str name = text_of(metadata, STR("name")), namespace = text_of(metadata, STR("namespace"));
    buf b = BUF(a);
    buf_printf(&b, "{{" STR_FMT " " STR_FMT "} {{" STR_FMT " " STR_FMT "} ", STR_ARG(version),
               STR_ARG(kind), STR_ARG(name), STR_ARG(namespace));
    put_go_map(&b, node_get(metadata, STR("labels")));
    buf_add_char(&b, ' ');
    put_go_map(&b, node_get(metadata, STR("annotations")));
    BUF_ADD(&b, "}}");
    return err_invalid("missing %s in object " STR_FMT, what, STR_ARG(buf_str(&b)));
}

err *manifest_check(arena *a, const node *object)
{
    const node *metadata = node_get(object, STR("metadata"));
    if (!node_is_map(object) ||
        (!metadata && !node_get(object, STR("kind")) && !node_get(object, STR("apiVersion"))))
        return err_invalid("missing Resource metadata");
    str kind = text_of(object, STR("kind"));
    if (!kind.len) return missing(a, "kind", object);
    if (str_ends(kind, STR("List"))) return NULL;
    if (!text_of(metadata, STR("name")).len) return missing(a, "metadata.name", object);
    return NULL;
}

/* --- Lists --- */

static bool is_wrapper(const node *object)
{
    str kind = text_of(object, STR("kind"));
    return (str_is(kind, "List") || str_is(kind, "ResourceList")) &&
           (node_get(object, STR("items")) || node_get(object, STR("functionConfig")));
}

static const char *go_type(const node *n)
{
    if (n->kind == NODE_MAP) return "map[string]interface {}";
    if (n->kind == NODE_BOOL) return "bool";
    return n->kind == NODE_STR ? "string" : "float64";
}

/* compat: items of a list inside a stream come after everything else, as plain values. What lies
 * in lists within lists is plain already. */
static err *take_apart(arena *a, struct manifest_objects *queue, struct manifest_objects *out)
{
    size_t written = queue->count;
    for (size_t i = 0; i < queue->count; i++) {
        node *object = queue->items[i].root;
        str kind = text_of(object, STR("kind"));
        node *items = str_ends(kind, STR("List")) ? node_get(object, STR("items")) : NULL;
        if (!items) {
            TRY(manifest_check(a, object));
            push(a, out, queue->items[i]);
            continue;
        }
        if (node_is_null(items)) continue;
        if (!node_is_list(items))
            return err_invalid("expected array in " STR_FMT "/items, but found %s", STR_ARG(kind),
                               go_type(items));
        NODE_EACH (items, item) {
            node *plain = item;
            if (i < written) TRY(plain_tree(a, item, &plain));
            push_item(a, queue, plain);
        }
    }
    return NULL;
}

err *manifest_read(arena *a, str text, struct manifest_objects *out)
{
    if (str_find_char(text, '\r') >= 0) text = str_replace(a, text, STR("\r\n"), STR("\n"));
    struct manifest_objects read = {0}, queue = {0}, objects = {0};
    size_t parts = 0;
    TRY(read_parts(a, text, &read, &parts));
    for (size_t i = 0; i < read.count; i++) {
        const node *root = read.items[i].root;
        if (parts > 1 || !is_wrapper(root)) {
            push(a, &queue, read.items[i]);
            continue;
        }
        NODE_EACH (node_get(root, STR("items")), item) {
            push_item(a, &queue, item);
        }
    }
    TRY(take_apart(a, &queue, &objects));
    *out = objects;
    return NULL;
}

bool manifest_is_malformed(const err *e)
{
    return str_find(err_text(e), STR("MalformedYAMLError")) >= 0;
}

err *manifest_name_file(err *e, str path)
{
    if (!e || !manifest_is_malformed(e)) return e;
    err *named = err_new(e->kind, e->reason, "%s in File: " STR_FMT, e->message, STR_ARG(path));
    err_free(e);
    return named;
}
