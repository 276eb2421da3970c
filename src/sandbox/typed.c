#include "sandbox/typed.h"

#include "base/map.h"
#include "doc/json.h"

static str field_step(arena *a, str name)
{
    return str_concat(a, STR("f:"), name);
}

static const struct json_style canonical = {.sorted = true};

static str text_of(arena *a, const node *n)
{
    buf b = BUF(a);
    json_write(&b, n, canonical);
    return buf_str(&b);
}

/* The step of an item of a list that merges. */
static err *item_step(arena *a, struct typing list, const node *item, str *out)
{
    if (typing_list_of(list) == TYPING_SET) {
        *out = str_concat(a, STR("v:"), text_of(a, item));
        return NULL;
    }
    if (!node_is_map(item))
        return err_invalid("associative list without keys has an element that's not a map");
    node *keys = node_map(a);
    bool any = false;
    NODE_EACH (typing_keys(list), key) {
        node *value = node_get(item, key->text);
        if (value) any = true;
        if (!value) {
            const node *field =
                node_get(node_get(typing_items(list).schema, STR("properties")), key->text);
            value = node_get(field, STR("default"));
        }
        if (value && !node_is_null(value)) node_set(a, keys, key->text, value);
    }
    if (!any && !keys->count)
        return err_invalid("associative list with keys has an element that omits all key fields "
                           "(keys: " STR_FMT ")",
                           STR_ARG(text_of(a, typing_keys(list))));
    *out = str_concat(a, STR("k:"), text_of(a, keys));
    return NULL;
}

/* The items of a list by their steps, in order. */
struct items {
    str *steps;
    struct map by_step; /* step -> node */
};

static void items_done(struct items *items)
{
    map_done(&items->by_step);
}

static err *items_of(arena *a, struct typing list, const node *value, struct items *out)
{
    out->steps = NEW_ARRAY(a, str, node_is_list(value) ? value->count : 0);
    size_t at = 0;
    NODE_EACH (value, item) {
        TRY(item_step(a, list, item, &out->steps[at]));
        if (map_has(&out->by_step, out->steps[at]) && typing_list_of(list) == TYPING_MAP)
            return err_invalid("duplicate entries for key " STR_FMT,
                               STR_ARG(fieldset_step_text(a, out->steps[at])));
        map_put(&out->by_step, out->steps[at], item);
        at++;
    }
    return NULL;
}

static bool merges_map(struct typing typing, const node *value)
{
    return node_is_map(value) && !typing_map_is_atomic(typing);
}

static bool merges_list(struct typing typing, const node *value)
{
    return node_is_list(value) && typing_list_of(typing) != TYPING_ATOMIC;
}

static bool is_hollow(const node *value)
{
    return node_is_null(value) || (value->kind == NODE_MAP && value->count == 0);
}

/* ---- the fields of an object ---- */

static err *add_fields(arena *a, struct typing typing, const node *value, struct fieldset *out)
{
    if (merges_map(typing, value)) {
        PAIR_EACH (value, pair) {
            struct fieldset *child = fieldset_at(a, out, field_step(a, pair->key));
            TRY(add_fields(a, typing_field(typing, pair->key), pair->value, child));
            if (is_hollow(pair->value) || !typing_declares(typing, pair->key)) child->member = true;
        }
        return NULL;
    }
    if (merges_list(typing, value)) {
        struct items items AUTO(items_done) = {0};
        TRY(items_of(a, typing, value, &items));
        for (size_t i = 0; i < value->count; i++) {
            struct fieldset *child = fieldset_at(a, out, items.steps[i]);
            TRY(add_fields(a, typing_items(typing), value->items[i], child));
            child->member = true;
        }
        return NULL;
    }
    if (!node_is_null(value) || !typing_map_is_atomic(typing)) out->member = true;
    return NULL;
}

