/*
 * CEL: texts and bytes, with the extensions for strings and base64. Positions
 * count code points.
 */
#include <math.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/regex.h"
#include "doc/cel_call.h"
#include "doc/cel_format.h"
#include "doc/cel_text.h"
#include "doc/number.h"

#define TEXT(n) (call->args[n].text)

static err *give(struct cel_value *out, str text)
{
    *out = cel_value_str(text);
    return NULL;
}

static err *give_int(struct cel_value *out, int64_t value)
{
    *out = cel_value_int(value);
    return NULL;
}

static err *give_bool(struct cel_value *out, bool value)
{
    *out = cel_value_bool(value);
    return NULL;
}

/* Every function reads its texts. */
static err *spend(struct cel_call *call)
{
    size_t bytes = 0;
    for (size_t i = 0; i < call->count; i++) {
        uint8_t type = call->args[i].type;
        if (type == CEL_STRING || type == CEL_BYTES) bytes += call->args[i].text.len;
    }
    return cel_call_spend_text(call, bytes);
}

/* ---- code points ---- */

/* The length of the code point at the front; a byte that is no UTF-8 counts as one. */
static size_t step(str s)
{
    uint32_t rune;
    size_t len = str_rune(s, &rune);
    return len ? len : s.len ? 1 : 0;
}

static int64_t runes(str s)
{
    int64_t count = 0;
    for (; s.len; count++)
        s = str_skip(s, step(s));
    return count;
}

/* The byte where code point `index` begins; false beyond the end. */
static bool offset_of(str s, int64_t index, size_t *out)
{
    size_t at = 0;
    if (index < 0) return false;
    for (; index > 0; index--) {
        if (at >= s.len) return false;
        at += step(str_skip(s, at));
    }
    *out = at;
    return true;
}

static err *out_of_range(int64_t index)
{
    return err_invalid("index out of range: %lld", (long long)index);
}

/* ---- what the standard has ---- */

static err *size_of_text(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    return give_int(out, runes(TEXT(0)));
}

static err *size_of_bytes(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, (int64_t)TEXT(0).len);
}

static err *concat(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    *out = call->args[0];
    out->text = str_concat(call->a, TEXT(0), TEXT(1));
    return NULL;
}

static err *contains(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    return give_bool(out, str_find(TEXT(0), TEXT(1)) >= 0);
}

static err *starts_with(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    return give_bool(out, str_starts(TEXT(0), TEXT(1)));
}

static err *ends_with(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    return give_bool(out, str_ends(TEXT(0), TEXT(1)));
}

/* Patterns are compiled once per evaluation, as long as there are few. */
static err *regex_of(struct cel_call *call, str pattern, struct regex **out)
{
    struct cel_regexes *regexes = call->regexes;
    for (size_t i = 0; i < regexes->count; i++) {
        if (!str_eq(regexes->kept[i].pattern, pattern)) continue;
        *out = regexes->kept[i].regex;
        return NULL;
    }
    if (pattern.len > LIMIT_CEL_REGEX_BYTES)
        return err_invalid("the regular expression is longer than the limit of %d bytes",
                           LIMIT_CEL_REGEX_BYTES);
    /* A counted repetition is unrolled; it costs what the largest may. */
    uint64_t cost = 100 + 10 * pattern.len + (str_has_char(pattern, '{') ? 20000 : 0);
    TRY(cel_value_spend(call->budget, cost));
    TRY(regex_compile(pattern, out));
    if (regexes->count == CEL_REGEXES) regex_free(regexes->kept[--regexes->count].regex);
    regexes->kept[regexes->count].pattern = pattern;
    regexes->kept[regexes->count++].regex = *out;
    return NULL;
}

static err *matches(struct cel_call *call, struct cel_value *out)
{
    struct regex *regex;
    TRY(regex_of(call, TEXT(1), &regex));
    TRY(cel_value_spend(call->budget, (TEXT(0).len / 10 + 1) * (TEXT(1).len / 4 + 1)));
    return give_bool(out, regex_match(regex, TEXT(0)));
}

/* ---- conversions ---- */

static err *text_of_int(struct cel_call *call, struct cel_value *out)
{
    return give(out, str_printf(call->a, "%lld", (long long)call->args[0].number));
}

