/* Functions on lists, maps, numbers and kinds: those of sprig. */
#include <stdlib.h>

#include "base/limits.h"
#include "doc/json.h"
#include "tmpl/call.h"

/* ---- Lists ---- */

static err *make_list(struct call *call)
{
    struct tmpl_value list = tmpl_list_new(call->a);
    for (size_t i = 0; i < call->count; i++)
        tmpl_push(call->a, list, call->args[i]);
    return call_return(call, list);
}

FUNC(list, 0, CALL_MANY)
{
    return make_list(call);
}

FUNC(tuple, 0, CALL_MANY)
{
    return make_list(call);
}

FUNC(first, 1, 1)
{
    struct tmpl_list *list;
    TRY(call_list(call, 0, &list));
    return call_return(call, list->count ? list->items[0] : tmpl_nil());
}

FUNC(last, 1, 1)
{
    struct tmpl_list *list;
    TRY(call_list(call, 0, &list));
    return call_return(call, list->count ? list->items[list->count - 1] : tmpl_nil());
}

/* Items from..to of a list, as a new one. */
static err *part(struct call *call, const struct tmpl_list *list, size_t from, size_t to)
{
    struct tmpl_value out = tmpl_list_new(call->a);
    TRY(call_charge(call, 32 * list->count));
    for (size_t i = from; i < to && i < list->count; i++)
        tmpl_push(call->a, out, list->items[i]);
    return call_return(call, out);
}

FUNC(rest, 1, 1)
{
    struct tmpl_list *list;
    TRY(call_list(call, 0, &list));
    return part(call, list, 1, list->count);
}

FUNC(initial, 1, 1)
{
    struct tmpl_list *list;
    TRY(call_list(call, 0, &list));
    return part(call, list, 0, list->count ? list->count - 1 : 0);
}

static err *append(struct call *call)
{
    struct tmpl_list *list;
    TRY(call_list(call, 0, &list));
    TRY(part(call, list, 0, list->count));
    tmpl_push(call->a, call->result, call->args[1]);
    return NULL;
}

FUNC(append, 2, 2)
{
    return append(call);
}

FUNC(push, 2, 2)
{
    return append(call);
}

FUNC(prepend, 2, 2)
{
    struct tmpl_list *list;
    struct tmpl_value out = tmpl_list_new(call->a);
    TRY(call_list(call, 0, &list));
    TRY(call_charge(call, 32 * list->count));
    tmpl_push(call->a, out, call->args[1]);
    for (size_t i = 0; i < list->count; i++)
        tmpl_push(call->a, out, list->items[i]);
    return call_return(call, out);
}

FUNC(concat, 1, CALL_MANY)
{
    struct tmpl_value out = tmpl_list_new(call->a);
    for (size_t i = 0; i < call->count; i++) {
        struct tmpl_list *list;
        TRY(call_list(call, i, &list));
        TRY(call_charge(call, 32 * list->count));
        for (size_t k = 0; k < list->count; k++)
            tmpl_push(call->a, out, list->items[k]);
    }
    return call_return(call, out);
}

FUNC(reverse, 1, 1)
{
    struct tmpl_list *list;
    struct tmpl_value out = tmpl_list_new(call->a);
    TRY(call_list(call, 0, &list));
    TRY(call_charge(call, 32 * list->count));
    for (size_t i = list->count; i > 0; i--)
        tmpl_push(call->a, out, list->items[i - 1]);
    return call_return(call, out);
}

static bool holds(const struct tmpl_list *list, struct tmpl_value item)
{
    for (size_t i = 0; i < list->count; i++) {
        if (tmpl_equal(list->items[i], item)) return true;
    }
    return false;
}

FUNC(has, 2, 2)
{
    struct tmpl_list *list;
    if (call->args[1].kind == TMPL_NIL) return call_return(call, tmpl_bool(false));
    TRY(call_list(call, 1, &list));
    return call_return(call, tmpl_bool(holds(list, call->args[0])));
}

/* Every pair of items may be compared. */
static err *check_quadratic(const struct tmpl_list *list)
{
    if (list->count <= LIMIT_TEMPLATE_SPLIT) return NULL;
    return err_invalid("the list has more items than the limit of %d", LIMIT_TEMPLATE_SPLIT);
}

