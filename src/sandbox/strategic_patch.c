#include "sandbox/strategic_patch.h"

#include <stdlib.h>

#include "base/buf.h"

#define DIRECTIVE "$patch"
#define RETAIN    "$retainKeys"
#define ORDER     "$setElementOrder/"
#define DELETION  "$deleteFromPrimitiveList/"

/* How the value of a field is patched. */
struct strategy {
    bool merges, replaces;
    str key; /* of the items of a list; empty for scalars */
    struct typing typing;
};

static struct strategy strategy_of(struct typing typing, str field)
{
    /* What stands beside a reference counts as well. */
    const node *schema = node_get(node_get(typing.schema, STR("properties")), field);
    struct strategy out = {.key = node_get_str(schema, STR("x-kubernetes-patch-merge-key")),
                           .typing = typing_field(typing, field)};
    str rest = node_get_str(schema, STR("x-kubernetes-patch-strategy"));
    for (str word; str_next(&rest, ',', &word);) {
        out.merges = out.merges || str_is(word, "merge");
        out.replaces = out.replaces || str_is(word, "replace");
    }
    return out;
}

static err *merge_maps(arena *a, struct typing typing, const node *patch, node *object);

/* ---- words of upstream ---- */

/* A value as Go prints it: map[a:1 b:[x y]]. */
static void add_go(buf *b, const node *n)
{
    if (node_is_scalar(n)) {
        buf_add(b, node_is_null(n) ? STR("<nil>") : n->text);
        return;
    }
    buf_printf(b, "%s[", node_is_map(n) ? "map" : "");
    const char *between = "";
    NODE_EACH (n, item) {
        buf_printf(b, "%s", between);
        add_go(b, item);
        between = " ";
    }
    str *names = NEW_ARRAY(b->arena, str, n->count);
    for (uint32_t i = 0; node_is_map(n) && i < n->count; i++)
        names[i] = n->pairs[i].key;
    if (node_is_map(n) && n->count) qsort(names, n->count, sizeof *names, str_order);
    for (uint32_t i = 0; node_is_map(n) && i < n->count; i++) {
        buf_printf(b, "%s" STR_FMT ":", between, STR_ARG(names[i]));
        add_go(b, node_get(n, names[i]));
        between = " ";
    }
    buf_add_char(b, ']');
}

static str go_text(arena *a, const node *n)
{
    buf b = BUF(a);
    add_go(&b, n);
    return buf_str(&b);
}

static err *unknown_type(arena *a, const node *patch)
{
    return err_invalid("unknown patch type: " STR_FMT " in map: " STR_FMT,
                       STR_ARG(node_get_str(patch, STR(DIRECTIVE))), STR_ARG(go_text(a, patch)));
}

/* ---- items of lists ---- */

/* What tells an item from others: the value of its key, or the scalar itself. */
static const node *identity(const node *item, str key)
{
    return key.len ? node_get(item, key) : item;
}

static ptrdiff_t index_of(const node *list, const node *item, str key)
{
    const node *wanted = identity(item, key);
    ptrdiff_t at = 0;
    NODE_EACH (list, other) {
        const node *have = identity(other, key);
        if (wanted && have && node_equal(wanted, have)) return at;
        at++;
    }
    return -1;
}

static err *check_items(const node *list, str key, str field)
{
    NODE_EACH (list, item) {
        if (node_is_list(item)) return err_invalid("lists of lists are not supported");
        if (node_is_map(item) && !key.len)
            return err_invalid("cannot merge lists without merge key for " STR_FMT, STR_ARG(field));
        if (!node_is_map(item) && key.len)
            return err_invalid("'" STR_FMT "': the items of a patch are to be objects",
                               STR_ARG(field));
        if (key.len && !node_get(item, key) && !node_get(item, STR(DIRECTIVE)))
            return err_invalid("'" STR_FMT
                               "': an item does not contain declared merge key: " STR_FMT,
                               STR_ARG(field), STR_ARG(key));
    }
    return NULL;
}

/* The members of `list` that are in `order`, as ordered there; or those that are not, as they are.
 */
static node *pick(arena *a, const node *list, const node *order, str key, bool in)
{
    node *out = node_list(a);
    if (!in) {
        NODE_EACH (list, item) {
            if (index_of(order, item, key) < 0) node_push(a, out, item);
        }
        return out;
    }
    NODE_EACH (order, wanted) {
        ptrdiff_t at = index_of(list, wanted, key);
        if (at >= 0 && index_of(out, wanted, key) < 0) node_push(a, out, list->items[at]);
    }
    return out;
}

