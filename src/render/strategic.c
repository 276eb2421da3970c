#include "render/strategic.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "doc/yaml.h"
#include "render/scalar.h"
#include "render/shape.h"

/*
 * Every value is merged from two sources, what is there (dest) and the patch;
 * either may be missing. Where only one is there it is merged with itself or
 * with nothing, because that has effects, too: nulls go, nested directives are
 * obeyed, lists lose repeated items. A result of NULL says "no value here".
 */
struct merge {
    arena *a;
    const struct openapi *schema;
    struct strategic_hints hints;
};

static err *merge_values(struct merge *m, node *dest, node *patch, struct openapi_place place,
                         node **out);

/* --- Directives: $patch --- */

enum directive { DIRECTIVE_MERGE, DIRECTIVE_REPLACE, DIRECTIVE_DELETE, DIRECTIVE_UNKNOWN };

#define DIRECTIVE_KEY STR("$patch")

static str scalar_text(const node *n)
{
    return node_is_scalar(n) ? n->text : STR("");
}

static enum directive directive_of(const node *value)
{
    str text = scalar_text(value);
    if (str_is(text, "merge")) return DIRECTIVE_MERGE;
    if (str_is(text, "replace")) return DIRECTIVE_REPLACE;
    return str_is(text, "delete") ? DIRECTIVE_DELETE : DIRECTIVE_UNKNOWN;
}

static err *unknown_directive(const node *value)
{
    return err_invalid("unknown patch strategy '" STR_FMT "'", STR_ARG(scalar_text(value)));
}

/* Takes the directive out of the patch, unless it is unknown. */
static enum directive take_map_directive(node *patch)
{
    const node *value = node_get(patch, DIRECTIVE_KEY);
    if (!value) return DIRECTIVE_MERGE;
    enum directive directive = directive_of(value);
    if (directive != DIRECTIVE_UNKNOWN) node_unset(patch, DIRECTIVE_KEY);
    return directive;
}

/* --- Items of a list, by the texts of their keys --- */

/* One text per key; keys and values may be fewer than the schema has. */
struct identity {
    str *keys;
    size_t key_count;
    str *values;
    size_t value_count;
};

static const node *item_key(const node *item, str key)
{
    return key.len ? node_get(item, key) : item;
}

static bool is_empty_item(const node *n)
{
    return node_is_null(n) || (node_is_map(n) && n->count == 0);
}

/* The first item whose keys have exactly these values. */
static node *find_item(const node *list, const struct identity *id)
{
    NODE_EACH(list, item) {
        bool plain = id->keys[0].len == 0, found = plain || node_is_map(item);
        for (size_t i = 0; i < id->key_count && found; i++) {
            const node *value = item_key(item, id->keys[i]);
            found = value && str_eq(scalar_text(value), id->values[i]);
        }
        if (found) return item;
    }
    return NULL;
}

/* compat: an empty value matches any; keys beyond the values count as matched, but with no value
 * nothing matches. Pinned by unit/strategic. */
static err *item_matches(const node *item, const struct identity *id, bool *out)
{
    *out = id->value_count > 0;
    for (size_t i = 0; i < id->key_count && i < id->value_count && *out; i++) {
        TRY(shape_check(item, id->keys[i].len ? SHAPE_MAP : SHAPE_SCALAR));
        const node *value = item_key(item, id->keys[i]);
        bool any = id->values[i].len == 0 && id->keys[i].len > 0;
        *out = value && (any || str_eq(scalar_text(value), id->values[i]));
    }
    return NULL;
}

/*
 * Puts `item` in the place of every item of that identity, or at the end when there is none;
 * removes them when item is NULL. Empty items go in passing.
 * compat: without any value the list is emptied first. Pinned by unit/strategic.
 */
static err *set_item(arena *a, node *list, const struct identity *id, node *item)
{
    bool of_maps = id->keys[0].len > 0 && id->value_count > 0 && id->values[0].len > 0;
    bool found = false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        node *old = list->items[i];
        if (is_empty_item(old)) continue;
        bool matches = false;
        if (node_is_map(old) || !of_maps) {
            TRY(item_matches(old, id, &matches));
            if (!matches && id->value_count == 0) continue;
        }
        if (matches) {
            found = true;
            if (!item) continue;
        }
        list->items[kept++] = matches ? item : old;
    }
    list->count = kept;
    if (!found && !node_is_null(item)) node_push(a, list, item);
    return NULL;
}

/* compat: only the first item with $patch counts, and only when it has no other field. Pinned by
 * unit/strategic. */
