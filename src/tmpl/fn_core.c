/* Functions that text/template has itself, but for and/or, which do not look at all arguments. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "doc/number.h"
#include "net/url.h"
#include "tmpl/call.h"

FUNC(and, 1, CALL_MANY)
{
    return call_return(call, call->args[call->count - 1]);
}

FUNC(or, 1, CALL_MANY)
{
    return call_return(call, call->args[call->count - 1]);
}

FUNC(not, 1, 1)
{
    return call_return(call, tmpl_bool(!tmpl_truth(call->args[0])));
}

FUNC(len, 1, 1)
{
    struct tmpl_value value = call->args[0];
    switch (value.kind) {
    case TMPL_STR:
        return call_return(call, tmpl_int((int64_t)value.text.len));
    case TMPL_LIST:
        return call_return(call, tmpl_int((int64_t)value.list->count));
    case TMPL_MAP:
        return call_return(call, tmpl_int((int64_t)value.map->count));
    case TMPL_NIL:
        return err_invalid("len of nil pointer");
    default:
        return err_invalid("len of type %s", tmpl_type_name(value));
    }
}

static err *index_once(struct tmpl_value from, struct tmpl_value key, struct tmpl_value *out)
{
    if (from.kind == TMPL_MAP && !from.map->type) {
        *out = tmpl_nil();
        out->missing = true;
        for (size_t i = 0; i < from.map->count; i++) {
            if (tmpl_order(from.map->pairs[i].key, key) == 0) *out = from.map->pairs[i].value;
        }
        return NULL;
    }
    bool list = from.kind == TMPL_LIST, text = from.kind == TMPL_STR;
    if (from.kind == TMPL_NIL) return err_invalid("index of untyped nil");
    if (!list && !text) return err_invalid("can't index item of type %s", tmpl_type_name(from));
    if (key.kind != TMPL_INT)
        return err_invalid("cannot index slice/array with type %s", tmpl_type_name(key));
    size_t count = list ? from.list->count : from.text.len;
    if (key.integer < 0 || (uint64_t)key.integer >= count)
        return err_invalid("index out of range: %lld", (long long)key.integer);
    *out =
        list ? from.list->items[key.integer] : tmpl_int((unsigned char)from.text.data[key.integer]);
    return NULL;
}

FUNC(index, 1, CALL_MANY)
{
    struct tmpl_value value = call->args[0];
    for (size_t i = 1; i < call->count; i++)
        TRY(index_once(value, call->args[i], &value));
    return call_return(call, value);
}

/* ---- Comparing ---- */

static err *check_classes(struct tmpl_value a, struct tmpl_value b)
{
    if (a.kind > TMPL_STR || b.kind > TMPL_STR) {
        struct tmpl_value which = a.kind > TMPL_STR ? a : b;
        return err_invalid("non-comparable type %s", tmpl_type_name(which));
    }
    if (a.kind == b.kind || a.kind == TMPL_NIL || b.kind == TMPL_NIL) return NULL;
    return err_invalid("incompatible types for comparison: %s and %s", tmpl_type_name(a),
                       tmpl_type_name(b));
}

FUNC(eq, 1, CALL_MANY)
{
    bool equal = false;
    if (call->count == 1) return err_invalid("missing argument for comparison");
    for (size_t i = 1; i < call->count && !equal; i++) {
        TRY(check_classes(call->args[0], call->args[i]));
        equal = call->args[0].kind == call->args[i].kind &&
                tmpl_order(call->args[0], call->args[i]) == 0;
    }
    return call_return(call, tmpl_bool(equal));
}

FUNC(ne, 2, 2)
{
    TRY(check_classes(call->args[0], call->args[1]));
    bool equal =
        call->args[0].kind == call->args[1].kind && tmpl_order(call->args[0], call->args[1]) == 0;
    return call_return(call, tmpl_bool(!equal));
}

static err *compare(struct call *call, int *out)
{
    struct tmpl_value a = call->args[0], b = call->args[1];
    bool ordered = a.kind >= TMPL_INT && a.kind <= TMPL_STR && b.kind >= TMPL_INT;
    if (!ordered) return err_invalid("invalid type for comparison");
    TRY(check_classes(a, b));
    *out = tmpl_order(a, b);
    return NULL;
}

