/* CEL: lists, maps, sets and optional values. */
#include "doc/cel_call.h"

static err *size(struct cel_call *call, struct cel_value *out)
{
    *out = cel_value_int(cel_value_size(&call->args[0]));
    return NULL;
}

static err *concat(struct cel_call *call, struct cel_value *out)
{
    const struct cel_value *a = &call->args[0], *b = &call->args[1];
    uint32_t a_count = cel_value_size(a), b_count = cel_value_size(b);
    TRY(cel_value_spend(call->budget, (uint64_t)a_count + b_count));
    struct cel_value *items = NEW_ARRAY(call->a, struct cel_value, (size_t)a_count + b_count + 1);
    for (uint32_t i = 0; i < a_count; i++)
        items[i] = cel_value_item(a, i);
    for (uint32_t i = 0; i < b_count; i++)
        items[a_count + i] = cel_value_item(b, i);
    *out = cel_value_list(items, (size_t)a_count + b_count);
    return NULL;
}

/* ---- sets ---- */

static err *has_item(struct cel_call *call, const struct cel_value *list,
                     const struct cel_value *item, bool *out)
{
    *out = false;
    for (uint32_t i = 0; i < cel_value_size(list) && !*out; i++) {
        struct cel_value other = cel_value_item(list, i);
        TRY(cel_value_equal(call->budget, &other, item, out));
    }
    return NULL;
}

/* How many items of b are in a; ends at the first that is (not) there. */
static err *holds(struct cel_call *call, const struct cel_value *a, const struct cel_value *b,
                  bool wanted, bool *out)
{
    *out = wanted;
    for (uint32_t i = 0; i < cel_value_size(b) && *out == wanted; i++) {
        struct cel_value item = cel_value_item(b, i);
        TRY(has_item(call, a, &item, out));
    }
    return NULL;
}

static err *set_contains(struct cel_call *call, struct cel_value *out)
{
    bool all;
    TRY(holds(call, &call->args[0], &call->args[1], true, &all));
    *out = cel_value_bool(all);
    return NULL;
}

static err *set_equivalent(struct cel_call *call, struct cel_value *out)
{
    bool all;
    TRY(holds(call, &call->args[0], &call->args[1], true, &all));
    if (all) TRY(holds(call, &call->args[1], &call->args[0], true, &all));
    *out = cel_value_bool(all);
    return NULL;
}

static err *set_intersects(struct cel_call *call, struct cel_value *out)
{
    bool any;
    TRY(holds(call, &call->args[0], &call->args[1], false, &any));
    *out = cel_value_bool(any);
    return NULL;
}

/* ---- optional values ---- */

static struct cel_value some(struct cel_call *call, struct cel_value value)
{
    struct cel_value *inner = NEW(call->a, struct cel_value);
    *inner = value;
    return (struct cel_value){.type = CEL_OPTIONAL, .inner = inner};
}

static err *optional_of(struct cel_call *call, struct cel_value *out)
{
    *out = some(call, call->args[0]);
    return NULL;
}

static err *optional_none(struct cel_call *call UNUSED, struct cel_value *out)
{
    *out = (struct cel_value){.type = CEL_OPTIONAL};
    return NULL;
}

static bool is_zero(const struct cel_value *value)
{
    switch ((enum cel_type)value->type) {
    case CEL_NULL:
        return true;
    case CEL_BOOL:
        return !value->truth;
    case CEL_INT:
    case CEL_UINT:
        return !value->natural;
    case CEL_DOUBLE:
        return value->real == 0;
    case CEL_STRING:
    case CEL_BYTES:
        return !value->text.len;
    case CEL_LIST:
    case CEL_MAP:
        return !cel_value_size(value);
    case CEL_DURATION:
        return !value->span_ns;
    case CEL_OPTIONAL:
        return !value->inner;
    case CEL_TIMESTAMP:
    case CEL_TYPE:
    case CEL_DYN:
        return false;
    }
    return false;
}

static err *optional_of_non_zero(struct cel_call *call, struct cel_value *out)
{
    return is_zero(&call->args[0]) ? optional_none(call, out) : optional_of(call, out);
}

