#include "tmpl/tmpl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "doc/number.h"

struct tmpl_value tmpl_nil(void)
{
    return (struct tmpl_value){.kind = TMPL_NIL};
}

struct tmpl_value tmpl_bool(bool truth)
{
    return (struct tmpl_value){.kind = TMPL_BOOL, .truth = truth};
}

struct tmpl_value tmpl_int(int64_t integer)
{
    return (struct tmpl_value){.kind = TMPL_INT, .integer = integer};
}

struct tmpl_value tmpl_int64(int64_t integer)
{
    return (struct tmpl_value){.kind = TMPL_INT, .wide = true, .integer = integer};
}

struct tmpl_value tmpl_float(double real)
{
    return (struct tmpl_value){.kind = TMPL_FLOAT, .real = real};
}

struct tmpl_value tmpl_str(str text)
{
    return (struct tmpl_value){.kind = TMPL_STR, .text = text};
}

struct tmpl_value tmpl_list_new(arena *a)
{
    return (struct tmpl_value){.kind = TMPL_LIST, .list = NEW(a, struct tmpl_list)};
}

struct tmpl_value tmpl_map_new(arena *a, const char *type)
{
    struct tmpl_value value = {.kind = TMPL_MAP, .map = NEW(a, struct tmpl_map)};
    value.map->type = type;
    return value;
}

void tmpl_push(arena *a, struct tmpl_value list, struct tmpl_value item)
{
    must(list.kind == TMPL_LIST);
    *ARENA_PUSH(a, list.list->items, list.list->count, list.list->room) = item;
}

static struct tmpl_pair *find(struct tmpl_value map, struct tmpl_value key)
{
    for (size_t i = 0; i < map.map->count; i++) {
        if (tmpl_order(map.map->pairs[i].key, key) == 0) return &map.map->pairs[i];
    }
    return NULL;
}

void tmpl_put(arena *a, struct tmpl_value map, struct tmpl_value key, struct tmpl_value value)
{
    must(map.kind == TMPL_MAP);
    struct tmpl_pair *pair = find(map, key);
    if (!pair) {
        pair = ARENA_PUSH(a, map.map->pairs, map.map->count, map.map->room);
        pair->key = key;
    }
    pair->value = value;
}

void tmpl_put_str(arena *a, struct tmpl_value map, const char *key, str text)
{
    tmpl_put(a, map, tmpl_str(str_of(key)), tmpl_str(text));
}

const struct tmpl_value *tmpl_get(struct tmpl_value map, str key)
{
    if (map.kind != TMPL_MAP) return NULL;
    const struct tmpl_pair *pair = find(map, tmpl_str(key));
    return pair ? &pair->value : NULL;
}

struct tmpl_value tmpl_from_node(arena *a, const node *n)
{
    struct tmpl_value value = tmpl_nil();
    bool truth = false;
    if (node_to_bool(n, &truth)) return tmpl_bool(truth);
    if (n && n->kind == NODE_STR) return tmpl_str(n->text);
    if (n && (n->kind == NODE_INT || n->kind == NODE_FLOAT)) {
        double real = 0;
        node_to_double(n, &real);
        return tmpl_float(real);
    }
    if (node_is_list(n)) {
        value = tmpl_list_new(a);
        NODE_EACH (n, item)
            tmpl_push(a, value, tmpl_from_node(a, item));
    } else if (node_is_map(n)) {
        value = tmpl_map_new(a, NULL);
        PAIR_EACH (n, pair) {
            struct tmpl_pair *to =
                ARENA_PUSH(a, value.map->pairs, value.map->count, value.map->room);
            *to = (struct tmpl_pair){tmpl_str(pair->key), tmpl_from_node(a, pair->value)};
        }
    }
    return value;
}

/* ---- Comparing ---- */

static int sign(double a, double b)
{
    return (a > b) - (a < b);
}

/* compat: keys of different kinds are in the order of their kinds; structs by their fields. */
int tmpl_order(struct tmpl_value a, struct tmpl_value b)
{
    if (a.kind != b.kind) return (a.kind > b.kind) - (a.kind < b.kind);
    switch (a.kind) {
    case TMPL_BOOL:
        return a.truth - b.truth;
    case TMPL_INT:
        return (a.integer > b.integer) - (a.integer < b.integer);
    case TMPL_FLOAT:
        return sign(a.real, b.real);
    case TMPL_STR:
        return str_cmp(a.text, b.text);
    case TMPL_MAP:
        for (size_t i = 0; i < a.map->count && i < b.map->count; i++) {
            int order = tmpl_order(a.map->pairs[i].value, b.map->pairs[i].value);
            if (order) return order;
        }
        return (a.map->count > b.map->count) - (a.map->count < b.map->count);
    default:
        return 0;
    }
}