static err *take_list_directive(arena *a, node *patch, enum directive *out)
{
    const node *value = NULL;
    NODE_EACH(patch, item) {
        value = node_get(item, DIRECTIVE_KEY);
        if (!value) continue;
        if (item->count > 1) value = NULL;
        break;
    }
    *out = value ? directive_of(value) : DIRECTIVE_MERGE;
    if (!value) return NULL;
    if (*out == DIRECTIVE_UNKNOWN) return unknown_directive(value);
    str text = scalar_text(value);
    struct identity id = {&DIRECTIVE_KEY, 1, &text, 1};
    return set_item(a, patch, &id, NULL);
}

/* --- Identities of all items of both sources --- */

struct identities {
    str *keys;
    str *values; /* `width` texts each */
    size_t count, width;
};

static str *identity_values(const struct identities *all, size_t index)
{
    return &all->values[index * all->width];
}

static struct identity identity_at(const struct identities *all, size_t index)
{
    return (struct identity){all->keys, all->width, identity_values(all, index), all->width};
}

static bool same_texts(const str *a, const str *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!str_eq(a[i], b[i])) return false;
    return true;
}

static void add_identities(struct identities *all, const node *list)
{
    NODE_EACH(list, item) {
        str *values = identity_values(all, all->count);
        for (size_t i = 0; i < all->width; i++) {
            const node *value = item_key(item, all->keys[i]);
            values[i] = all->keys[i].len && node_is_null(value) ? STR("") : scalar_text(value);
        }
        bool seen = false;
        for (size_t i = 0; i < all->count && !seen; i++)
            seen = same_texts(identity_values(all, i), values, all->width);
        if (!seen) all->count++;
    }
}

/* Two identities with something in common and no contradiction; `both` has what either knows. */
static bool agree(const str *a, const str *b, size_t width, str *both)
{
    bool common = false;
    for (size_t i = 0; i < width; i++) {
        if (str_eq(a[i], b[i]))
            common = true;
        else if (a[i].len && b[i].len)
            return false;
        both[i] = a[i].len ? a[i] : b[i];
    }
    return common;
}

/* {port: 80} and {port: 80, protocol: TCP} are one item. */
static void unify(arena *a, struct identities *all)
{
    size_t size_bytes = all->width * sizeof(str);
    str *first = NEW_ARRAY(a, str, all->width), *both = NEW_ARRAY(a, str, all->width);
    for (size_t i = 0; i < all->count; i++) {
        memcpy(first, identity_values(all, i), size_bytes);
        for (size_t k = 0; k < all->count; k++) {
            if (!agree(first, identity_values(all, k), all->width, both)) continue;
            memcpy(identity_values(all, i), both, size_bytes);
            memcpy(identity_values(all, k), both, size_bytes);
        }
    }
}

/* Leaves out the keys that no item has, unless no item has any. */
static void drop_unused_keys(arena *a, struct identities *all)
{
    bool *used = NEW_ARRAY(a, bool, all->width);
    size_t used_count = 0, values_kept = 0, keys_kept = 0;
    for (size_t k = 0; k < all->width; k++) {
        for (size_t i = 0; i < all->count && !used[k]; i++)
            used[k] = identity_values(all, i)[k].len > 0;
        used_count += used[k];
    }
    if (!used_count) return;
    for (size_t i = 0; i < all->count * all->width; i++)
        if (used[i % all->width]) all->values[values_kept++] = all->values[i];
    for (size_t k = 0; k < all->width; k++)
        if (used[k]) all->keys[keys_kept++] = all->keys[k];
    all->width = used_count;
}

static err *collect_identities(arena *a, const node *dest, const node *patch, const str *keys,
                               size_t key_count, struct identities *out)
{
    size_t room = (node_is_list(patch) ? patch->count : 0) + (size_t)dest->count;
    if (room > LIMIT_MERGE_ITEMS)
        return err_invalid("lists of %zu items merge by key, the limit is %d", room,
                           LIMIT_MERGE_ITEMS);
    *out = (struct identities){.keys = NEW_ARRAY(a, str, key_count),
                               .values = NEW_ARRAY(a, str, (room + 1) * key_count),
                               .width = key_count};
    memcpy(out->keys, keys, key_count * sizeof *keys);
    add_identities(out, patch);
    add_identities(out, dest);
    if (key_count > 1) unify(a, out);
    drop_unused_keys(a, out);
    return NULL;
}

