#include "doc/patch.h"

#include <math.h>

#include "base/buf.h"
#include "base/limits.h"
#include "doc/json.h"
#include "doc/number.h"
#include "doc/timestamp.h"

/* What Go's library names as the cause at the end of its messages. */
#define MISSING   "missing value"
#define BAD_INDEX "invalid index referenced"

struct patch_op {
    str kind;
    str path, from;    /* data == NULL: the operation has none */
    const node *value; /* NULL: the operation has none, which counts as null */
};

/* The document under change. */
struct state {
    arena *a;
    node *root;
    size_t copied_bytes; /* by all operations so far */
};

static str op_text(const node *op, const char *key)
{
    str text;
    return node_to_str(node_get(op, str_of(key)), &text) ? text : (str){0};
}

err *patch_read(arena *a, const node *list, struct patch *out)
{
    if (!node_is_list(list))
        return err_invalid("json: cannot unmarshal %s into Go value of type jsonpatch.Patch",
                           node_kind_name(list));
    if (list->count > LIMIT_PATCH_OPS)
        return err_invalid("a patch of %u operations, the limit is %d", list->count,
                           LIMIT_PATCH_OPS);
    struct patch patch = {.ops = NEW_ARRAY(a, struct patch_op, list->count), .count = list->count};
    for (uint32_t i = 0; i < list->count; i++) {
        const node *op = list->items[i];
        if (!node_is_map(op) && !node_is_null(op))
            return err_invalid("json: cannot unmarshal %s into Go value of type "
                               "jsonpatch.Operation",
                               node_kind_name(op));
        patch.ops[i] = (struct patch_op){
            .kind = op_text(op, "op"),
            .path = op_text(op, "path"),
            .from = op_text(op, "from"),
            .value = node_get(op, STR("value")),
        };
    }
    *out = patch;
    return NULL;
}

/* --- Places: a map or list, and a key into it --- */

struct place {
    node *parent; /* NULL: not there */
    str key;
    size_t depth; /* of what is below the key */
};

/* "~1" is "/" and "~0" is "~". */
static str unescape(arena *a, str part)
{
    if (!str_has_char(part, '~')) return part;
    return str_replace(a, str_replace(a, part, STR("~1"), STR("/")), STR("~0"), STR("~"));
}

/* strconv.Atoi, and its message. */
static err *read_index(str key, int64_t *out)
{
    if (str_to_int(key, out)) return NULL;
    bool number = key.len > 0;
    for (size_t i = 0; i < key.len; i++) {
        bool sign = i == 0 && key.len > 1 && (key.data[0] == '-' || key.data[0] == '+');
        if (!sign && (key.data[i] < '0' || key.data[i] > '9')) number = false;
    }
    buf quoted AUTO(buf_done) = {0};
    json_write_str(&quoted, key, false);
    return err_invalid("strconv.Atoi: parsing " STR_FMT ": %s", STR_ARG(buf_str(&quoted)),
                       number ? "value out of range" : "invalid syntax");
}

/* Negative indices count from `size`, the first index that is too large. */
static err *list_index(str key, size_t size, size_t *out)
{
    int64_t index, limit = (int64_t)size;
    TRY(read_index(key, &index));
    if (index >= limit || index < -limit)
        return err_invalid("Unable to access invalid index: %lld: " BAD_INDEX, (long long)index);
    *out = (size_t)(index < 0 ? index + limit : index);
    return NULL;
}

/* The value under the key. NULL is null, or a missing key of a map. */
static err *place_get(struct place place, node **out)
{
    node *value;
    if (node_is_list(place.parent)) {
        size_t index;
        TRY(list_index(place.key, place.parent->count, &index));
        value = place.parent->items[index];
    } else {
        value = node_get(place.parent, place.key);
    }
    *out = node_is_null(value) ? NULL : value;
    return NULL;
}

