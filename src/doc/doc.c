#include "doc/doc.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/hash.h"
#include "doc/number.h"

/* Maps up to this size are searched pair by pair; an index costs more than it saves. */
enum { SMALL_MAP = 16 };

/* ------------------------------------------------------------------ documents */

/* The doc lives in the arena that it owns. */
doc *doc_new(void)
{
    arena a = {0};
    doc *d = NEW(&a, doc);
    d->arena = a;
    d->refs = 1;
    return d;
}

doc *doc_ref(doc *d)
{
    if (d) d->refs++;
    return d;
}

void doc_unref(doc *d)
{
    if (!d || --d->refs > 0) return;
    arena a = d->arena;
    arena_done(&a);
}

void doc_unref_done(doc **d)
{
    doc_unref(*d);
    *d = NULL;
}

/* ------------------------------------------------------------------ new nodes */

static node *new_node(arena *a, enum node_kind kind)
{
    node *n = arena_alloc(a, sizeof *n);
    *n = (node){.kind = (uint8_t)kind};
    return n;
}

node *node_scalar(arena *a, enum node_kind kind, str text)
{
    node *n = new_node(a, kind);
    n->text = text;
    return n;
}

node *node_null(arena *a)
{
    return node_scalar(a, NODE_NULL, STR("null"));
}

node *node_bool(arena *a, bool value)
{
    return node_scalar(a, NODE_BOOL, value ? STR("true") : STR("false"));
}

node *node_int(arena *a, int64_t value)
{
    return node_scalar(a, NODE_INT, str_printf(a, "%lld", (long long)value));
}

node *node_str(arena *a, str text)
{
    return node_scalar(a, NODE_STR, text);
}

node *node_list(arena *a)
{
    return new_node(a, NODE_LIST);
}

node *node_map(arena *a)
{
    return new_node(a, NODE_MAP);
}

node *doc_copy_top(arena *a, const node *n)
{
    if (!n) return NULL;
    node *copy = arena_alloc(a, sizeof *copy);
    *copy = *n;
    if (n->kind < NODE_LIST) return copy;
    size_t bytes = n->count * (n->kind == NODE_MAP ? sizeof *n->pairs : sizeof *n->items);
    copy->room = n->count;
    copy->items = bytes ? memcpy(arena_alloc(a, bytes), n->items, bytes) : NULL;
    return copy;
}

static node *copied(arena *a, const node *n, bool texts, int depth)
{
    must(depth < DOC_DEPTH_MAX);
    node *copy = doc_copy_top(a, n);
    if (!copy) return NULL;
    if (copy->kind == NODE_LIST) {
        for (uint32_t i = 0; i < copy->count; i++) {
            copy->items[i] = copied(a, copy->items[i], texts, depth + 1);
        }
    } else if (copy->kind == NODE_MAP) {
        for (uint32_t i = 0; i < copy->count; i++) {
            struct node_pair *pair = &copy->pairs[i];
            if (texts) pair->key = str_dup(a, pair->key);
            pair->value = copied(a, pair->value, texts, depth + 1);
        }
    } else if (texts) {
        copy->text = str_dup(a, copy->text);
    }
    return copy;
}

node *doc_copy(arena *a, const node *n)
{
    return copied(a, n, true, 0);
}

node *doc_copy_tree(arena *a, const node *n)
{
    return copied(a, n, false, 0);
}

/* What an arena takes for it. */
static size_t allocation(size_t bytes)
{
    size_t unit = _Alignof(max_align_t);
    return (bytes + unit - 1) / unit * unit;
}

static size_t size_of(const node *n)
{
    size_t size = allocation(sizeof *n);
    if (n->kind < NODE_LIST) return size + allocation(n->text.len + 1);
    size += allocation(n->count * (n->kind == NODE_MAP ? sizeof *n->pairs : sizeof *n->items));
    NODE_EACH (n, item) {
        size += size_of(item);
    }
    PAIR_EACH (n, pair) {
        size += allocation(pair->key.len + 1) + size_of(pair->value);
    }
    return size;
}