err *typed_set(arena *a, struct typing typing, const node *value, struct fieldset **out)
{
    struct fieldset *set = fieldset_new(a);
    TRY(add_fields(a, typing, value, set));
    set->member = false;
    *out = set;
    return NULL;
}

/* ---- whether it is one ---- */

static err *check_list(arena *a, struct typing typing, const node *value, str path)
{
    struct items items AUTO(items_done) = {0};
    size_t at = 0;
    NODE_EACH (value, item) {
        str step;
        err *e = item_step(a, typing, item, &step);
        if (e) return err_wrap(e, STR_FMT ": element %zu", STR_ARG(path), at);
        if (map_has(&items.by_step, step))
            return err_invalid(STR_FMT ": duplicate entries for key " STR_FMT, STR_ARG(path),
                               STR_ARG(fieldset_step_text(a, step)));
        map_put(&items.by_step, step, item);
        at++;
    }
    return NULL;
}

static err *check_at(arena *a, struct typing typing, const node *value, str path)
{
    if (merges_list(typing, value)) TRY(check_list(a, typing, value, path));
    PAIR_EACH (value, pair) {
        TRY(check_at(a, typing_field(typing, pair->key), pair->value,
                     str_printf(a, STR_FMT "." STR_FMT, STR_ARG(path), STR_ARG(pair->key))));
    }
    size_t at = 0;
    NODE_EACH (value, item) {
        TRY(check_at(a, typing_items(typing), item,
                     str_printf(a, STR_FMT "[%zu]", STR_ARG(path), at++)));
    }
    return NULL;
}

err *typed_check(arena *a, struct typing typing, const node *value)
{
    return check_at(a, typing, value, STR(""));
}

/* ---- differences ---- */

static err *compare(arena *a, struct typing typing, const node *before, const node *after,
                    struct fieldset *set, struct fieldset *removed);

static err *compare_maps(arena *a, struct typing typing, const node *before, const node *after,
                         struct fieldset *set, struct fieldset *removed)
{
    PAIR_EACH (before, pair) {
        str step = field_step(a, pair->key);
        TRY(compare(a, typing_field(typing, pair->key), pair->value, node_get(after, pair->key),
                    fieldset_at(a, set, step), fieldset_at(a, removed, step)));
    }
    PAIR_EACH (after, pair) {
        if (node_get(before, pair->key)) continue;
        str step = field_step(a, pair->key);
        TRY(compare(a, typing_field(typing, pair->key), NULL, pair->value,
                    fieldset_at(a, set, step), fieldset_at(a, removed, step)));
    }
    return NULL;
}

static err *compare_lists(arena *a, struct typing typing, const node *before, const node *after,
                          struct fieldset *set, struct fieldset *removed)
{
    struct items old AUTO(items_done) = {0}, new AUTO(items_done) = {0};
    TRY(items_of(a, typing, before, &old));
    TRY(items_of(a, typing, after, &new));
    MAP_EACH (&old.by_step, entry) {
        str step = str_dup(a, entry->key);
        TRY(compare(a, typing_items(typing), entry->value, map_get(&new.by_step, step),
                    fieldset_at(a, set, step), fieldset_at(a, removed, step)));
    }
    MAP_EACH (&new.by_step, entry) {
        str step = str_dup(a, entry->key);
        if (map_has(&old.by_step, step)) continue;
        TRY(compare(a, typing_items(typing), NULL, entry->value, fieldset_at(a, set, step),
                    fieldset_at(a, removed, step)));
    }
    return NULL;
}

/* NULL is a value that is missing. */
static err *compare(arena *a, struct typing typing, const node *before, const node *after,
                    struct fieldset *set, struct fieldset *removed)
{
    if (before && after && node_equal(before, after)) return NULL;
    const node *some = node_is_null(after) ? before : after;
    bool same_shape =
        node_is_null(before) || node_is_null(after) || node_is_map(before) == node_is_map(after);
    if (same_shape && merges_map(typing, some)) {
        TRY(compare_maps(a, typing, before, after, set, removed));
    } else if (same_shape && merges_list(typing, some)) {
        TRY(compare_lists(a, typing, before, after, set, removed));
    } else if (before && after) {
        set->member = true;
    }
    if (!before) set->member = true;
    if (!after) removed->member = true;
    return NULL;
}

