#include "doc/cel_value.h"

#include <math.h>
#include <string.h>

#include "doc/number.h"

err *cel_value_spend(struct cel_budget *budget, uint64_t cost)
{
    budget->cost += cost;
    if (budget->cost <= LIMIT_CEL_COST) return NULL;
    return err_new(ERR_INVALID, "CELCostLimit", "the expression costs more than the limit of %d",
                   LIMIT_CEL_COST);
}

/* ---- values of documents ---- */

static struct cel_value of_number(const node *n, bool is_double)
{
    int64_t number;
    double real = 0;
    if (!is_double && n->kind == NODE_INT && node_to_int(n, &number)) return cel_value_int(number);
    node_to_double(n, &real);
    return (struct cel_value){.type = CEL_DOUBLE, .real = real};
}

static struct cel_value wrap(const node *n, bool is_double)
{
    if (!n) return (struct cel_value){.type = CEL_NULL};
    switch ((enum node_kind)n->kind) {
    case NODE_NULL:
        return (struct cel_value){.type = CEL_NULL};
    case NODE_BOOL: {
        bool truth = false;
        node_to_bool(n, &truth);
        return cel_value_bool(truth);
    }
    case NODE_INT:
    case NODE_FLOAT:
        return of_number(n, is_double);
    case NODE_STR:
        return cel_value_str(n->text);
    case NODE_LIST:
        return (struct cel_value){.type = CEL_LIST, .is_double = is_double, .node = n};
    case NODE_MAP:
        return (struct cel_value){.type = CEL_MAP, .is_double = is_double, .node = n};
    }
    return (struct cel_value){.type = CEL_NULL};
}

struct cel_value cel_value_of(const node *n)
{
    return wrap(n, false);
}

struct cel_value cel_value_of_json(const node *n)
{
    return wrap(n, true);
}

struct cel_value cel_value_bool(bool value)
{
    return (struct cel_value){.type = CEL_BOOL, .truth = value};
}

struct cel_value cel_value_int(int64_t value)
{
    return (struct cel_value){.type = CEL_INT, .number = value};
}

struct cel_value cel_value_str(str text)
{
    return (struct cel_value){.type = CEL_STRING, .text = text};
}

struct cel_value cel_value_list(const struct cel_value *items, size_t count)
{
    return (struct cel_value){.type = CEL_LIST, .count = (uint32_t)count, .items = items};
}

/* ---- lists and maps ---- */

uint32_t cel_value_size(const struct cel_value *value)
{
    return value->node ? value->node->count : value->count;
}

struct cel_value cel_value_item(const struct cel_value *list, uint32_t index)
{
    if (!list->node) return list->items[index];
    return wrap(list->node->items[index], list->is_double);
}

void cel_value_pair(const struct cel_value *map, uint32_t index, struct cel_value *key,
                    struct cel_value *value)
{
    if (!map->node) {
        *key = map->pairs[index].key;
        *value = map->pairs[index].value;
        return;
    }
    *key = cel_value_str(map->node->pairs[index].key);
    *value = wrap(map->node->pairs[index].value, map->is_double);
}

/* Keys are texts, truths and whole numbers. */
static bool same_key(const struct cel_value *a, const struct cel_value *b)
{
    int order;
    if (a->type == CEL_STRING && b->type == CEL_STRING) return str_eq(a->text, b->text);
    if (a->type == CEL_BOOL && b->type == CEL_BOOL) return a->truth == b->truth;
    return cel_value_is_number(a) && cel_value_is_number(b) && cel_value_order(a, b, &order) &&
           order == 0;
}

bool cel_value_find(const struct cel_value *map, const struct cel_value *key, struct cel_value *out)
{
    if (map->node) {
        const node *value = key->type == CEL_STRING ? node_get(map->node, key->text) : NULL;
        if (value) *out = wrap(value, map->is_double);
        return value;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        if (!same_key(&map->pairs[i].key, key)) continue;
        *out = map->pairs[i].value;
        return true;
    }
    return false;
}

/* ---- order and equality ---- */

bool cel_value_is_number(const struct cel_value *value)
{
    return value->type == CEL_INT || value->type == CEL_UINT || value->type == CEL_DOUBLE;
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b) ? 1 : 0)

/* A whole number against a double, without a loss of digits. */
static int order_double(__int128 whole, double real)
{
    if (isnan(real)) return 2;
    if (real >= 0x1p65) return -1;
    if (real <= -0x1p65) return 1;
    double floor_real = floor(real);
    int order = ORDER(whole, (__int128)floor_real);
    return order ? order : ORDER(0.0, real - floor_real);
}

static __int128 whole_of(const struct cel_value *value)
{
    return value->type == CEL_INT ? (__int128)value->number : (__int128)value->natural;
}