#define ORDER(ident, test)                                                                         \
    FUNC(ident, 2, 2)                                                                              \
    {                                                                                              \
        int order;                                                                                 \
        TRY(compare(call, &order));                                                                \
        return call_return(call, tmpl_bool(order test 0));                                         \
    }
ORDER(lt, <)
ORDER(le, <=)
ORDER(gt, >)
ORDER(ge, >=)

/* ---- Printing ---- */

FUNC(print, 0, CALL_MANY)
{
    buf b = BUF(call->a);
    for (size_t i = 0; i < call->count; i++) {
        bool apart = i && call->args[i].kind != TMPL_STR && call->args[i - 1].kind != TMPL_STR;
        if (apart) buf_add_char(&b, ' ');
        tmpl_print(&b, call->args[i]);
    }
    return call_return_str(call, buf_str(&b));
}

FUNC(println, 0, CALL_MANY)
{
    buf b = BUF(call->a);
    for (size_t i = 0; i < call->count; i++) {
        if (i) buf_add_char(&b, ' ');
        tmpl_print(&b, call->args[i]);
    }
    buf_add_char(&b, '\n');
    return call_return_str(call, buf_str(&b));
}

struct verb {
    bool minus, plus, zero, sharp, space;
    int64_t width, precision; /* -1: none */
    char c;
};

/* Fills up to the width, in characters. */
static void pad(buf *b, const struct verb *verb, str text)
{
    size_t runes = 0;
    for (size_t i = 0; i < text.len; i++)
        runes += (text.data[i] & 0xc0) != 0x80;
    size_t fill = verb->width > (int64_t)runes ? (size_t)verb->width - runes : 0;
    bool zero = verb->zero && !verb->minus && str_has_char(STR("dxXobfegEGs"), verb->c);
    bool sign = zero && text.len && (text.data[0] == '-' || text.data[0] == '+');
    if (sign) buf_add_char(b, text.data[0]);
    if (!verb->minus) buf_fill(b, zero ? '0' : ' ', fill);
    buf_add(b, str_skip(text, sign));
    if (verb->minus) buf_fill(b, ' ', fill);
}

static void put_bad(buf *b, char verb, struct tmpl_value value)
{
    buf_printf(b, "%%!%c(", verb);
    if (value.kind != TMPL_NIL) buf_printf(b, "%s=", tmpl_type_name(value));
    tmpl_print(b, value);
    buf_add_char(b, ')');
}

static void put_integer(buf *b, const struct verb *verb, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[72], utf8[4];
    size_t count = sizeof digits;
    unsigned base = verb->c == 'b' ? 2 : verb->c == 'o' || verb->c == 'O' ? 8 : 10;
    if (verb->c == 'x' || verb->c == 'X') base = 16;
    const char *alphabet = verb->c == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    if (verb->c == 'U') {
        buf_printf(b, "U+%04llX", (unsigned long long)magnitude);
        return;
    }
    if (verb->c == 'c') {
        uint32_t rune = magnitude <= 0x10ffff ? (uint32_t)magnitude : 0xfffd;
        buf_add_bytes(b, utf8, str_put_rune(utf8, rune));
        return;
    }
    do {
        digits[--count] = alphabet[magnitude % base];
        magnitude /= base;
    } while (magnitude);
    if (value < 0 || verb->plus) buf_add_char(b, value < 0 ? '-' : '+');
    if (value >= 0 && !verb->plus && verb->space) buf_add_char(b, ' ');
    if (verb->c == 'O') BUF_ADD(b, "0o");
    if (verb->sharp && base != 10)
        buf_add(b, base == 16 ? STR("0x") : base == 8 ? STR("0") : STR("0b"));
    buf_add_bytes(b, digits + count, sizeof digits - count);
}