doc *doc_keep(const node *root)
{
    arena a = {0};
    arena_fit(&a, allocation(sizeof(doc)) + size_of(root));
    doc *d = NEW(&a, doc);
    d->root = doc_copy(&a, root);
    d->arena = a;
    d->refs = 1;
    return d;
}

/* ------------------------------------------------------------------ questions */

bool node_is_map(const node *n)
{
    return n && n->kind == NODE_MAP;
}

bool node_is_list(const node *n)
{
    return n && n->kind == NODE_LIST;
}

bool node_is_scalar(const node *n)
{
    return n && n->kind < NODE_LIST;
}

bool node_is_null(const node *n)
{
    return !n || n->kind == NODE_NULL;
}

const char *node_kind_name(const node *n)
{
    static const char *const names[] = {
        [NODE_NULL] = "null",    [NODE_BOOL] = "boolean", [NODE_INT] = "number",
        [NODE_FLOAT] = "number", [NODE_STR] = "string",   [NODE_LIST] = "array",
        [NODE_MAP] = "object",
    };
    return names[n ? n->kind : NODE_NULL];
}

static bool is_deeper(const node *n, int levels)
{
    if (!n || n->kind < NODE_LIST) return false;
    if (levels == 0) return true;
    NODE_EACH (n, item) {
        if (is_deeper(item, levels - 1)) return true;
    }
    PAIR_EACH (n, pair) {
        if (is_deeper(pair->value, levels - 1)) return true;
    }
    return false;
}

bool node_is_too_deep(const node *n)
{
    return is_deeper(n, LIMIT_DOC_DEPTH);
}

/* ------------------------------------------------------------------ children */

static bool same(str a, str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static struct node_pair *pair_of(const node *map, str key)
{
    PAIR_EACH (map, pair) {
        if (same(pair->key, key)) return pair;
    }
    return NULL;
}

node *node_get(const node *map, str key)
{
    struct node_pair *pair = pair_of(map, key);
    return pair ? pair->value : NULL;
}

node *node_at(const node *list, size_t index)
{
    return node_is_list(list) && index < list->count ? list->items[index] : NULL;
}

static node *find(const node *n, const char *key, va_list keys)
{
    for (; n && key; key = va_arg(keys, const char *))
        n = node_get(n, str_of(key));
    return (node *)n;
}

node *node_find(const node *n, const char *key, ...)
{
    va_list keys;
    va_start(keys, key);
    node *found = find(n, key, keys);
    va_end(keys);
    return found;
}

str node_find_str(const node *n, const char *key, ...)
{
    va_list keys;
    va_start(keys, key);
    node *found = find(n, key, keys);
    va_end(keys);
    str text = STR("");
    node_to_str(found, &text);
    return text;
}

str node_get_str(const node *map, str key)
{
    str text = STR("");
    node_to_str(node_get(map, key), &text);
    return text;
}

bool node_get_bool(const node *map, str key, bool fallback)
{
    node_to_bool(node_get(map, key), &fallback);
    return fallback;
}

int64_t node_get_int(const node *map, str key, int64_t fallback)
{
    node_to_int(node_get(map, key), &fallback);
    return fallback;
}

/* ------------------------------------------------------------------ scalars */

static bool is_number(const node *n)
{
    return n && (n->kind == NODE_INT || n->kind == NODE_FLOAT);
}

bool node_to_int(const node *n, int64_t *out)
{
    if (!is_number(n)) return false;
    struct number number;
    number_read(n->text, n->kind == NODE_INT, &number);
    return number_to_int(&number, out);
}

bool node_to_double(const node *n, double *out)
{
    if (!is_number(n)) return false;
    struct number number;
    number_read(n->text, n->kind == NODE_INT, &number);
    *out = number_to_double(&number);
    return true;
}

/* Which of the two words it is shows in the first letters of every YAML spelling. */
static bool is_true(str text)
{
    char first = text.len ? (char)(text.data[0] | 0x20) : 0;
    if (first == 'o') return text.len == 2;
    return first == 't' || first == 'y';
}

bool node_to_bool(const node *n, bool *out)
{
    if (!n || n->kind != NODE_BOOL) return false;
    *out = is_true(n->text);
    return true;
}

bool node_to_str(const node *n, str *out)
{
    if (!n || n->kind != NODE_STR) return false;
    *out = n->text;
    return true;
}

/* ------------------------------------------------------------------ changes */

/* Makes room for one more element of an array that has to be an arena's. */
static void *more(arena *a, void *array, const node *n, size_t each, uint32_t *room)
{
    if (n->count < n->room) return array;
    must(n->count < UINT32_MAX / 2);
    *room = n->count ? n->count * 2 : 4;
    return arena_grow(a, array, n->count * each, *room * each);
}

struct node_pair *node_add_pair(arena *a, node *map, str key, node *value)
{
    must(node_is_map(map) && value);
    map->pairs = more(a, map->pairs, map, sizeof *map->pairs, &map->room);
    struct node_pair *pair = &map->pairs[map->count++];
    *pair = (struct node_pair){.key = key, .value = value, .key_kind = NODE_STR};
    return pair;
}

void node_set(arena *a, node *map, str key, node *value)
{
    struct node_pair *pair = pair_of(map, key);
    must(value);
    if (pair)
        pair->value = value;
    else
        node_add_pair(a, map, key, value);
}

void node_set_str(arena *a, node *map, str key, str text)
{
    node_set(a, map, key, node_str(a, text));
}

void node_set_bool(arena *a, node *map, str key, bool value)
{
    node_set(a, map, key, node_bool(a, value));
}

void node_set_int(arena *a, node *map, str key, int64_t value)
{
    node_set(a, map, key, node_int(a, value));
}

bool node_unset(node *map, str key)
{
    if (!pair_of(map, key)) return false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        if (!same(map->pairs[i].key, key)) map->pairs[kept++] = map->pairs[i];
    }
    map->count = kept;
    return true;
}