/* What is before the first "/" of a path has no meaning, as in Go. */
static struct place find_place(struct state *s, str path)
{
    str part, rest;
    if (!path.data || !str_cut(path, '/', &part, &rest)) return (struct place){0};
    struct place place = {.parent = s->root, .depth = 1};
    while (str_cut(rest, '/', &part, &rest)) {
        node *next = NULL;
        place.key = unescape(s->a, part);
        err_free(place_get(place, &next));
        if (!node_is_map(next) && !node_is_list(next)) return (struct place){0};
        place.parent = next;
        place.depth++;
    }
    place.key = unescape(s->a, part);
    return place;
}

static err *place_add(struct state *s, struct place place, node *value)
{
    if (node_is_map(place.parent)) {
        node_set(s->a, place.parent, place.key, value);
        return NULL;
    }
    size_t index = place.parent->count;
    if (!str_is(place.key, "-")) {
        err *e = NULL;
        int64_t number;
        if ((e = read_index(place.key, &number)))
            return err_wrap(e, "value was not a proper array index: '" STR_FMT "'",
                            STR_ARG(place.key));
        TRY(list_index(place.key, place.parent->count + 1, &index));
    }
    node_insert_at(s->a, place.parent, index, value);
    return NULL;
}

static err *place_set(struct state *s, struct place place, node *value)
{
    if (node_is_map(place.parent)) return place_add(s, place, value);
    size_t index;
    TRY(list_index(place.key, place.parent->count, &index));
    place.parent->items[index] = value;
    return NULL;
}

static err *place_remove(struct place place)
{
    if (node_is_list(place.parent)) {
        size_t index;
        TRY(list_index(place.key, place.parent->count, &index));
        node_remove_at(place.parent, index);
        return NULL;
    }
    if (node_unset(place.parent, place.key)) return NULL;
    return err_invalid("Unable to remove nonexistent key: " STR_FMT ": " MISSING,
                       STR_ARG(place.key));
}

/* --- Bounds: operations that copy can double the document each time --- */

static size_t size_of(const node *n, size_t depth, size_t *depth_max)
{
    size_t size = sizeof *n;
    if (depth > *depth_max) *depth_max = depth;
    if (node_is_map(n)) {
        for (uint32_t i = 0; i < n->count; i++)
            size += sizeof *n->pairs + n->pairs[i].key.len +
                    size_of(n->pairs[i].value, depth + 1, depth_max);
    } else if (node_is_list(n)) {
        for (uint32_t i = 0; i < n->count; i++)
            size += sizeof *n->items + size_of(n->items[i], depth + 1, depth_max);
    } else {
        size += n->text.len;
    }
    return size;
}

/* A copy of the value to be put at the place. */
static err *copy_to(struct state *s, struct place place, const node *value, node **out)
{
    size_t depth = place.depth;
    if (value) {
        s->copied_bytes += size_of(value, place.depth, &depth);
        if (s->copied_bytes > LIMIT_PATCH_COPY_BYTES)
            return err_invalid("patch copies more than %d bytes", LIMIT_PATCH_COPY_BYTES);
    }
    if (depth > LIMIT_DOC_DEPTH)
        return err_invalid("patch nests deeper than %d levels", LIMIT_DOC_DEPTH);
    *out = value ? doc_copy_tree(s->a, value) : node_null(s->a);
    return NULL;
}

/* --- Operations --- */

static err *no_path(const struct patch_op *op)
{
    bool short_text = str_is(op->kind, "add") || str_is(op->kind, "remove") ||
                      str_is(op->kind, "copy");
    return err_invalid(STR_FMT " operation failed to decode path: %s" MISSING, STR_ARG(op->kind),
                       short_text ? "" : "operation missing path field: ");
}

static err *apply_add(struct state *s, const struct patch_op *op)
{
    struct place place = find_place(s, op->path);
    if (!place.parent)
        return err_invalid("add operation does not apply: doc is missing path: \"" STR_FMT
                           "\": " MISSING,
                           STR_ARG(op->path));
    node *value;
    TRY(copy_to(s, place, op->value, &value));
    err *e = place_add(s, place, value);
    return e ? err_wrap(e, "error in add for path: '" STR_FMT "'", STR_ARG(op->path)) : NULL;
}

