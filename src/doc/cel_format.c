#include "doc/cel_format.h"

#include <math.h>

#include "base/buf.h"
#include "doc/cel_text.h"

enum { PRECISION_MAX = 100 };

static err *wrong(char verb, const struct cel_value *value)
{
    return err_invalid("error during formatting: a %s cannot be written as %%%c",
                       cel_value_type_name((enum cel_type)value->type), verb);
}

/* string(value), whose rows know how. */
static err *add_converted(struct cel_call *call, buf *b, const struct cel_value *value)
{
    const struct cel_function **rows;
    size_t count;
    struct cel_value text;
    struct cel_call inner = *call;
    inner.args = value;
    inner.count = 1;
    cel_call_find(call->a, STR("string"), false, 1, &rows, &count);
    TRY(cel_call_run(&inner, STR("string"), rows, count, &text));
    TRY(cel_call_spend_text(call, text.text.len));
    buf_add(b, text.text);
    return NULL;
}

static err *add_any(struct cel_call *call, buf *b, const struct cel_value *value);

static int order_pairs(const void *a, const void *b)
{
    return str_order(a, b);
}

struct shown {
    str key; /* first, so that str_order works on it */
    struct cel_value value;
};

static err *add_map(struct cel_call *call, buf *b, const struct cel_value *map)
{
    uint32_t count = cel_value_size(map);
    TRY(cel_value_spend(call->budget, count));
    struct shown *pairs = NEW_ARRAY(call->a, struct shown, (size_t)count + 1);
    for (uint32_t i = 0; i < count; i++) {
        struct cel_value key;
        buf text = BUF(call->a);
        cel_value_pair(map, i, &key, &pairs[i].value);
        TRY(add_converted(call, &text, &key));
        pairs[i].key = buf_str(&text);
    }
    qsort(pairs, count, sizeof *pairs, order_pairs);
    BUF_ADD(b, "{");
    for (uint32_t i = 0; i < count; i++) {
        buf_add(b, i ? STR(", ") : STR(""));
        buf_add(b, pairs[i].key);
        BUF_ADD(b, ": ");
        TRY(add_any(call, b, &pairs[i].value));
    }
    BUF_ADD(b, "}");
    return NULL;
}

/* %s */
static err *add_any(struct cel_call *call, buf *b, const struct cel_value *value)
{
    TRY(cel_value_spend(call->budget, 1));
    switch ((enum cel_type)value->type) {
    case CEL_NULL:
        BUF_ADD(b, "null");
        return NULL;
    case CEL_TYPE:
        buf_add(b, str_of(cel_value_type_name(value->named)));
        return NULL;
    case CEL_LIST:
        BUF_ADD(b, "[");
        for (uint32_t i = 0; i < cel_value_size(value); i++) {
            struct cel_value item = cel_value_item(value, i);
            buf_add(b, i ? STR(", ") : STR(""));
            TRY(add_any(call, b, &item));
        }
        BUF_ADD(b, "]");
        return NULL;
    case CEL_MAP:
        return add_map(call, b, value);
    case CEL_OPTIONAL:
    case CEL_DYN:
        return wrong('s', value);
    default:
        return add_converted(call, b, value);
    }
}

static err *add_base(buf *b, char verb, const struct cel_value *value)
{
    unsigned shift = verb == 'b' ? 1 : verb == 'o' ? 3 : 4;
    const char *digits = verb == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    bool minus = value->type == CEL_INT && value->number < 0;
    uint64_t size = minus ? 0 - value->natural : value->natural;
    char text[64];
    size_t at = sizeof text;
    do {
        text[--at] = digits[size & ((1u << shift) - 1)];
        size >>= shift;
    } while (size);
    if (minus) buf_add_char(b, '-');
    buf_add_bytes(b, text + at, sizeof text - at);
    return NULL;
}