/* Without the keys it has no value for, unless it has none at all. */
static struct identity known_part(arena *a, struct identity id)
{
    struct identity known = {NEW_ARRAY(a, str, id.key_count), 0, NEW_ARRAY(a, str, id.key_count),
                             0};
    for (size_t i = 0; i < id.value_count; i++) {
        if (!id.values[i].len) continue;
        known.keys[known.key_count++] = id.keys[i];
        known.values[known.value_count++] = id.values[i];
    }
    return known.key_count ? known : id;
}

/* --- Lists --- */

static void add_missing_keys(arena *a, node *item, const struct identity *id)
{
    for (size_t i = 0; i < id->key_count && node_is_map(item); i++)
        if (id->values[i].len && !node_get(item, id->keys[i]))
            node_set(a, item, id->keys[i], scalar_new(a, id->values[i]));
}

/*
 * Adds the items of dest to the result, where the merged ones are already.
 * compat: an item that lacks a key is added first, and again with what it has;
 * of several keys the item moves to the end. Pinned by unit/strategic.
 */
static err *add_rest(struct merge *m, const struct identities *all, const node *dest, node *result)
{
    str *values = NEW_ARRAY(m->a, str, all->width);
    NODE_EACH(dest, item) {
        struct identity id = {all->keys, all->width, values, 0};
        for (size_t i = 0; i < all->width; i++) {
            if (all->keys[i].len) TRY(shape_check(item, SHAPE_MAP));
            const node *value = item_key(item, all->keys[i]);
            if (value)
                values[id.value_count++] = scalar_text(value);
            else
                node_push(m->a, result, item);
        }
        if (all->width > 1) TRY(set_item(m->a, result, &id, NULL));
        TRY(set_item(m->a, result, &id, item));
    }
    return NULL;
}

static err *merge_items(struct merge *m, node *dest, node *patch, struct openapi_place place,
                        node **out)
{
    const str *keys, plain = STR("");
    size_t key_count = openapi_keys(m->a, place, &keys);
    struct identities all = {0};
    TRY(collect_identities(m->a, dest, patch, key_count ? keys : &plain, MAX(key_count, (size_t)1),
                           &all));
    *out = dest;
    if (!all.count) return NULL;

    node *result = node_list(m->a);
    for (size_t i = 0; i < all.count; i++) {
        struct identity id = identity_at(&all, i), known = known_part(m->a, id);
        node *value;
        TRY(merge_values(m, find_item(dest, &known), find_item(patch, &known),
                         openapi_items(place), &value));
        if (is_empty_item(value)) {
            TRY(set_item(m->a, dest, &id, NULL));
            continue;
        }
        add_missing_keys(m->a, value, &id);
        TRY(set_item(m->a, result, &id, value));
    }
    TRY(add_rest(m, &all, dest, result));
    *out = result;
    return NULL;
}

static err *merge_list(struct merge *m, node *dest, node *patch, struct openapi_place place,
                       node **out)
{
    *out = NULL;
    if (!openapi_merges(place)) {
        *out = patch ? patch : dest;
        return NULL;
    }
    if (node_is_null(dest)) return merge_items(m, patch, patch, place, out);
    if (patch && node_is_null(patch)) return NULL;

    enum directive directive;
    TRY(take_list_directive(m->a, patch, &directive));
    if (directive == DIRECTIVE_DELETE) return NULL;
    return merge_items(m, directive == DIRECTIVE_REPLACE ? patch : dest, patch, place, out);
}

/* --- Maps --- */

/* The value stands in a field that was written in this style: a quoted field stays a text. */
static void take_style(node *value, enum node_style style)
{
    bool quoted = style != NODE_PLAIN && style != NODE_FLOW;
    if (node_is_scalar(value) && quoted) {
        value->kind = NODE_STR;
        value->tagged = value->time = 0;
    }
    value->style = style;
}

/* A text such as `yes`, which older readers take for something else, is quoted from now on. */
static void keep_text(node *value)
{
    bool time;
    if (value->kind == NODE_STR && value->style == NODE_PLAIN && !value->time &&
        yaml_resolve(value->text, YAML_V2, &time) != NODE_STR)
        value->style = NODE_DOUBLE;
}

static void set_field(arena *a, node *map, const node *patch, str name, node *value)
{
    node *old = node_get(map, name);
    if (!value || (node_is_null(value) && value != old)) {
        node_unset(map, name);
        return;
    }
    keep_text(value);
    if (value == old) return;
    if (old) {
        /* In place: the value may be shared with other fields, which then change, too. */
        take_style(value, old->style);
        *old = *value;
        return;
    }
    node_set(a, map, name, value);
    struct node_pair *added = &map->pairs[map->count - 1];
    PAIR_EACH(patch, pair) {
        if (!str_eq(pair->key, name)) continue;
        added->key_kind = pair->key_kind;
        added->key_style = pair->key_style;
    }
}