static int by_key(const void *a, const void *b)
{
    return tmpl_order((*(const struct tmpl_pair *const *)a)->key,
                      (*(const struct tmpl_pair *const *)b)->key);
}

const struct tmpl_pair **tmpl_sorted(arena *a, struct tmpl_value map)
{
    must(map.kind == TMPL_MAP);
    const struct tmpl_pair **pairs = NEW_ARRAY(a, const struct tmpl_pair *, map.map->count + 1);
    for (size_t i = 0; i < map.map->count; i++)
        pairs[i] = &map.map->pairs[i];
    if (map.map->count) qsort(pairs, map.map->count, sizeof *pairs, by_key);
    return pairs;
}

static bool equal_maps(struct tmpl_value a, struct tmpl_value b)
{
    if (a.map->count != b.map->count) return false;
    for (size_t i = 0; i < a.map->count; i++) {
        const struct tmpl_pair *other = find(b, a.map->pairs[i].key);
        if (!other || !tmpl_equal(a.map->pairs[i].value, other->value)) return false;
    }
    return true;
}

bool tmpl_equal(struct tmpl_value a, struct tmpl_value b)
{
    if (a.kind != b.kind || (a.kind == TMPL_INT && a.wide != b.wide)) return false;
    if (a.kind == TMPL_MAP) return equal_maps(a, b);
    if (a.kind != TMPL_LIST) return tmpl_order(a, b) == 0;
    bool equal = a.list->count == b.list->count;
    for (size_t i = 0; equal && i < a.list->count; i++)
        equal = tmpl_equal(a.list->items[i], b.list->items[i]);
    return equal;
}

bool tmpl_truth(struct tmpl_value value)
{
    switch (value.kind) {
    case TMPL_BOOL:
        return value.truth;
    case TMPL_INT:
        return value.integer != 0;
    case TMPL_FLOAT:
        return value.real != 0;
    case TMPL_STR:
        return value.text.len > 0;
    case TMPL_LIST:
        return value.list->count > 0;
    case TMPL_MAP:
        return value.map->type || value.map->count > 0;
    default:
        return false;
    }
}

const char *tmpl_type_name(struct tmpl_value value)
{
    static const char *const names[] = {"<nil>",  "bool",           "int", "float64",
                                        "string", "[]interface {}", ""};
    if (value.kind == TMPL_MAP)
        return value.map->type ? value.map->type : "map[string]interface {}";
    return value.kind == TMPL_INT && value.wide ? "int64" : names[value.kind];
}

/* ---- Printing ---- */

static void print_float(buf *b, double real)
{
    if (isnan(real))
        BUF_ADD(b, "NaN");
    else if (isinf(real))
        buf_add(b, real < 0 ? STR("-Inf") : STR("+Inf"));
    else
        number_write_double(b, real, -4, 6);
}

static void print_map(buf *b, struct tmpl_value value)
{
    arena scratch AUTO(arena_done) = {0};
    bool is_struct = value.map->type;
    if (value.map->shown.len) {
        buf_add(b, value.map->shown);
        return;
    }
    buf_add(b, is_struct ? STR("{") : STR("map["));
    const struct tmpl_pair **pairs = is_struct ? NULL : tmpl_sorted(&scratch, value);
    for (size_t i = 0; i < value.map->count; i++) {
        const struct tmpl_pair *pair = pairs ? pairs[i] : &value.map->pairs[i];
        if (i) buf_add_char(b, ' ');
        if (!is_struct) {
            tmpl_print(b, pair->key);
            buf_add_char(b, ':');
        }
        tmpl_print(b, pair->value);
    }
    buf_add_char(b, is_struct ? '}' : ']');
}

void tmpl_print(buf *b, struct tmpl_value value)
{
    switch (value.kind) {
    case TMPL_NIL:
        BUF_ADD(b, "<nil>");
        break;
    case TMPL_BOOL:
        buf_add(b, value.truth ? STR("true") : STR("false"));
        break;
    case TMPL_INT:
        buf_printf(b, "%lld", (long long)value.integer);
        break;
    case TMPL_FLOAT:
        print_float(b, value.real);
        break;
    case TMPL_STR:
        buf_add(b, value.text);
        break;
    case TMPL_LIST:
        buf_add_char(b, '[');
        for (size_t i = 0; i < value.list->count; i++) {
            if (i) buf_add_char(b, ' ');
            tmpl_print(b, value.list->items[i]);
        }
        buf_add_char(b, ']');
        break;
    default:
        print_map(b, value);
        break;
    }
}