void node_insert_at(arena *a, node *list, size_t index, node *item)
{
    must(node_is_list(list) && index <= list->count && item);
    list->items = more(a, list->items, list, sizeof *list->items, &list->room);
    node **at = list->items + index;
    memmove(at + 1, at, (list->count - index) * sizeof *at);
    *at = item;
    list->count++;
}

void node_push(arena *a, node *list, node *item)
{
    must(node_is_list(list));
    node_insert_at(a, list, list->count, item);
}

void node_remove_at(node *list, size_t index)
{
    must(node_is_list(list) && index < list->count);
    node **at = list->items + index;
    memmove(at, at + 1, (list->count - index - 1) * sizeof *at);
    list->count--;
}

node *node_make_map(arena *a, node *map, str key)
{
    node *child = node_get(map, key);
    if (!node_is_null(child)) return child->kind == NODE_MAP ? child : NULL;
    if (!node_is_map(map)) return NULL;
    child = node_map(a);
    node_set(a, map, key, child);
    return child;
}

/* ------------------------------------------------------------------ large maps */

/* Open addressing, half full at most. */
static struct node_index empty_index(arena *a, const node *map)
{
    uint32_t size = 4 * SMALL_MAP;
    while (size < map->count * 2)
        size *= 2;
    return (struct node_index){map, NEW_ARRAY(a, uint32_t, size), size - 1};
}

/* Where the key is, or would be. */
static uint32_t *slot_of(const struct node_index *index, str key)
{
    uint32_t at = (uint32_t)hash_keyed(key) & index->mask;
    for (; index->slots[at]; at = (at + 1) & index->mask) {
        if (same(index->map->pairs[index->slots[at] - 1].key, key)) break;
    }
    return &index->slots[at];
}

struct node_index node_index_of(arena *a, const node *map)
{
    if (!node_is_map(map) || map->count <= SMALL_MAP) return (struct node_index){.map = map};
    struct node_index index = empty_index(a, map);
    for (uint32_t i = 0; i < map->count; i++) {
        uint32_t *slot = slot_of(&index, map->pairs[i].key);
        if (!*slot) *slot = i + 1;
    }
    return index;
}

node *node_index_get(const struct node_index *index, str key)
{
    if (!index->slots) return node_get(index->map, key);
    uint32_t found = *slot_of(index, key);
    return found ? index->map->pairs[found - 1].value : NULL;
}