static err *text_of_uint(struct cel_call *call, struct cel_value *out)
{
    return give(out, str_printf(call->a, "%llu", (unsigned long long)call->args[0].natural));
}

str cel_text_double(arena *a, double value)
{
    buf b = BUF(a);
    if (isnan(value)) return STR("NaN");
    if (isinf(value)) return value < 0 ? STR("-Inf") : STR("+Inf");
    number_write_double(&b, value, -4, 6);
    return buf_str(&b);
}

static err *text_of_double(struct cel_call *call, struct cel_value *out)
{
    return give(out, cel_text_double(call->a, call->args[0].real));
}

static err *text_of_bool(struct cel_call *call, struct cel_value *out)
{
    return give(out, call->args[0].truth ? STR("true") : STR("false"));
}

static err *same(struct cel_call *call, struct cel_value *out)
{
    *out = call->args[0];
    return NULL;
}

static err *text_of_bytes(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    if (!str_valid_utf8(TEXT(0))) return err_invalid("the bytes are not UTF-8");
    return give(out, TEXT(0));
}

static err *bytes_of_text(struct cel_call *call, struct cel_value *out)
{
    *out = call->args[0];
    out->type = CEL_BYTES;
    return NULL;
}

static err *encode(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    return give(out, b64_encode(call->a, TEXT(0)));
}

static err *decode(struct cel_call *call, struct cel_value *out)
{
    str bytes, text = TEXT(0);
    TRY(spend(call));
    while (text.len % 4 && str_starts(str_tail(text, 1), STR("=")))
        text.len--;
    while (text.len % 4 > 1) /* unpadded text is taken, too */
        text = str_concat(call->a, text, STR("="));
    TRY(b64_decode(call->a, text, &bytes));
    *out = cel_value_str(bytes);
    out->type = CEL_BYTES;
    return NULL;
}

/* ---- extensions ---- */

static err *char_at(struct cel_call *call, struct cel_value *out)
{
    size_t at;
    int64_t index = call->args[1].number;
    TRY(spend(call));
    if (!offset_of(TEXT(0), index, &at)) return out_of_range(index);
    str rest = str_skip(TEXT(0), at);
    return give(out, str_head(rest, step(rest)));
}

static err *index_of(struct cel_call *call, struct cel_value *out)
{
    size_t from = 0;
    int64_t start = call->count > 2 ? call->args[2].number : 0;
    TRY(spend(call));
    if (!offset_of(TEXT(0), start, &from)) return out_of_range(start);
    ptrdiff_t at = str_find(str_skip(TEXT(0), from), TEXT(1));
    if (at < 0) return give_int(out, -1);
    return give_int(out, runes(str_head(TEXT(0), from + (size_t)at)));
}

static err *last_index_of(struct cel_call *call, struct cel_value *out)
{
    str s = TEXT(0), wanted = TEXT(1);
    size_t last = s.len;
    TRY(cel_value_spend(call->budget, 1 + s.len / 10 * (wanted.len / 64 + 1)));
    if (call->count > 2 && !offset_of(s, call->args[2].number, &last))
        return out_of_range(call->args[2].number);
    for (size_t at = MIN(last, s.len) + 1; at-- > 0;) {
        if (at + wanted.len > s.len || !str_starts(str_skip(s, at), wanted)) continue;
        return give_int(out, runes(str_head(s, at)));
    }
    return give_int(out, -1);
}

static err *lower_ascii(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    return give(out, str_lower(call->a, TEXT(0)));
}

static err *upper_ascii(struct cel_call *call, struct cel_value *out)
{
    TRY(spend(call));
    return give(out, str_upper(call->a, TEXT(0)));
}

/* An empty text to replace stands before each code point and at the end. */
static err *replace(struct cel_call *call, struct cel_value *out)
{
    int64_t left = call->count > 3 ? call->args[3].number : -1;
    str rest = TEXT(0), from = TEXT(1), to = TEXT(2);
    buf b = BUF(call->a);
    TRY(spend(call));
    while (left != 0) {
        ptrdiff_t at = str_find(rest, from);
        if (at < 0) break;
        TRY(cel_call_spend_text(call, to.len));
        buf_add(&b, str_head(rest, (size_t)at));
        buf_add(&b, to);
        size_t copied = from.len ? 0 : step(rest);
        buf_add(&b, str_head(rest, copied));
        bool end = !from.len && !rest.len;
        rest = str_skip(rest, (size_t)at + (from.len ? from.len : copied));
        if (left > 0) left--;
        if (end) break;
    }
    buf_add(&b, rest);
    return give(out, buf_str(&b));
}