FUNC(uniq, 1, 1)
{
    struct tmpl_list *list;
    struct tmpl_value out = tmpl_list_new(call->a);
    TRY(call_list(call, 0, &list));
    TRY(check_quadratic(list));
    for (size_t i = 0; i < list->count; i++) {
        if (!holds(out.list, list->items[i])) tmpl_push(call->a, out, list->items[i]);
    }
    return call_return(call, out);
}

FUNC(without, 1, CALL_MANY)
{
    struct tmpl_list *list, drop = {(struct tmpl_value *)call->args + 1, call->count - 1, 0};
    struct tmpl_value out = tmpl_list_new(call->a);
    TRY(call_list(call, 0, &list));
    for (size_t i = 0; i < list->count; i++) {
        if (!holds(&drop, list->items[i])) tmpl_push(call->a, out, list->items[i]);
    }
    return call_return(call, out);
}

FUNC(compact, 1, 1)
{
    struct tmpl_list *list;
    struct tmpl_value out = tmpl_list_new(call->a);
    TRY(call_list(call, 0, &list));
    for (size_t i = 0; i < list->count; i++) {
        if (tmpl_truth(list->items[i])) tmpl_push(call->a, out, list->items[i]);
    }
    return call_return(call, out);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(((const struct tmpl_value *)a)->text, ((const struct tmpl_value *)b)->text);
}

static err *to_strings(struct call *call)
{
    struct tmpl_value out = tmpl_list_new(call->a), from = call->args[0];
    for (size_t i = 0; from.kind == TMPL_LIST && i < from.list->count; i++) {
        if (from.list->items[i].kind != TMPL_NIL)
            tmpl_push(call->a, out, tmpl_str(call_text(call, from.list->items[i])));
    }
    if (from.kind != TMPL_LIST && from.kind != TMPL_NIL)
        tmpl_push(call->a, out, tmpl_str(call_text(call, from)));
    TRY(call_charge(call, 32 * out.list->count));
    return call_return(call, out);
}

FUNC(toStrings, 1, 1)
{
    return to_strings(call);
}

FUNC(sortAlpha, 1, 1)
{
    TRY(to_strings(call));
    struct tmpl_list *list = call->result.list;
    if (list->count) qsort(list->items, list->count, sizeof *list->items, by_text);
    return NULL;
}

FUNC(until, 1, 1)
{
    int64_t count;
    struct tmpl_value out = tmpl_list_new(call->a);
    TRY(call_int(call, 0, &count));
    if (count > LIMIT_TEMPLATE_RANGE || count < -LIMIT_TEMPLATE_RANGE)
        return err_invalid("more numbers than the limit of %d", LIMIT_TEMPLATE_RANGE);
    TRY(call_charge(call, 32 * (size_t)(count < 0 ? -count : count)));
    for (int64_t i = 0; i != count; i += count < 0 ? -1 : 1)
        tmpl_push(call->a, out, tmpl_int(i));
    return call_return(call, out);
}

/* ---- Maps ---- */

FUNC(dict, 0, CALL_MANY)
{
    struct tmpl_value map = tmpl_map_new(call->a, NULL);
    for (size_t i = 0; i < call->count; i += 2) {
        bool odd = i + 1 == call->count;
        tmpl_put(call->a, map, tmpl_str(call_text(call, call->args[i])),
                 odd ? tmpl_str(STR("")) : call->args[i + 1]);
    }
    return call_return(call, map);
}

FUNC(get, 2, 2)
{
    struct tmpl_value map;
    str key;
    TRY(call_map(call, 0, &map));
    TRY(call_str(call, 1, &key));
    const struct tmpl_value *value = tmpl_get(map, key);
    return call_return(call, value ? *value : tmpl_str(STR("")));
}