static bool find_twins_small(const node *map, uint32_t *first_out, uint32_t *second_out)
{
    for (uint32_t second = 1; second < map->count; second++) {
        for (uint32_t first = 0; first < second; first++) {
            if (!same(map->pairs[first].key, map->pairs[second].key)) continue;
            *first_out = first;
            *second_out = second;
            return true;
        }
    }
    return false;
}

bool node_find_twins(arena *a, const node *map, uint32_t *first_out, uint32_t *second_out)
{
    if (!node_is_map(map)) return false;
    if (map->count <= SMALL_MAP) return find_twins_small(map, first_out, second_out);
    struct node_index index = empty_index(a, map);
    for (uint32_t i = 0; i < map->count; i++) {
        uint32_t *slot = slot_of(&index, map->pairs[i].key);
        if (*slot) {
            *first_out = *slot - 1;
            *second_out = i;
            return true;
        }
        *slot = i + 1;
    }
    return false;
}

void node_keep_last(arena *a, node *map)
{
    uint32_t first, second;
    if (!node_find_twins(a, map, &first, &second)) return;
    struct node_index index = empty_index(a, map);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        uint32_t *slot = slot_of(&index, map->pairs[i].key);
        if (!*slot) *slot = ++kept;
        map->pairs[*slot - 1] = map->pairs[i];
    }
    map->count = kept;
}

/* ------------------------------------------------------------------ values */

static bool equal(const node *a, const node *b, int depth);

static bool numbers_equal(const node *a, const node *b)
{
    if (a->kind == b->kind && same(a->text, b->text)) return true;
    struct number x, y;
    number_read(a->text, a->kind == NODE_INT, &x);
    number_read(b->text, b->kind == NODE_INT, &y);
    return number_equal(&x, &y);
}

static bool in_same_order(const node *a, const node *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (!same(a->pairs[i].key, b->pairs[i].key)) return false;
    }
    return true;
}

static bool maps_equal(const node *a, const node *b, int depth)
{
    arena scratch AUTO(arena_done) = {0};
    bool in_order = in_same_order(a, b);
    struct node_index index = {0};
    if (!in_order) index = node_index_of(&scratch, b);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct node_pair *pair = &a->pairs[i];
        const node *other = in_order ? b->pairs[i].value : node_index_get(&index, pair->key);
        if (!other || !equal(pair->value, other, depth + 1)) return false;
    }
    return true;
}

static bool equal(const node *a, const node *b, int depth)
{
    must(depth < DOC_DEPTH_MAX);
    if (a == b) return true;
    if (!a || !b) return false;
    if (is_number(a) && is_number(b)) return numbers_equal(a, b);
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case NODE_NULL:
        return true;
    case NODE_BOOL:
        return is_true(a->text) == is_true(b->text);
    case NODE_LIST:
        if (a->count != b->count) return false;
        for (uint32_t i = 0; i < a->count; i++) {
            if (!equal(a->items[i], b->items[i], depth + 1)) return false;
        }
        return true;
    case NODE_MAP:
        return a->count == b->count && maps_equal(a, b, depth);
    default:
        return same(a->text, b->text);
    }
}

bool node_equal(const node *a, const node *b)
{
    return equal(a, b, 0);
}

static uint64_t hashed(const node *n, int depth)
{
    must(depth < DOC_DEPTH_MAX);
    if (!n) return 0;
    uint64_t hash = n->kind;
    switch (n->kind) {
    case NODE_NULL:
        return hash_mix(hash, 0);
    case NODE_BOOL:
        return hash_mix(hash, is_true(n->text));
    case NODE_STR:
        return hash_mix(hash, hash_stable(n->text));
    case NODE_LIST:
        NODE_EACH (n, item)
            hash = hash_mix(hash, hashed(item, depth + 1));
        return hash_mix(hash, n->count);
    case NODE_MAP: {
        uint64_t sum = 0; /* the order of keys does not count */
        PAIR_EACH (n, pair)
            sum += hash_mix(hash_stable(pair->key), hashed(pair->value, depth + 1));
        return hash_mix(hash, sum);
    }
    default: {
        struct number number;
        number_read(n->text, n->kind == NODE_INT, &number);
        return hash_mix(NODE_INT, number_hash(&number));
    }
    }
}

uint64_t node_hash(const node *n)
{
    return hashed(n, 0);
}