static err *split(struct cel_call *call, struct cel_value *out)
{
    int64_t left = call->count > 2 ? call->args[2].number : -1;
    str rest = TEXT(0), separator = TEXT(1);
    struct cel_value *items = NULL;
    size_t count = 0, room = 0;
    TRY(spend(call));
    for (; left != 0; left--) {
        ptrdiff_t at = str_find(rest, separator);
        size_t len = separator.len ? (size_t)at : step(rest);
        if (at < 0 || left == 1 || (!separator.len && len >= rest.len)) break;
        TRY(cel_value_spend(call->budget, 1));
        *ARENA_PUSH(call->a, items, count, room) = cel_value_str(str_head(rest, len));
        rest = str_skip(rest, len + separator.len);
    }
    bool empty = !separator.len && !TEXT(0).len;
    if (left != 0 && !empty) *ARENA_PUSH(call->a, items, count, room) = cel_value_str(rest);
    *out = cel_value_list(items, count);
    return NULL;
}

static err *join(struct cel_call *call, struct cel_value *out)
{
    buf b = BUF(call->a);
    str separator = call->count > 1 ? TEXT(1) : (str){0};
    for (uint32_t i = 0; i < cel_value_size(&call->args[0]); i++) {
        struct cel_value item = cel_value_item(&call->args[0], i);
        if (item.type != CEL_STRING)
            return err_invalid("no such overload: join of a %s", cel_value_type_name(item.type));
        TRY(cel_call_spend_text(call, item.text.len + separator.len));
        if (i) buf_add(&b, separator);
        buf_add(&b, item.text);
    }
    return give(out, buf_str(&b));
}

static err *substring(struct cel_call *call, struct cel_value *out)
{
    size_t from, to = TEXT(0).len;
    int64_t start = call->args[1].number, end = call->count > 2 ? call->args[2].number : start;
    TRY(spend(call));
    if (!offset_of(TEXT(0), start, &from)) return out_of_range(start);
    if (call->count > 2 && !offset_of(TEXT(0), end, &to)) return out_of_range(end);
    if (end < start) {
        return err_invalid("invalid substring range. start: %lld, end: %lld", (long long)start,
                           (long long)end);
    }
    return give(out, str_slice(TEXT(0), from, to));
}