/* Names of both maps, sorted, without repetitions. */
static str *field_names(arena *a, const node *first, const node *second, size_t *count_out)
{
    size_t count = 0, unique = 0;
    str *names = NEW_ARRAY(a, str,
                           (node_is_map(first) ? first->count : 0) +
                               (size_t)(node_is_map(second) ? second->count : 0));
    PAIR_EACH(first, pair) names[count++] = pair->key;
    if (second != first)
        PAIR_EACH(second, pair) names[count++] = pair->key;
    if (count) qsort(names, count, sizeof *names, str_order);
    for (size_t i = 0; i < count; i++)
        if (!unique || !str_eq(names[unique - 1], names[i])) names[unique++] = names[i];
    *count_out = unique;
    return names;
}

/* A comment at the field has the last word, first that of the target. */
static struct openapi_place field_place(const struct merge *m, const node *dest, const node *patch,
                                        struct openapi_place place, str name)
{
    const node *schema = hint_find(m->hints.target, dest, name);
    if (!schema) schema = hint_find(m->hints.patch, patch, name);
    return schema ? openapi_inline(schema) : openapi_field(place, name);
}

static err *merge_fields(struct merge *m, node *dest, node *patch, struct openapi_place place)
{
    size_t count;
    str *names = field_names(m->a, dest, patch, &count);
    for (size_t i = 0; i < count; i++) {
        node *value;
        TRY(merge_values(m, node_get(dest, names[i]), node_get(patch, names[i]),
                         field_place(m, dest, patch, place, names[i]), &value));
        set_field(m->a, dest, patch, names[i], value);
    }
    return NULL;
}

/* Also for two nulls. */
static err *merge_map(struct merge *m, node *dest, node *patch, struct openapi_place place,
                      node **out)
{
    *out = NULL;
    if (patch && node_is_null(patch)) return NULL;
    enum directive directive = take_map_directive(patch);
    if (directive == DIRECTIVE_DELETE) return NULL;
    if (node_is_null(dest)) {
        if (!patch) { /* a null that was written out stays */
            *out = dest && dest->text.len ? dest : NULL;
            return NULL;
        }
        dest = patch;
    } else if (directive == DIRECTIVE_UNKNOWN) {
        return unknown_directive(node_get(patch, DIRECTIVE_KEY));
    } else if (directive == DIRECTIVE_REPLACE) {
        dest = patch;
    }
    *out = dest;
    return merge_fields(m, dest, patch, place);
}

static err *merge_values(struct merge *m, node *dest, node *patch, struct openapi_place place,
                         node **out)
{
    /* Objects inside objects bring their own schema. */
    const node *sources[] = {dest, patch};
    for (size_t i = 0; i < COUNT(sources) && !openapi_is_known(place); i++) {
        str version = scalar_text(node_get(sources[i], STR("apiVersion")));
        str kind = scalar_text(node_get(sources[i], STR("kind")));
        if (version.len && kind.len) place = openapi_root(m->schema, version, kind);
    }

    enum shape shape = shape_of(node_is_null(dest) ? patch : dest);
    TRY(shape_check(patch, shape));
    bool collection = shape == SHAPE_MAP || shape == SHAPE_LIST;
    if (collection && !node_is_null(dest) && !node_is_null(patch) && !dest->count)
        dest->style = patch->style;

    if (shape == SHAPE_LIST) return merge_list(m, dest, patch, place, out);
    if (shape != SHAPE_SCALAR) return merge_map(m, dest, patch, place, out);
    *out = patch ? patch : dest;
    return NULL;
}

err *strategic_merge_hinted(arena *a, const struct openapi *schema, struct strategic_hints hints,
                            const node *patch, node **target)
{
    struct merge m = {.a = a, .schema = schema, .hints = hints};
    node *result = NULL;
    err *e = merge_values(&m, *target, doc_copy_tree(a, patch), (struct openapi_place){0}, &result);
    if (e) return shape_hide(e, *target);
    *target = node_is_null(result) ? NULL : result;
    return NULL;
}

err *strategic_merge(arena *a, const struct openapi *schema, const node *patch, node **target)
{
    return strategic_merge_hinted(a, schema, (struct strategic_hints){0}, patch, target);
}