/* As upstream orders a merged list: what the patch names in its order, and between them what the
 * server alone has, where it stood before. */
static node *in_order(arena *a, const node *list, const node *order, const node *before, str key)
{
    node *named = pick(a, list, order, key, true), *others = pick(a, list, order, key, false);
    node *out = node_list(a);
    uint32_t i = 0, j = 0;
    while (i < others->count || j < named->count) {
        bool take_other = j >= named->count;
        if (i < others->count && j < named->count) {
            ptrdiff_t left = index_of(before, others->items[i], key);
            ptrdiff_t right = index_of(before, named->items[j], key);
            take_other = left >= 0 && right >= 0 && left < right;
        }
        node_push(a, out, take_other ? others->items[i++] : named->items[j++]);
    }
    return out;
}

/* Without directives and nulls: what a patch adds. */
static err *added(arena *a, struct typing typing, const node *value, node **out)
{
    if (!node_is_map(value)) {
        *out = (node *)value;
        return NULL;
    }
    node *map = node_map(a);
    TRY(merge_maps(a, typing, value, map));
    *out = map;
    return NULL;
}

/* An item that says `$patch`: its key goes, or the whole list is what else the patch has. */
static bool is_directive(const node *item, const char *what)
{
    return str_is(node_get_str(item, STR(DIRECTIVE)), what);
}

static void delete_items(arena *a, const node *patch, str key, node **list)
{
    NODE_EACH (patch, item) {
        if (!node_is_map(item) || !is_directive(item, "delete")) continue;
        node *kept = node_list(a);
        NODE_EACH (*list, old) {
            const node *have = identity(old, key), *gone = identity(item, key);
            if (!have || !gone || !node_equal(have, gone)) node_push(a, kept, old);
        }
        *list = kept;
    }
}

static err *merge_lists(arena *a, struct strategy strategy, str field, const node *patch,
                        const node *before, node **out)
{
    str key = strategy.key;
    TRY(check_items(patch, key, field));
    bool replaces = false;
    NODE_EACH (patch, item) {
        replaces = replaces || (node_is_map(item) && is_directive(item, "replace"));
    }
    node *merged = node_list(a), *given = node_list(a);
    if (!replaces) {
        NODE_EACH (before, item) {
            if (key.len || index_of(merged, item, key) < 0) node_push(a, merged, item);
        }
    }
    delete_items(a, patch, key, &merged);
    NODE_EACH (patch, item) {
        if (node_is_map(item) && node_get(item, STR(DIRECTIVE))) {
            if (is_directive(item, "delete") || is_directive(item, "replace")) continue;
            if (!is_directive(item, "merge")) return unknown_type(a, item);
        }
        ptrdiff_t at = index_of(merged, item, key);
        node *value;
        if (at >= 0 && node_is_map(item)) {
            value = doc_copy_top(a, merged->items[at]);
            TRY(merge_maps(a, typing_items(strategy.typing), item, value));
            merged->items[at] = value;
        } else if (at < 0) {
            TRY(added(a, typing_items(strategy.typing), item, &value));
            node_push(a, merged, value);
        }
        node_push(a, given, item);
    }
    *out = in_order(a, merged, given, before, key);
    return NULL;
}

/* ---- directives of maps ---- */

/* The order has to have what the patch changes, in the same order. */
static err *check_order(arena *a, const node *list, const node *order, str key)
{
    ptrdiff_t last = -1;
    NODE_EACH (list, item) {
        if (node_is_map(item) && node_get(item, STR(DIRECTIVE))) continue;
        ptrdiff_t at = index_of(order, item, key);
        if (at <= last)
            return err_invalid("The order in patch list:\n" STR_FMT
                               "\n doesn't match $setElementOrder list:\n" STR_FMT "\n",
                               STR_ARG(go_text(a, list)), STR_ARG(go_text(a, order)));
        last = at;
    }
    return NULL;
}

static err *apply_order(arena *a, struct typing typing, str field, const node *order,
                        const node *patch, node *object)
{
    const node *given = node_get(patch, field), *before = node_get(object, field);
    struct strategy strategy = strategy_of(typing, field);
    if (!node_is_list(order) || (given && !node_is_list(given)))
        return err_invalid("$setElementOrder/" STR_FMT ": a list is expected", STR_ARG(field));
    TRY(check_order(a, given, order, strategy.key));
    node *merged = (node *)before;
    if (!node_is_list(before)) before = NULL;
    if (given) TRY(merge_lists(a, strategy, field, given, before, &merged));
    if (!node_is_list(merged)) return NULL;
    node_set(a, object, field, in_order(a, merged, order, before, strategy.key));
    return NULL;
}