err *typed_compare(arena *a, struct typing typing, const node *before, const node *after,
                   struct typed_changes *out)
{
    static const node nothing = {.kind = NODE_MAP};
    *out = (struct typed_changes){fieldset_new(a), fieldset_new(a)};
    return compare(a, typing, before ? before : &nothing, after ? after : &nothing, out->set,
                   out->removed);
}

/* ---- merging ---- */

static err *merge_maps(arena *a, struct typing typing, node *live, node *applied, node **out)
{
    node *merged = doc_copy_top(a, live);
    PAIR_EACH (applied, pair) {
        node *value;
        TRY(typed_merge(a, typing_field(typing, pair->key), node_get(live, pair->key), pair->value,
                        &value));
        node_set(a, merged, pair->key, value);
    }
    *out = merged;
    return NULL;
}

/* Items of live that are not applied keep their place before the shared ones that follow them. */
static err *merge_lists(arena *a, struct typing typing, node *live, node *applied, node **out)
{
    struct items old AUTO(items_done) = {0}, new AUTO(items_done) = {0};
    TRY(items_of(a, typing, live, &old));
    TRY(items_of(a, typing, applied, &new));
    node *merged = node_list(a);
    size_t i = 0, j = 0;
    while (i < live->count || j < applied->count) {
        bool shared = i < live->count && map_has(&new.by_step, old.steps[i]);
        if (i < live->count && !shared) {
            node_push(a, merged, live->items[i++]);
            continue;
        }
        size_t next = j;
        while (next < applied->count && !map_has(&old.by_step, new.steps[next]))
            next++;
        if (shared && (next == applied->count || !str_eq(old.steps[i], new.steps[next]))) {
            i++;
            continue;
        }
        node *value;
        node *before = map_get(&old.by_step, new.steps[j]);
        if (shared && next == j) i++;
        TRY(typed_merge(a, typing_items(typing), before, applied->items[j], &value));
        node_push(a, merged, value);
        j++;
    }
    *out = merged;
    return NULL;
}

err *typed_merge(arena *a, struct typing typing, node *live, node *applied, node **out)
{
    if (merges_map(typing, applied) && node_is_map(live))
        return merge_maps(a, typing, live, applied, out);
    if (merges_list(typing, applied) && node_is_list(live))
        return merge_lists(a, typing, live, applied, out);
    *out = applied;
    return NULL;
}

/* ---- removing ---- */

static node *without_fields(arena *a, struct typing typing, node *value, const struct fieldset *set)
{
    node *out = node_map(a);
    PAIR_EACH (value, pair) {
        const struct fieldset *inner = fieldset_child(set, field_step(a, pair->key));
        node *kept = pair->value;
        if (inner && inner->member) continue;
        if (inner) kept = typed_without(a, typing_field(typing, pair->key), kept, inner);
        if (kept) node_add_pair(a, out, pair->key, kept);
    }
    return out;
}

node *typed_without(arena *a, struct typing typing, node *value, const struct fieldset *set)
{
    if (fieldset_is_empty(set)) return value;
    node *out = value;
    if (merges_map(typing, value)) {
        out = without_fields(a, typing, value, set);
    } else if (merges_list(typing, value)) {
        out = node_list(a);
        NODE_EACH (value, item) {
            str step;
            err *e AUTO(err_done) = item_step(a, typing, item, &step);
            const struct fieldset *inner = e ? NULL : fieldset_child(set, step);
            if (inner && inner->member) continue;
            node_push(a, out, inner ? typed_without(a, typing_items(typing), item, inner) : item);
        }
    }
    return out->kind >= NODE_LIST && out->count == 0 && value->count ? NULL : out;
}