/* White space as Unicode has it. */
static bool is_space(uint32_t rune)
{
    return (rune >= 9 && rune <= 13) || rune == ' ' || rune == 0x85 || rune == 0xa0 ||
           rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 ||
           rune == 0x2029 || rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

static err *trim(struct cel_call *call, struct cel_value *out)
{
    str s = TEXT(0);
    uint32_t rune;
    TRY(spend(call));
    for (size_t len; (len = str_rune(s, &rune)) && is_space(rune);)
        s = str_skip(s, len);
    size_t end = 0;
    for (size_t at = 0; at < s.len;) {
        size_t len = step(str_skip(s, at));
        if (!str_rune(str_skip(s, at), &rune) || !is_space(rune)) end = at + len;
        at += len;
    }
    return give(out, str_head(s, end));
}

static err *reverse(struct cel_call *call, struct cel_value *out)
{
    str s = TEXT(0);
    char *bytes = arena_alloc(call->a, s.len + 1);
    size_t at = s.len;
    TRY(spend(call));
    for (str rest = s; rest.len;) {
        size_t len = step(rest);
        at -= len;
        for (size_t i = 0; i < len; i++)
            bytes[at + i] = rest.data[i];
        rest = str_skip(rest, len);
    }
    return give(out, str_from(bytes, s.len));
}

static err *quote(struct cel_call *call, struct cel_value *out)
{
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    buf b = BUF(call->a);
    TRY(spend(call));
    buf_add_char(&b, '"');
    for (size_t i = 0; i < TEXT(0).len; i++) {
        char c = TEXT(0).data[i];
        size_t k = 0;
        while (k < sizeof(from) - 1 && from[k] != c)
            k++;
        if (k < sizeof(from) - 1) buf_add_char(&b, '\\');
        buf_add_char(&b, k < sizeof(from) - 1 ? to[k] : c);
    }
    buf_add_char(&b, '"');
    return give(out, buf_str(&b));
}

#define I_    CEL_ONE(CEL_INT)
#define S_    CEL_ONE(CEL_STRING)
#define B_    CEL_ONE(CEL_BYTES)
#define LIST_ CEL_ONE(CEL_LIST)

static const struct cel_function rows[] = {
    {"size", CEL_BOTH, 1, CEL_INT, {S_}, size_of_text},
    {"size", CEL_BOTH, 1, CEL_INT, {B_}, size_of_bytes},
    {"_+_", CEL_GLOBAL, 2, CEL_STRING, {S_, S_}, concat},
    {"_+_", CEL_GLOBAL, 2, CEL_BYTES, {B_, B_}, concat},
    {"contains", CEL_MEMBER, 2, CEL_BOOL, {S_, S_}, contains},
    {"startsWith", CEL_MEMBER, 2, CEL_BOOL, {S_, S_}, starts_with},
    {"endsWith", CEL_MEMBER, 2, CEL_BOOL, {S_, S_}, ends_with},
    {"matches", CEL_BOTH, 2, CEL_BOOL, {S_, S_}, matches},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {S_}, same},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {I_}, text_of_int},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {CEL_ONE(CEL_UINT)}, text_of_uint},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {CEL_ONE(CEL_DOUBLE)}, text_of_double},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {CEL_ONE(CEL_BOOL)}, text_of_bool},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {B_}, text_of_bytes},
    {"bytes", CEL_GLOBAL, 1, CEL_BYTES, {B_}, same},
    {"bytes", CEL_GLOBAL, 1, CEL_BYTES, {S_}, bytes_of_text},
    {"base64.encode", CEL_GLOBAL, 1, CEL_STRING, {B_}, encode},
    {"base64.decode", CEL_GLOBAL, 1, CEL_BYTES, {S_}, decode},
    {"charAt", CEL_MEMBER, 2, CEL_STRING, {S_, I_}, char_at},
    {"indexOf", CEL_MEMBER, 2, CEL_INT, {S_, S_}, index_of},
    {"indexOf", CEL_MEMBER, 3, CEL_INT, {S_, S_, I_}, index_of},
    {"lastIndexOf", CEL_MEMBER, 2, CEL_INT, {S_, S_}, last_index_of},
    {"lastIndexOf", CEL_MEMBER, 3, CEL_INT, {S_, S_, I_}, last_index_of},
    {"lowerAscii", CEL_MEMBER, 1, CEL_STRING, {S_}, lower_ascii},
    {"upperAscii", CEL_MEMBER, 1, CEL_STRING, {S_}, upper_ascii},
    {"replace", CEL_MEMBER, 3, CEL_STRING, {S_, S_, S_}, replace},
    {"replace", CEL_MEMBER, 4, CEL_STRING, {S_, S_, S_, I_}, replace},
    {"split", CEL_MEMBER, 2, CEL_LIST, {S_, S_}, split},
    {"split", CEL_MEMBER, 3, CEL_LIST, {S_, S_, I_}, split},
    {"join", CEL_MEMBER, 1, CEL_STRING, {LIST_}, join},
    {"join", CEL_MEMBER, 2, CEL_STRING, {LIST_, S_}, join},
    {"substring", CEL_MEMBER, 2, CEL_STRING, {S_, I_}, substring},
    {"substring", CEL_MEMBER, 3, CEL_STRING, {S_, I_, I_}, substring},
    {"trim", CEL_MEMBER, 1, CEL_STRING, {S_}, trim},
    {"reverse", CEL_MEMBER, 1, CEL_STRING, {S_}, reverse},
    {"strings.quote", CEL_GLOBAL, 1, CEL_STRING, {S_}, quote},
    {"format", CEL_MEMBER, 2, CEL_STRING, {S_, LIST_}, cel_format_run},
};

CEL_FAMILY(text) = {rows, COUNT(rows)};