/* Is the value, or something in it, the map? It would print without end. */
static bool leads_to(struct tmpl_value value, const struct tmpl_map *map, int depth)
{
    if (depth > LIMIT_TEMPLATE_DEPTH) return true;
    if (value.kind == TMPL_LIST) {
        for (size_t i = 0; i < value.list->count; i++)
            if (leads_to(value.list->items[i], map, depth + 1)) return true;
    }
    if (value.kind != TMPL_MAP) return false;
    if (value.map == map) return true;
    for (size_t i = 0; i < value.map->count; i++)
        if (leads_to(value.map->pairs[i].value, map, depth + 1)) return true;
    return false;
}

FUNC(hasKey, 2, 2)
{
    struct tmpl_value map;
    str key;
    TRY(call_map(call, 0, &map));
    TRY(call_str(call, 1, &key));
    return call_return(call, tmpl_bool(tmpl_get(map, key)));
}

FUNC(keys, 1, CALL_MANY)
{
    struct tmpl_value out = tmpl_list_new(call->a);
    for (size_t i = 0; i < call->count; i++) {
        struct tmpl_value map;
        TRY(call_map(call, i, &map));
        const struct tmpl_pair **pairs = tmpl_sorted(call->a, map);
        for (size_t k = 0; k < map.map->count; k++)
            tmpl_push(call->a, out, pairs[k]->key);
    }
    return call_return(call, out);
}

FUNC(values, 1, 1)
{
    struct tmpl_value map, out = tmpl_list_new(call->a);
    TRY(call_map(call, 0, &map));
    const struct tmpl_pair **pairs = tmpl_sorted(call->a, map);
    for (size_t k = 0; k < map.map->count; k++)
        tmpl_push(call->a, out, pairs[k]->value);
    return call_return(call, out);
}

/* The pairs whose key is, or is not, among the arguments. */
static err *choose(struct call *call, bool wanted)
{
    struct tmpl_value map, out = tmpl_map_new(call->a, NULL);
    struct tmpl_list names = {(struct tmpl_value *)call->args + 1, call->count - 1, 0};
    TRY(call_map(call, 0, &map));
    for (size_t i = 0; i < map.map->count; i++) {
        if (holds(&names, map.map->pairs[i].key) == wanted)
            tmpl_put(call->a, out, map.map->pairs[i].key, map.map->pairs[i].value);
    }
    return call_return(call, out);
}

FUNC(pick, 1, CALL_MANY)
{
    return choose(call, true);
}

FUNC(omit, 1, CALL_MANY)
{
    return choose(call, false);
}

/* Changes the map itself, as sprig does. */
FUNC(set, 3, 3)
{
    struct tmpl_value map;
    str key;
    TRY(call_map(call, 0, &map));
    TRY(call_str(call, 1, &key));
    if (leads_to(call->args[2], map.map, 0)) return err_invalid("a map cannot be put into itself");
    tmpl_put(call->a, map, tmpl_str(key), call->args[2]);
    return call_return(call, map);
}

/* ---- Kinds ---- */

FUNC_AS(default_value, "default", 1, 2)
{
    bool given = call->count == 2 && tmpl_truth(call->args[1]);
    return call_return(call, call->args[given]);
}

FUNC(empty, 1, 1)
{
    return call_return(call, tmpl_bool(!tmpl_truth(call->args[0])));
}

FUNC(coalesce, 0, CALL_MANY)
{
    for (size_t i = 0; i < call->count; i++) {
        if (tmpl_truth(call->args[i])) return call_return(call, call->args[i]);
    }
    return call_return(call, tmpl_nil());
}

FUNC(ternary, 3, 3)
{
    bool which;
    TRY(call_bool(call, 2, &which));
    return call_return(call, call->args[!which]);
}

FUNC(all, 0, CALL_MANY)
{
    bool truth = true;
    for (size_t i = 0; i < call->count; i++)
        truth = truth && tmpl_truth(call->args[i]);
    return call_return(call, tmpl_bool(truth));
}

FUNC(any, 0, CALL_MANY)
{
    bool truth = false;
    for (size_t i = 0; i < call->count; i++)
        truth = truth || tmpl_truth(call->args[i]);
    return call_return(call, tmpl_bool(truth));
}

FUNC(fail, 1, 1)
{
    str message;
    TRY(call_str(call, 0, &message));
    return err_invalid(STR_FMT, STR_ARG(message));
}

