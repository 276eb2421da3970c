#include "doc/plain.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "doc/number.h"
#include "doc/timestamp.h"
#include "doc/yaml.h"

/* " (line 7)" for a person, behind the words of the reference. */
static err *at_line(err *e, uint32_t line)
{
    if (!line) return e;
    err *with_line = err_invalid("%s (line %u)", e->message, line);
    err_free(e);
    return with_line;
}

/* ------------------------------------------------------------------ texts */

/* All ASCII but DEL: nothing to do, which is the case for nearly every text. */
static bool is_ordinary(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] >= 0x7f) return false;
    }
    return true;
}

/* What a raw character of a JSON text does to go-yaml's reader. */
static bool is_refused(uint32_t rune)
{
    return (rune >= 0x7f && rune <= 0x9f && rune != 0x85) || rune == 0xfffe || rune == 0xffff;
}

/* Passes blanks and U+0085 from *at on. A run with one U+0085 is a space, with more of them one
 * line break less; without any it stays. */
static void fold(buf *out, str text, size_t *at)
{
    size_t from = *at, breaks = 0;
    for (;;) {
        if (*at < text.len && text.data[*at] == ' ') {
            ++*at;
        } else if (str_starts(str_skip(text, *at), STR("\xc2\x85"))) {
            *at += 2;
            breaks++;
        } else {
            break;
        }
    }
    if (breaks == 0) buf_add(out, str_slice(text, from, *at));
    if (breaks == 1) buf_add_char(out, ' ');
    if (breaks > 1) buf_fill(out, '\n', breaks - 1);
}

static err *plain_text(arena *a, str text, str *out)
{
    *out = text;
    if (is_ordinary(text)) return NULL;
    buf b = BUF(a);
    for (size_t at = 0; at < text.len;) {
        uint32_t rune = 0xfffd;
        size_t len = str_rune(str_skip(text, at), &rune);
        if (is_refused(rune)) return err_invalid("yaml: control characters are not allowed");
        if (rune == ' ' || rune == 0x85) {
            fold(&b, text, &at);
            continue;
        }
        char utf8[4];
        buf_add_bytes(&b, utf8, str_put_rune(utf8, rune));
        at += MAX(len, (size_t)1);
    }
    *out = buf_str(&b);
    return NULL;
}

/* ------------------------------------------------------------------ scalars */