static err *delete_scalars(arena *a, str field, const node *gone, node *object)
{
    const node *before = node_get(object, field);
    if (!node_is_list(gone))
        return err_invalid("$deleteFromPrimitiveList/" STR_FMT ": a list is expected",
                           STR_ARG(field));
    if (!node_is_list(before)) return NULL;
    node *kept = node_list(a);
    NODE_EACH (before, item) {
        if (index_of(gone, item, (str){0}) < 0) node_push(a, kept, item);
    }
    node_set(a, object, field, kept);
    return NULL;
}

static bool lists(const node *list, str word)
{
    NODE_EACH (list, item) {
        if (str_eq(item->text, word)) return true;
    }
    return false;
}

/* Only the named keys stay. */
static err *retain_keys(const node *patch, node *object)
{
    const node *keys = node_get(patch, STR(RETAIN));
    if (!keys) return NULL;
    bool texts = node_is_list(keys);
    NODE_EACH (keys, key) {
        texts = texts && node_is_scalar(key);
    }
    if (!texts) return err_invalid("$retainKeys: a list of texts is expected");
    PAIR_EACH (patch, pair) {
        bool directive = str_starts(pair->key, STR("$"));
        if (!directive && !node_is_null(pair->value) && !lists(keys, pair->key))
            return err_invalid("invalid patch format of retainKeys: '" STR_FMT "' is not listed",
                               STR_ARG(pair->key));
    }
    for (uint32_t i = 0; i < object->count;) {
        if (lists(keys, object->pairs[i].key))
            i++;
        else
            node_unset(object, object->pairs[i].key);
    }
    return NULL;
}

/* ---- maps ---- */

static err *merge_field(arena *a, struct typing typing, const struct node_pair *pair, node *object)
{
    struct strategy strategy = strategy_of(typing, pair->key);
    const node *value = pair->value, *before = node_get(object, pair->key);
    node *merged;
    if (node_is_null(value)) {
        node_unset(object, pair->key);
        return NULL;
    }
    if (node_is_map(value) && node_is_map(before) && !strategy.replaces) {
        merged = doc_copy_top(a, before);
        TRY(merge_maps(a, strategy.typing, value, merged));
    } else if (node_is_list(value) && strategy.merges) {
        bool list = node_is_list(before);
        TRY(merge_lists(a, strategy, pair->key, value, list ? before : NULL, &merged));
    } else {
        TRY(added(a, strategy.typing, value, &merged));
    }
    node_set(a, object, pair->key, merged);
    return NULL;
}

static err *merge_maps(arena *a, struct typing typing, const node *patch, node *object)
{
    const node *directive = node_get(patch, STR(DIRECTIVE));
    if (directive && (is_directive(patch, "replace") || is_directive(patch, "delete"))) {
        object->count = 0;
        PAIR_EACH (patch, pair) {
            if (is_directive(patch, "replace") && !str_is(pair->key, DIRECTIVE))
                node_set(a, object, pair->key, pair->value);
        }
        return NULL;
    }
    if (directive && !is_directive(patch, "merge")) return unknown_type(a, patch);
    TRY(retain_keys(patch, object));
    PAIR_EACH (patch, pair) {
        str field = pair->key;
        if (str_strip_prefix(&field, STR(DELETION)))
            TRY(delete_scalars(a, field, pair->value, object));
        else if (str_strip_prefix(&field, STR(ORDER)))
            TRY(apply_order(a, typing, field, pair->value, patch, object));
    }
    PAIR_EACH (patch, pair) {
        str field = pair->key;
        bool ours = str_is(field, DIRECTIVE) || str_is(field, RETAIN) ||
                    str_starts(field, STR(DELETION)) || str_starts(field, STR(ORDER));
        if (ours || node_get(patch, str_concat(a, STR(ORDER), field))) continue;
        TRY(merge_field(a, typing, pair, object));
    }
    return NULL;
}

err *strategic_patch_apply(arena *a, struct typing typing, const node *patch, node *object)
{
    if (!node_is_map(patch)) return err_invalid("the patch is no object");
    return merge_maps(a, typing, patch, object);
}