FUNC(typeOf, 1, 1)
{
    return call_return_str(call, str_of(tmpl_type_name(call->args[0])));
}

FUNC(kindOf, 1, 1)
{
    static const char *const names[] = {"invalid", "bool",  "int", "float64",
                                        "string",  "slice", "map"};
    struct tmpl_value value = call->args[0];
    const char *name = value.kind == TMPL_INT ? tmpl_type_name(value) : names[value.kind];
    if (value.kind == TMPL_MAP && value.map->type) name = "struct";
    return call_return_str(call, str_of(name));
}

FUNC(deepEqual, 2, 2)
{
    return call_return(call, tmpl_bool(tmpl_equal(call->args[0], call->args[1])));
}

static node *to_node(struct call *call, struct tmpl_value value)
{
    node *n = node_null(call->a);
    if (value.kind == TMPL_BOOL) n = node_bool(call->a, value.truth);
    if (value.kind == TMPL_INT) n = node_int(call->a, value.integer);
    if (value.kind == TMPL_FLOAT)
        n = node_scalar(call->a, NODE_FLOAT, str_printf(call->a, "%.17g", value.real));
    if (value.kind == TMPL_STR) n = node_str(call->a, value.text);
    if (value.kind == TMPL_LIST) {
        n = node_list(call->a);
        for (size_t i = 0; i < value.list->count; i++)
            node_push(call->a, n, to_node(call, value.list->items[i]));
    }
    if (value.kind == TMPL_MAP) {
        n = node_map(call->a);
        for (size_t i = 0; i < value.map->count; i++) {
            node_add_pair(call->a, n, call_text(call, value.map->pairs[i].key),
                          to_node(call, value.map->pairs[i].value));
        }
    }
    return n;
}

FUNC(toJson, 1, 1)
{
    buf b = BUF(call->a);
    if (leads_to(call->args[0], NULL, 0)) return err_invalid("nested too deeply");
    json_write(&b, to_node(call, call->args[0]), (struct json_style){.html = true, .sorted = true});
    return call_return_str(call, buf_str(&b));
}

/* ---- Numbers ---- */

FUNC(int, 1, 1)
{
    return call_return(call, tmpl_int(call_cast(call->args[0])));
}

FUNC(int64, 1, 1)
{
    return call_return(call, tmpl_int64(call_cast(call->args[0])));
}

FUNC_AS(decimal, "atoi", 1, 1)
{
    str s;
    int64_t value = 0;
    TRY(call_str(call, 0, &s));
    if (!str_to_int(s, &value)) value = 0;
    return call_return(call, tmpl_int(value));
}

#define FOLD(ident, expression)                                                                    \
    FUNC(ident, 1, CALL_MANY)                                                                      \
    {                                                                                              \
        int64_t a = call_cast(call->args[0]), sum;                                                 \
        for (size_t i = 1; i < call->count; i++) {                                                 \
            int64_t b = call_cast(call->args[i]);                                                  \
            expression;                                                                            \
            a = sum;                                                                               \
        }                                                                                          \
        return call_return(call, tmpl_int64(a));                                                   \
    }
FOLD(add, __builtin_add_overflow(a, b, &sum)) /* around the end, as in Go */
FOLD(sub, __builtin_sub_overflow(a, b, &sum))
FOLD(mul, __builtin_mul_overflow(a, b, &sum))
FOLD(max, sum = MAX(a, b))
FOLD(min, sum = MIN(a, b))

FUNC(add1, 1, 1)
{
    int64_t sum;
    __builtin_add_overflow(call_cast(call->args[0]), 1, &sum);
    return call_return(call, tmpl_int64(sum));
}

static err *divide(struct call *call, bool rest)
{
    int64_t a = call_cast(call->args[0]), b = call_cast(call->args[1]);
    if (b == 0) return err_invalid("runtime error: integer divide by zero");
    if (b == -1) return call_return(call, tmpl_int64(rest ? 0 : (int64_t)(0 - (uint64_t)a)));
    return call_return(call, tmpl_int64(rest ? a % b : a / b));
}

FUNC(div, 2, 2)
{
    return divide(call, false);
}

FUNC(mod, 2, 2)
{
    return divide(call, true);
}