/* An integer that is written the only way it is printed, and that fits 64 bits. */
static bool is_canonical(str text)
{
    size_t from = text.len && text.data[0] == '-';
    if (text.len == from || text.len - from > 18) return false;
    if (text.data[from] == '0') return text.len == 1;
    for (size_t i = from; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    return true;
}

static bool is_whole(str text)
{
    return !str_has_char(text, '.') && !str_has_char(text, 'e');
}

static err *plain_number(arena *a, const node *n, enum node_kind *kind_out, str *text_out)
{
    *kind_out = NODE_INT;
    *text_out = n->text;
    if (is_canonical(n->text)) return NULL;
    struct number number;
    number_read(n->text, n->kind == NODE_INT, &number);
    buf b = BUF(a);
    if (!number_write(&b, &number)) {
        const char *name = number.class == NUMBER_NAN ? "NaN" : number.negative ? "-Inf" : "+Inf";
        return at_line(err_invalid("json: unsupported value: %s", name), n->line);
    }
    *text_out = buf_str(&b);
    if (!is_whole(*text_out)) *kind_out = NODE_FLOAT;
    return NULL;
}

static const char *type_name(enum node_kind kind, bool time)
{
    static const char *const names[] = {"null", "bool", "int", "float", "str"};
    return time ? "timestamp" : names[kind];
}

/* Whoever writes only the text of a scalar may leave one that its kind cannot have. */
static err *check_text(const node *n)
{
    bool is_time = false;
    enum node_kind kind = n->kind, read = yaml_resolve(n->text, YAML_V3, &is_time);
    if (kind == NODE_BOOL) read = yaml_resolve(n->text, YAML_V2, &is_time);
    bool fits = read == kind && is_time == n->time;
    if (kind == NODE_STR) fits = !n->time || timestamp_is(n->text);
    if (kind == NODE_FLOAT) fits = read == NODE_FLOAT || read == NODE_INT;
    if (kind == NODE_INT && read == NODE_FLOAT) fits = is_whole(n->text); /* more than 64 bits */
    if (fits) return NULL;
    return at_line(err_invalid("yaml: cannot decode a !!%s as a !!%s", type_name(read, is_time),
                               type_name(kind, n->time)),
                   n->line);
}

err *plain_scalar(arena *a, const node *n, bool in_flow, enum node_kind *kind_out, str *text_out)
{
    *kind_out = n ? n->kind : NODE_NULL;
    bool truth = false;
    bool obvious =
        !n || (n->kind == NODE_STR && !n->time) || (n->kind == NODE_INT && is_canonical(n->text));
    if (!obvious) TRY(check_text(n));
    switch (*kind_out) {
    case NODE_NULL:
        *text_out = STR("null");
        return NULL;
    case NODE_BOOL:
        node_to_bool(n, &truth);
        *text_out = truth ? STR("true") : STR("false");
        return NULL;
    case NODE_INT:
    case NODE_FLOAT:
        return plain_number(a, n, kind_out, text_out);
    default:
        break;
    }
    if (n->time && !(in_flow && timestamp_has_clock(n->text))) {
        char space[TIMESTAMP_BYTES];
        *text_out = str_dup(a, timestamp_normal(n->text, space));
        return NULL;
    }
    err *e = plain_text(a, n->text, text_out);
    return e ? at_line(e, n->line) : NULL;
}

err *plain_key(arena *a, const struct node_pair *pair, str *text_out)
{
    err *e = pair->key_kind != NODE_STR || pair->key_time
                 ? err_invalid("json: unsupported type: map[interface {}]interface {}: a key is "
                               "not a string")
                 : plain_text(a, pair->key, text_out);
    return e ? at_line(e, pair->line) : NULL;
}

/* ------------------------------------------------------------------ trees */

err *plain_repeated(const struct node_pair *first, const struct node_pair *second)
{
    return err_invalid("yaml: unmarshal errors:\n  line %u: mapping key \"" STR_FMT
                       "\" already defined at line %u",
                       second->line, STR_ARG(second->key), first->line);
}

static err *settle(arena *a, node *n, bool in_flow, int depth);

static err *check_keys(arena *a, const node *map)
{
    uint32_t first, second;
    if (!node_find_twins(a, map, &first, &second)) return NULL;
    return plain_repeated(&map->pairs[first], &map->pairs[second]);
}

static err *settle_map(arena *a, node *map, bool in_flow, int depth)
{
    bool folded = false;
    TRY(check_keys(a, map));
    PAIR_EACH (map, pair) {
        const char *written = pair->key.data;
        TRY(plain_key(a, pair, &pair->key));
        folded |= pair->key.data != written;
        pair->key_style = NODE_PLAIN;
        TRY(settle(a, pair->value, in_flow, depth));
    }
    return folded ? check_keys(a, map) : NULL; /* keys that differed may be alike now */
}

static err *settle_scalar(arena *a, node *n, bool in_flow)
{
    enum node_kind kind;
    TRY(plain_scalar(a, n, in_flow, &kind, &n->text));
    n->kind = (uint8_t)kind;
    return NULL;
}

static err *settle(arena *a, node *n, bool in_flow, int depth)
{
    if (depth == LIMIT_DOC_DEPTH && n->kind >= NODE_LIST) {
        return err_invalid("yaml: nested deeper than the limit of %d levels", LIMIT_DOC_DEPTH);
    }
    in_flow |= n->kind >= NODE_LIST && n->style == NODE_FLOW;
    if (n->kind == NODE_MAP) TRY(settle_map(a, n, in_flow, depth + 1));
    NODE_EACH (n, item)
        TRY(settle(a, item, in_flow, depth + 1));
    if (node_is_scalar(n)) TRY(settle_scalar(a, n, in_flow));
    n->time = n->tagged = false;
    n->style = NODE_PLAIN;
    return NULL;
}

err *plain_settle(arena *a, node *n)
{
    return settle(a, n, false, 0);
}

err *plain_tree(arena *a, const node *n, node **out)
{
    node *copy = n ? doc_copy_tree(a, n) : node_null(a);
    TRY(plain_settle(a, copy));
    *out = copy;
    return NULL;
}