static err *apply_remove(struct state *s, const struct patch_op *op)
{
    struct place place = find_place(s, op->path);
    if (!place.parent)
        return err_invalid("remove operation does not apply: doc is missing path: \"" STR_FMT
                           "\": " MISSING,
                           STR_ARG(op->path));
    err *e = place_remove(place);
    return e ? err_wrap(e, "error in remove for path: '" STR_FMT "'", STR_ARG(op->path)) : NULL;
}

static err *apply_replace(struct state *s, const struct patch_op *op)
{
    node *value, *old;
    if (!op->path.len) {
        if (!node_is_map(op->value) && !node_is_list(op->value))
            return err_invalid("replace operation value must be object or array");
        return copy_to(s, (struct place){0}, op->value, &s->root);
    }
    struct place place = find_place(s, op->path);
    if (!place.parent)
        return err_invalid("replace operation does not apply: doc is missing path: " STR_FMT
                           ": " MISSING,
                           STR_ARG(op->path));
    err *e = place_get(place, &old);
    if (e) {
        err_free(e);
        return err_invalid("replace operation does not apply: doc is missing key: " STR_FMT
                           ": " MISSING,
                           STR_ARG(op->path));
    }
    TRY(copy_to(s, place, op->value, &value));
    return place_set(s, place, value);
}

/* The value a move or copy begins with, and its place. */
static err *find_from(struct state *s, const struct patch_op *op, struct place *place, node **value)
{
    if (!op->from.data)
        return err_invalid(STR_FMT " operation failed to decode from: operation, missing from "
                           "field: " MISSING,
                           STR_ARG(op->kind));
    *place = find_place(s, op->from);
    if (!place->parent)
        return err_invalid(STR_FMT " operation does not apply: doc is missing from path: " STR_FMT
                                   ": " MISSING,
                           STR_ARG(op->kind), STR_ARG(op->from));
    return place_get(*place, value);
}

static err *find_destination(struct state *s, const struct patch_op *op, struct place *place)
{
    if (!op->path.data) return no_path(op);
    *place = find_place(s, op->path);
    if (place->parent) return NULL;
    return err_invalid(
        STR_FMT " operation does not apply: doc is missing destination path: " STR_FMT ": " MISSING,
        STR_ARG(op->kind), STR_ARG(op->path));
}

static err *apply_move(struct state *s, const struct patch_op *op)
{
    struct place from = {0}, to;
    node *value;
    err *e = find_from(s, op, &from, &value);
    if (!e) e = place_remove(from);
    if (e)
        return from.parent ? err_wrap(e, "error in move for path: '" STR_FMT "'", STR_ARG(from.key))
                           : e;
    TRY(find_destination(s, op, &to));
    TRY(copy_to(s, to, value, &value));
    e = place_add(s, to, value);
    return e ? err_wrap(e, "error in move for path: '" STR_FMT "'", STR_ARG(op->path)) : NULL;
}

static err *apply_copy(struct state *s, const struct patch_op *op)
{
    struct place from = {0}, to;
    node *value;
    err *e = find_from(s, op, &from, &value);
    if (e)
        return from.parent ? err_wrap(e, "error in copy for from: '" STR_FMT "'", STR_ARG(op->from))
                           : e;
    TRY(find_destination(s, op, &to));
    TRY(copy_to(s, to, value, &value));
    e = place_add(s, to, value);
    return e ? err_wrap(e, "error while adding value during copy") : NULL;
}