static err *has_value(struct cel_call *call, struct cel_value *out)
{
    *out = cel_value_bool(call->args[0].inner);
    return NULL;
}

static err *value(struct cel_call *call, struct cel_value *out)
{
    if (!call->args[0].inner) return err_invalid("optional.none() dereference");
    *out = *call->args[0].inner;
    return NULL;
}

static err *or_value(struct cel_call *call, struct cel_value *out)
{
    *out = call->args[0].inner ? *call->args[0].inner : call->args[1];
    return NULL;
}

static err *or_optional(struct cel_call *call, struct cel_value *out)
{
    *out = call->args[0].inner ? call->args[0] : call->args[1];
    return NULL;
}

static err *end_of(struct cel_call *call, bool last, struct cel_value *out)
{
    uint32_t count = cel_value_size(&call->args[0]);
    if (!count) return optional_none(call, out);
    *out = some(call, cel_value_item(&call->args[0], last ? count - 1 : 0));
    return NULL;
}

static err *first(struct cel_call *call, struct cel_value *out)
{
    return end_of(call, false, out);
}

static err *last(struct cel_call *call, struct cel_value *out)
{
    return end_of(call, true, out);
}

static err *unwrap(struct cel_call *call, struct cel_value *out)
{
    uint32_t count = cel_value_size(&call->args[0]), kept = 0;
    TRY(cel_value_spend(call->budget, count));
    struct cel_value *items = NEW_ARRAY(call->a, struct cel_value, (size_t)count + 1);
    for (uint32_t i = 0; i < count; i++) {
        struct cel_value item = cel_value_item(&call->args[0], i);
        if (item.type != CEL_OPTIONAL) return err_invalid("an item of the list is no optional");
        if (item.inner) items[kept++] = *item.inner;
    }
    *out = cel_value_list(items, kept);
    return NULL;
}

#define LIST_ CEL_ONE(CEL_LIST)
#define OPT_  CEL_ONE(CEL_OPTIONAL)

static const struct cel_function rows[] = {
    {"size", CEL_BOTH, 1, CEL_INT, {CEL_ONE(CEL_LIST) | CEL_ONE(CEL_MAP)}, size},
    {"_+_", CEL_GLOBAL, 2, CEL_LIST, {LIST_, LIST_}, concat},
    {"sets.contains", CEL_GLOBAL, 2, CEL_BOOL, {LIST_, LIST_}, set_contains},
    {"sets.equivalent", CEL_GLOBAL, 2, CEL_BOOL, {LIST_, LIST_}, set_equivalent},
    {"sets.intersects", CEL_GLOBAL, 2, CEL_BOOL, {LIST_, LIST_}, set_intersects},
    {"optional.of", CEL_GLOBAL, 1, CEL_OPTIONAL, {CEL_ANY}, optional_of},
    {"optional.ofNonZeroValue", CEL_GLOBAL, 1, CEL_OPTIONAL, {CEL_ANY}, optional_of_non_zero},
    {"optional.none", CEL_GLOBAL, 0, CEL_OPTIONAL, {0}, optional_none},
    {"optional.unwrap", CEL_GLOBAL, 1, CEL_LIST, {LIST_}, unwrap},
    {"unwrapOpt", CEL_MEMBER, 1, CEL_LIST, {LIST_}, unwrap},
    {"hasValue", CEL_MEMBER, 1, CEL_BOOL, {OPT_}, has_value},
    {"value", CEL_MEMBER, 1, CEL_DYN, {OPT_}, value},
    {"orValue", CEL_MEMBER, 2, CEL_DYN, {OPT_, CEL_ANY}, or_value},
    {"or", CEL_MEMBER, 2, CEL_OPTIONAL, {OPT_, OPT_}, or_optional},
    {"first", CEL_MEMBER, 1, CEL_OPTIONAL, {LIST_}, first},
    {"last", CEL_MEMBER, 1, CEL_OPTIONAL, {LIST_}, last},
};

CEL_FAMILY(list) = {rows, COUNT(rows)};
