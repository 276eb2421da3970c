#include "render/field_path.h"

#include "base/buf.h"
#include "render/shape.h"

/* --- Splitting --- */

struct parts {
    arena *a;
    str *items;
    size_t count, room;
};

static void add_part(struct parts *parts, str part)
{
    *ARENA_PUSH(parts->a, parts->items, parts->count, parts->room) = part;
}

/* At dots, but for "\."; an empty part in front of the first dot goes. */
static struct parts split(arena *a, str text)
{
    struct parts parts = {.a = a};
    str rest = text, piece;
    bool joined = false, more = false;
    while (str_next(&rest, '.', &piece)) {
        if (!more && !piece.len && rest.data) {
            more = true;
            continue;
        }
        more = true;
        if (joined) {
            str *last = &parts.items[parts.count - 1];
            str pieces[] = {str_head(*last, last->len - 1), piece};
            *last = str_join(a, pieces, COUNT(pieces), STR("."));
        } else {
            add_part(&parts, piece);
        }
        joined = str_ends(parts.items[parts.count - 1], STR("\\"));
    }
    if (!parts.count) add_part(&parts, STR(""));
    return parts;
}

static str trim_brackets(str text)
{
    while (text.len && (text.data[0] == '[' || text.data[0] == ']'))
        text = str_skip(text, 1);
    while (text.len && (text.data[text.len - 1] == '[' || text.data[text.len - 1] == ']'))
        text.len--;
    return text;
}

struct field_path field_path_parse(arena *a, str text)
{
    struct parts raw = split(a, text), parts = {.a = a};
    for (size_t i = 0; i < raw.count; i++) {
        size_t first = i;
        if (!str_starts(raw.items[i], STR("[")) || str_ends(raw.items[i], STR("]"))) {
            add_part(&parts, raw.items[i]);
            continue;
        }
        while (i + 1 < raw.count && !str_ends(raw.items[i], STR("]")))
            i++;
        str whole = str_join(a, &raw.items[first], i + 1 - first, STR("."));
        add_part(&parts, str_has_char(whole, '=') ? whole : trim_brackets(whole));
    }
    return (struct field_path){parts.items, parts.count};
}

/* "ports[0]" to "ports" and "0". */
static bool cut_index(str part, str *before, str *index)
{
    str inner = part;
    uint64_t number;
    if (!str_strip_suffix(&inner, STR("]")) || !str_cut_last(inner, '[', before, index))
        return false;
    for (size_t i = 0; i < index->len; i++)
        if (index->data[i] < '0' || index->data[i] > '9') return false;
    return str_to_uint(*index, &number);
}

struct field_path field_path_parse_var(arena *a, str text)
{
    struct field_path path = field_path_parse(a, text);
    struct parts parts = {.a = a};
    for (size_t i = 0; i < path.count; i++) {
        str before, index;
        if (!cut_index(path.parts[i], &before, &index)) {
            add_part(&parts, path.parts[i]);
            continue;
        }
        if (before.len) add_part(&parts, before);
        add_part(&parts, index);
    }
    return (struct field_path){parts.items, parts.count};
}

struct field_path field_path_head(struct field_path path, size_t count)
{
    return (struct field_path){path.parts, MIN(count, path.count)};
}

struct field_path field_path_skip(struct field_path path, size_t count)
{
    count = MIN(count, path.count);
    return (struct field_path){path.parts + count, path.count - count};
}

/* --- Parts --- */

err *field_path_part(str part, struct field_path_part *out)
{
    *out = (struct field_path_part){.kind = FIELD_PATH_KEY, .key = part};
    if (str_to_int(part, &out->index) && out->index >= 0) {
        out->kind = FIELD_PATH_INDEX;
    } else if (str_is(part, "*")) {
        out->kind = FIELD_PATH_ALL;
    } else if (part.len >= 2 && str_starts(part, STR("[")) && str_ends(part, STR("]"))) {
        out->kind = FIELD_PATH_SELECT;
        if (!str_cut(str_slice(part, 1, part.len - 1), '=', &out->key, &out->value))
            return err_invalid("list path element must contain fieldName=fieldValue for element "
                               "to match");
    }
    return NULL;
}

static bool text_is(const node *n, str text)
{
    return n && str_eq(node_is_scalar(n) ? n->text : STR(""), text);
}

static node *select_item(const node *list, const struct field_path_part *part)
{
    NODE_EACH (list, item) {
        if (text_is(part->key.len ? node_get(item, part->key) : item, part->value)) return item;
    }
    return NULL;
}

static err *step(str text, node *at, node **out)
{
    struct field_path_part part;
    int64_t number;
    if (str_to_int(text, &number) && number < 0)
        return err_invalid("array index %lld cannot be negative", (long long)number);
    TRY(field_path_part(text, &part));
    if (part.kind == FIELD_PATH_ALL) return err_invalid("wildcard is not supported in PathGetter");

    bool last = str_is(text, "-");
    bool key = part.kind == FIELD_PATH_KEY && !last;
    TRY(shape_check(at, key ? SHAPE_MAP : SHAPE_LIST));
    if (key)
        *out = node_get(at, text);
    else if (last)
        *out = node_is_list(at) && at->count ? at->items[at->count - 1] : NULL;
    else if (part.kind == FIELD_PATH_INDEX)
        *out = node_at(at, (size_t)part.index);
    else
        *out = select_item(at, &part);
    return NULL;
}

err *field_path_get(struct field_path path, node *root, node **out)
{
    for (size_t i = 0; i < path.count && root; i++) {
        str part = str_trim(path.parts[i]);
        if (part.len) TRY(step(part, root, &root));
    }
    *out = root;
    return NULL;
}