static void put_real(buf *b, const struct verb *verb, double value)
{
    int precision = (int)verb->precision;
    bool shortest = precision < 0 && (verb->c == 'g' || verb->c == 'G' || verb->c == 'v');
    if (shortest && isfinite(value)) {
        size_t from = b->len;
        number_write_double(b, value, -4, 6);
        for (size_t i = from; verb->c == 'G' && i < b->len; i++)
            if (b->data[i] == 'e') b->data[i] = 'E';
        return;
    }
    char form[] = {'%', '.', '*', verb->c == 'v' ? 'g' : verb->c, 0};
    char text[512];
    int len = snprintf(text, sizeof text, form, precision < 0 ? 6 : precision, value);
    buf_add_bytes(b, text, (size_t)MIN(len, (int)sizeof text - 1));
}

static void put_quoted(buf *b, str text)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < text.len;) {
        uint32_t rune = 0xfffd;
        size_t len = str_rune(str_skip(text, i), &rune);
        static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
        unsigned char c = (unsigned char)text.data[i];
        const char *escape = c ? strchr(from, c) : NULL;
        if (len == 0)
            buf_printf(b, "\\x%02x", c);
        else if (escape)
            buf_printf(b, "\\%c", to[escape - from]);
        else if (rune < ' ' || rune == 0x7f)
            buf_printf(b, "\\x%02x", (unsigned)rune);
        else if ((rune >= 0x80 && rune < 0xa1) || rune == 0xad || rune == 0xfeff ||
                 rune == 0x2028 || rune == 0x2029)
            buf_printf(b, "\\u%04x", (unsigned)rune);
        else
            buf_add(b, str_slice(text, i, i + len));
        i += MAX(len, (size_t)1);
    }
    buf_add_char(b, '"');
}

static str cut(const struct verb *verb, str text)
{
    int64_t runes = 0;
    for (size_t i = 0; i < text.len && verb->precision >= 0; i++) {
        if ((text.data[i] & 0xc0) != 0x80 && runes++ == verb->precision) return str_head(text, i);
    }
    return text;
}

static void put_text(buf *b, const struct verb *verb, str text)
{
    if (verb->c == 'q') {
        put_quoted(b, cut(verb, text));
    } else if (verb->c == 'x' || verb->c == 'X') {
        for (size_t i = 0; i < text.len; i++)
            buf_printf(b, verb->c == 'x' ? "%02x" : "%02X", (unsigned char)text.data[i]);
    } else {
        buf_add(b, cut(verb, text));
    }
}

static void put_value(buf *b, const struct verb *verb, struct tmpl_value value);

static void put_items(buf *b, const struct verb *verb, struct tmpl_value value)
{
    if (value.kind == TMPL_MAP) {
        tmpl_print(b, value);
        return;
    }
    buf_add_char(b, '[');
    for (size_t i = 0; i < value.list->count; i++) {
        if (i) buf_add_char(b, ' ');
        put_value(b, verb, value.list->items[i]);
    }
    buf_add_char(b, ']');
}

/* One operand under one verb, padded. Which verbs a kind has is Go's rule. */
static void put_value(buf *b, const struct verb *verb, struct tmpl_value value)
{
    static const char *const verbs[] = {
        [TMPL_NIL] = "v",          [TMPL_BOOL] = "vt",   [TMPL_INT] = "vdboOxXcqU",
        [TMPL_FLOAT] = "veEfFgGx", [TMPL_STR] = "vsqxX", [TMPL_LIST] = "vsdqxXtfge",
        [TMPL_MAP] = "vsdqxXtfge"};
    buf text = BUF(b->arena);
    if (!strchr(verbs[value.kind], verb->c)) {
        put_bad(b, verb->c, value);
        return;
    }
    if (value.kind == TMPL_INT)
        put_integer(&text, verb, value.integer);
    else if (value.kind == TMPL_FLOAT)
        put_real(&text, verb, value.real);
    else if (value.kind == TMPL_STR)
        put_text(&text, verb, value.text);
    else if (value.kind == TMPL_LIST || value.kind == TMPL_MAP)
        put_items(&text, verb, value);
    else
        tmpl_print(&text, value);
    pad(b, verb, buf_str(&text));
}