static err *add_hex(struct cel_call *call, buf *b, char verb, const struct cel_value *value)
{
    TRY(cel_call_spend_text(call, 2 * value->text.len));
    for (size_t i = 0; i < value->text.len; i++)
        buf_printf(b, verb == 'x' ? "%02x" : "%02X", (unsigned char)value->text.data[i]);
    return NULL;
}

static err *add_integer(struct cel_call *call, buf *b, char verb, const struct cel_value *value)
{
    bool text = value->type == CEL_STRING || value->type == CEL_BYTES;
    if (text && (verb == 'x' || verb == 'X')) return add_hex(call, b, verb, value);
    if (value->type == CEL_BOOL && verb == 'b') {
        buf_add_char(b, value->truth ? '1' : '0');
        return NULL;
    }
    if (value->type == CEL_DOUBLE && verb == 'd' && !isfinite(value->real)) {
        buf_add(b, cel_text_double(call->a, value->real));
        return NULL;
    }
    if (value->type != CEL_INT && value->type != CEL_UINT) return wrong(verb, value);
    return verb == 'd' ? add_converted(call, b, value) : add_base(b, verb, value);
}

static err *add_real(struct cel_call *call, buf *b, char verb, int precision,
                     const struct cel_value *value)
{
    if (!cel_value_is_number(value)) return wrong(verb, value);
    double real = value->type == CEL_DOUBLE ? value->real
                  : value->type == CEL_INT  ? (double)value->number
                                            : (double)value->natural;
    TRY(cel_call_spend_text(call, 400));
    if (!isfinite(real))
        buf_add(b, isnan(real) ? STR("NaN") : real < 0 ? STR("-Infinity") : STR("Infinity"));
    else
        buf_printf(b, verb == 'f' ? "%.*f" : "%.*e", precision, real);
    return NULL;
}

/* The digits behind "%." */
static err *take_precision(str *rest, int *out)
{
    int value = 0;
    *out = 6;
    if (!str_strip_prefix(rest, STR("."))) return NULL;
    while (rest->len && rest->data[0] >= '0' && rest->data[0] <= '9') {
        value = MIN(value * 10 + rest->data[0] - '0', PRECISION_MAX + 1);
        *rest = str_skip(*rest, 1);
    }
    *out = value;
    if (value <= PRECISION_MAX) return NULL;
    return err_invalid("error during formatting: the precision is above %d", PRECISION_MAX);
}

static err *add_clause(struct cel_call *call, buf *b, char verb, int precision,
                       const struct cel_value *value)
{
    switch (verb) {
    case 's':
        return add_any(call, b, value);
    case 'd':
    case 'b':
    case 'x':
    case 'X':
    case 'o':
        return add_integer(call, b, verb, value);
    case 'f':
    case 'e':
        return add_real(call, b, verb, precision, value);
    default:
        return err_invalid("error during formatting: unrecognized formatting clause \"%c\"",
                           verb > ' ' && verb < 127 ? verb : '?');
    }
}

err *cel_format_run(struct cel_call *call, struct cel_value *out)
{
    str rest = call->args[0].text;
    uint32_t next = 0;
    buf b = BUF(call->a);
    TRY(cel_call_spend_text(call, rest.len));
    while (rest.len) {
        int precision;
        ptrdiff_t at = str_find_char(rest, '%');
        if (at < 0) break;
        buf_add(&b, str_head(rest, (size_t)at));
        rest = str_skip(rest, (size_t)at + 1);
        TRY(take_precision(&rest, &precision));
        if (!rest.len) return err_invalid("error during formatting: the text ends after '%%'");
        char verb = rest.data[0];
        rest = str_skip(rest, 1);
        if (verb == '%') {
            buf_add_char(&b, '%');
            continue;
        }
        if (next >= cel_value_size(&call->args[1]))
            return err_invalid("error during formatting: index %u out of range", next);
        struct cel_value item = cel_value_item(&call->args[1], next++);
        TRY(add_clause(call, &b, verb, precision, &item));
    }
    buf_add(&b, rest);
    *out = cel_value_str(buf_str(&b));
    return NULL;
}