static int order_numbers(const struct cel_value *a, const struct cel_value *b)
{
    if (a->type == CEL_DOUBLE && b->type == CEL_DOUBLE) {
        return isnan(a->real) || isnan(b->real) ? 2 : ORDER(a->real, b->real);
    }
    if (b->type == CEL_DOUBLE) return order_double(whole_of(a), b->real);
    if (a->type == CEL_DOUBLE) {
        int order = order_double(whole_of(b), a->real);
        return order == 2 ? 2 : -order;
    }
    return ORDER(whole_of(a), whole_of(b));
}

bool cel_value_order(const struct cel_value *a, const struct cel_value *b, int *out)
{
    if (cel_value_is_number(a) && cel_value_is_number(b)) {
        *out = order_numbers(a, b);
        return true;
    }
    if (a->type != b->type) return false;
    switch (a->type) {
    case CEL_BOOL:
        *out = ORDER(a->truth, b->truth);
        return true;
    case CEL_STRING:
    case CEL_BYTES: {
        int order = str_cmp(a->text, b->text);
        *out = ORDER(order, 0);
        return true;
    }
    case CEL_DURATION:
        *out = ORDER(a->span_ns, b->span_ns);
        return true;
    case CEL_TIMESTAMP:
        *out = ORDER(a->time.seconds, b->time.seconds);
        if (!*out) *out = ORDER(a->time.nanos, b->time.nanos);
        return true;
    default:
        return false;
    }
}

bool cel_value_integer(const struct cel_value *value, int64_t *out)
{
    switch (value->type) {
    case CEL_INT:
        *out = value->number;
        return true;
    case CEL_UINT:
        *out = (int64_t)value->natural;
        return value->natural <= INT64_MAX;
    case CEL_DOUBLE:
        if (!(fabs(value->real) < 0x1p53) || value->real != floor(value->real)) return false;
        *out = (int64_t)value->real;
        return true;
    default:
        return false;
    }
}

static err *equal_lists(struct cel_budget *budget, const struct cel_value *a,
                        const struct cel_value *b, bool *out)
{
    uint32_t count = cel_value_size(a);
    *out = count == cel_value_size(b);
    for (uint32_t i = 0; *out && i < count; i++) {
        struct cel_value left = cel_value_item(a, i), right = cel_value_item(b, i);
        TRY(cel_value_equal(budget, &left, &right, out));
    }
    return NULL;
}

static err *equal_maps(struct cel_budget *budget, const struct cel_value *a,
                       const struct cel_value *b, bool *out)
{
    uint32_t count = cel_value_size(a);
    *out = count == cel_value_size(b);
    for (uint32_t i = 0; *out && i < count; i++) {
        struct cel_value key, left, right;
        cel_value_pair(a, i, &key, &left);
        TRY(cel_value_spend(budget, 1 + count / 10)); /* the search for the key */
        *out = cel_value_find(b, &key, &right);
        if (*out) TRY(cel_value_equal(budget, &left, &right, out));
    }
    return NULL;
}

err *cel_value_equal(struct cel_budget *budget, const struct cel_value *a,
                     const struct cel_value *b, bool *out)
{
    int order = 1;
    TRY(cel_value_spend(budget, 1));
    if (a->type != b->type) {
        *out = cel_value_is_number(a) && cel_value_is_number(b) && order_numbers(a, b) == 0;
        return NULL;
    }
    switch (a->type) {
    case CEL_NULL:
        *out = true;
        return NULL;
    case CEL_LIST:
        return equal_lists(budget, a, b, out);
    case CEL_MAP:
        return equal_maps(budget, a, b, out);
    case CEL_TYPE:
        *out = a->named == b->named;
        return NULL;
    case CEL_OPTIONAL:
        *out = !a->inner && !b->inner;
        if (a->inner && b->inner) return cel_value_equal(budget, a->inner, b->inner, out);
        return NULL;
    case CEL_STRING:
    case CEL_BYTES:
        TRY(cel_value_spend(budget, MIN(a->text.len, b->text.len) / 10));
        *out = str_eq(a->text, b->text);
        return NULL;
    default:
        *out = cel_value_order(a, b, &order) && order == 0;
        return NULL;
    }
}

/* ---- names of types ---- */

static const char *const names[] = {
    [CEL_DYN] = "dyn",
    [CEL_NULL] = "null_type",
    [CEL_BOOL] = "bool",
    [CEL_INT] = "int",
    [CEL_UINT] = "uint",
    [CEL_DOUBLE] = "double",
    [CEL_STRING] = "string",
    [CEL_BYTES] = "bytes",
    [CEL_LIST] = "list",
    [CEL_MAP] = "map",
    [CEL_TIMESTAMP] = "google.protobuf.Timestamp",
    [CEL_DURATION] = "google.protobuf.Duration",
    [CEL_TYPE] = "type",
    [CEL_OPTIONAL] = "optional_type",
};

const char *cel_value_type_name(enum cel_type type)
{
    return names[type];
}

bool cel_value_type_of(str name, enum cel_type *out)
{
    for (size_t i = CEL_NULL; i < COUNT(names); i++) {
        if (!str_is(name, names[i])) continue;
        *out = (enum cel_type)i;
        return true;
    }
    return false;
}