static err *apply_test(struct state *s, const struct patch_op *op)
{
    node *value = s->root;
    if (op->path.len) {
        struct place place = find_place(s, op->path);
        if (!place.parent)
            return err_invalid("test operation does not apply: is missing path: " STR_FMT
                               ": " MISSING,
                               STR_ARG(op->path));
        err *e = place_get(place, &value);
        if (e) return err_wrap(e, "error in test for path: '" STR_FMT "'", STR_ARG(op->path));
    }
    bool equal = node_is_null(op->value) ? !value : value && node_equal(value, op->value);
    if (equal) return NULL;
    return err_invalid("testing value " STR_FMT " failed: test failed", STR_ARG(op->path));
}

static err *apply(struct state *s, const struct patch_op *op)
{
    static const struct {
        const char *kind;
        err *(*apply)(struct state *, const struct patch_op *);
        bool from; /* begins with "from", and asks for the path later */
    } kinds[] = {
        {"add", apply_add, false},         {"remove", apply_remove, false},
        {"replace", apply_replace, false}, {"move", apply_move, true},
        {"copy", apply_copy, true},        {"test", apply_test, false},
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!str_is(op->kind, kinds[i].kind)) continue;
        if (!kinds[i].from && !op->path.data) return no_path(op);
        return kinds[i].apply(s, op);
    }
    return err_invalid("Unexpected kind: " STR_FMT,
                       STR_ARG(op->kind.data ? op->kind : STR("unknown")));
}

err *patch_apply(arena *a, const struct patch *patch, node **root)
{
    struct state s = {.a = a, .root = *root};
    for (size_t i = 0; i < patch->count; i++) TRY(apply(&s, &patch->ops[i]));
    *root = s.root;
    return NULL;
}

/* --- Through JSON and back --- */

static err *normalize_number(arena *a, node *n)
{
    struct number number;
    number_read(n->text, n->kind == NODE_INT, &number);
    if (number.class != NUMBER_FINITE) return NULL; /* JSON has no word for it: printing fails */
    double value = number_to_double(&number);
    if (!isfinite(value)) {
        return err_invalid("json: cannot unmarshal number " STR_FMT
                           " into Go value of type float64",
                           STR_ARG(n->text));
    }
    buf text = BUF(a);
    number_write_double(&text, value == 0 ? 0 : value, -4, 6); /* no -0 */
    n->text = buf_str(&text);
    bool whole = !str_has_char(n->text, '.') && !str_has_char(n->text, 'e');
    n->kind = whole ? NODE_INT : NODE_FLOAT;
    return NULL;
}

static bool is_true(const node *n)
{
    bool value;
    return node_to_bool(n, &value) && value;
}

err *patch_normalize(arena *a, node *root)
{
    char space[TIMESTAMP_BYTES];
    switch (root->kind) {
    case NODE_MAP:
        PAIR_EACH (root, pair)
            TRY(patch_normalize(a, pair->value));
        break;
    case NODE_LIST:
        NODE_EACH (root, item)
            TRY(patch_normalize(a, item));
        break;
    case NODE_INT:
    case NODE_FLOAT:
        TRY(normalize_number(a, root));
        break;
    case NODE_NULL:
        root->text = STR("null");
        break;
    case NODE_BOOL:
        root->text = is_true(root) ? STR("true") : STR("false");
        break;
    case NODE_STR:
        if (root->time) root->text = str_dup(a, timestamp_normal(root->text, space));
        break;
    }
    root->style = NODE_PLAIN;
    root->time = root->tagged = 0;
    return NULL;
}

/* --- Merge patch --- */

void patch_merge(arena *a, const node *patch, node **root)
{
    if (!node_is_map(patch)) {
        *root = patch ? doc_copy_tree(a, patch) : node_null(a);
        return;
    }
    if (!node_is_map(*root)) *root = node_map(a);
    PAIR_EACH (patch, pair) {
        if (node_is_null(pair->value)) {
            node_unset(*root, pair->key);
            continue;
        }
        node *value = node_get(*root, pair->key);
        patch_merge(a, pair->value, &value);
        node_set(a, *root, pair->key, value);
    }
}