/* A count in a verb: digits, or "*" and an argument. */
static bool read_count(struct call *call, str *form, size_t *arg, int64_t *out)
{
    if (str_strip_prefix(form, STR("*"))) {
        bool fits = *arg < call->count && call->args[*arg].kind == TMPL_INT;
        *out = fits ? call->args[*arg].integer : -1;
        ++*arg;
        return fits && *out <= LIMIT_TEMPLATE_WIDTH && *out >= -LIMIT_TEMPLATE_WIDTH;
    }
    int64_t value = 0;
    bool any = false;
    while (form->len && form->data[0] >= '0' && form->data[0] <= '9') {
        value = value * 10 + (form->data[0] - '0');
        *form = str_skip(*form, 1);
        any = true;
        if (value > LIMIT_TEMPLATE_WIDTH) return false;
    }
    if (any) *out = value;
    return true;
}

static bool read_verb(struct call *call, str *form, size_t *arg, struct verb *verb)
{
    *verb = (struct verb){.width = -1, .precision = -1};
    for (; form->len; *form = str_skip(*form, 1)) {
        char c = form->data[0];
        verb->minus |= c == '-';
        verb->plus |= c == '+';
        verb->zero |= c == '0';
        verb->sharp |= c == '#';
        verb->space |= c == ' ';
        if (!str_has_char(STR("-+0# "), c)) break;
    }
    bool fine = read_count(call, form, arg, &verb->width);
    if (verb->width < -1) {
        verb->minus = true;
        verb->width = -verb->width;
    }
    if (str_strip_prefix(form, STR("."))) {
        verb->precision = 0;
        fine = fine && read_count(call, form, arg, &verb->precision);
    }
    verb->c = form->len ? form->data[0] : 0;
    *form = str_skip(*form, 1);
    return fine;
}

FUNC(printf, 1, CALL_MANY)
{
    str form, text;
    struct verb verb;
    size_t arg = 1;
    buf b = BUF(call->a);
    TRY(call_str(call, 0, &form));
    while (str_cut(form, '%', &text, &form)) {
        buf_add(&b, text);
        if (!read_verb(call, &form, &arg, &verb)) {
            BUF_ADD(&b, "%!(BADWIDTH)");
        } else if (!verb.c) {
            BUF_ADD(&b, "%!(NOVERB)");
        } else if (verb.c == '%') {
            buf_add_char(&b, '%');
        } else if (arg >= call->count) {
            buf_printf(&b, "%%!%c(MISSING)", verb.c);
        } else if (verb.c == 'T') {
            pad(&b, &verb, str_of(tmpl_type_name(call->args[arg++])));
        } else {
            put_value(&b, &verb, call->args[arg++]);
        }
        TRY(call_charge(call, verb.width > 0 ? (size_t)verb.width : 0));
    }
    buf_add(&b, text);
    for (size_t i = arg; i < call->count; i++) {
        buf_printf(&b, "%s%s", i == arg ? "%!(EXTRA " : ", ",
                   call->args[i].kind == TMPL_NIL ? "" : tmpl_type_name(call->args[i]));
        if (call->args[i].kind != TMPL_NIL) buf_add_char(&b, '=');
        tmpl_print(&b, call->args[i]);
    }
    if (arg < call->count) buf_add_char(&b, ')');
    return call_return_str(call, buf_str(&b));
}

/* ---- Escaping ---- */

static str all_text(struct call *call)
{
    if (call->count == 1) return call_text(call, call->args[0]);
    err_free(fn_print(call));
    return call->result.text;
}

FUNC(html, 0, CALL_MANY)
{
    buf b = BUF(call->a);
    str text = all_text(call);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        const char *to = c == '<'    ? "&lt;"
                         : c == '>'  ? "&gt;"
                         : c == '&'  ? "&amp;"
                         : c == '\'' ? "&#39;"
                         : c == '"'  ? "&#34;"
                         : c == 0    ? "\xef\xbf\xbd"
                                     : NULL;
        if (to)
            buf_add(&b, str_of(to));
        else
            buf_add_char(&b, c);
    }
    return call_return_str(call, buf_str(&b));
}

FUNC(urlquery, 0, CALL_MANY)
{
    str text = url_escape(call->a, all_text(call));
    return call_return_str(call, str_replace(call->a, text, STR("%20"), STR("+")));
}
