#include "doc/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "doc/number.h"
#include "doc/timestamp.h"

/* ------------------------------------------------------------------ reading */

/* Children of open collections wait on one stack, and are copied out in one piece at the end. */
struct reader {
    arena *arena, scratch;
    const char *at, *end, *line_start;
    uint32_t line;
    size_t depth, depth_max;
    bool last_wins;
    struct node_pair *stack;
    size_t count, room;
};

/* What ends the plain run of a string: 1 quote, backslash or control character; 2 not ASCII. */
enum { STOP = 1, HIGH = 2 };
static const uint8_t string_class[256] = {
    [0 ... 0x1f] = STOP,
    ['"'] = STOP,
    ['\\'] = STOP,
    [0x80 ... 0xff] = HIGH,
};

static err *fail(const struct reader *r, const char *what)
{
    return err_invalid("json: line %u, column %zu: %s", r->line,
                       (size_t)(r->at - r->line_start) + 1,
                       r->at == r->end ? "unexpected end of the text" : what);
}

static void skip_space(struct reader *r)
{
    for (; r->at < r->end; r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
            return;
        }
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    if (end - p < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The code point of an escape whose \u has just been passed; half a pair is U+FFFD, as in Go. */
static uint32_t escaped_rune(const char **p, const char *end)
{
    int32_t rune = hex4(*p, end);
    *p += 4;
    if (rune < 0xd800 || rune > 0xdfff) return (uint32_t)rune;
    if (rune < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        int32_t low = hex4(*p + 2, end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *p += 6;
            return 0x10000 + (((uint32_t)rune & 0x3ff) << 10 | ((uint32_t)low & 0x3ff));
        }
    }
    return 0xfffd;
}

static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* Text of a string whose escapes were checked. Only a byte that is no UTF-8 grows, to three. */
static str unescaped(arena *a, str raw)
{
    char *text = arena_alloc(a, raw.len * 3 + 1), *out = text;
    const char *p = raw.data, *end = raw.data + raw.len;
    while (p < end) {
        if (*p == '\\') {
            p += 2;
            if (p[-1] == 'u')
                out += str_put_rune(out, escaped_rune(&p, end));
            else
                *out++ = simple_escape(p[-1]);
            continue;
        }
        uint32_t rune = 0xfffd;
        size_t len = str_rune(str_from(p, (size_t)(end - p)), &rune);
        out += str_put_rune(out, rune);
        p += MAX(len, (size_t)1);
    }
    return str_from(text, (size_t)(out - text));
}

static err *read_string(struct reader *r, str *out)
{
    const char *start = ++r->at, *p = start, *end = r->end;
    bool escapes = false, high = false;
    for (;; p++) {
        while (p < end && string_class[(uint8_t)*p] != STOP)
            high |= *p++ < 0;
        r->at = p;
        if (p == end || *p == '"') break;
        if (*p != '\\') return fail(r, "control character in a string");
        escapes = true;
        if (++p == end) break;
        bool valid = *p == 'u' ? hex4(p + 1, end) >= 0 : simple_escape(*p) != 0;
        if (!valid) return fail(r, "unknown escape in a string");
    }
    r->at = p;
    if (p == end) return fail(r, "");
    r->at++;
    *out = str_from(start, (size_t)(p - start));
    if (escapes || (high && !str_valid_utf8(*out))) *out = unescaped(r->arena, *out);
    return NULL;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static err *read_number(struct reader *r, enum node_kind *kind, str *out)
{
    const char *start = r->at, *p = start, *end = r->end;
    *kind = NODE_INT;
    if (*p == '-') p++;
    p = skip_digits(p, end);
    if (p < end && *p == '.') {
        *kind = NODE_FLOAT;
        p = skip_digits(p + 1, end);
    }
    if (p < end && (*p | 0x20) == 'e') {
        *kind = NODE_FLOAT;
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        p = skip_digits(p, end);
    }
    *out = str_from(start, (size_t)(p - start));
    if (!number_is_json(*out)) return fail(r, "not a number");
    r->at = p;
    return NULL;
}

static err *read_value(struct reader *r, node **out);

static node *new_node(struct reader *r, enum node_kind kind)
{
    node *n = arena_alloc(r->arena, sizeof *n);
    *n = (node){.kind = (uint8_t)kind, .line = r->line};
    return n;
}

/* Moves to what follows an item. False at the end of the collection. */
static err *read_comma(struct reader *r, char close, bool *more_out)
{
    skip_space(r);
    if (r->at < r->end && *r->at == close) {
        r->at++;
        *more_out = false;
        return NULL;
    }
    if (r->at == r->end || *r->at != ',') {
        return fail(r, close == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
    }
    r->at++;
    skip_space(r);
    *more_out = true;
    return NULL;
}

/* True, and passed, when the collection that was just opened ends at once. */
static bool is_empty(struct reader *r, char close)
{
    r->at++;
    skip_space(r);
    if (r->at == r->end || *r->at != close) return false;
    r->at++;
    return true;
}

static void push(struct reader *r, struct node_pair pair)
{
    *ARENA_PUSH(&r->scratch, r->stack, r->count, r->room) = pair;
}

static err *read_list(struct reader *r, node *list)
{
    size_t base = r->count;
    for (bool more = !is_empty(r, ']'); more;) {
        struct node_pair pair = {0};
        TRY(read_value(r, &pair.value));
        push(r, pair);
        TRY(read_comma(r, ']', &more));
    }
    list->count = list->room = (uint32_t)(r->count - base);
    list->items = list->count ? arena_alloc(r->arena, list->count * sizeof *list->items) : NULL;
    for (uint32_t i = 0; i < list->count; i++)
        list->items[i] = r->stack[base + i].value;
    r->count = base;
    return NULL;
}

static err *check_keys(struct reader *r, node *map)
{
    uint32_t first, second;
    if (!node_find_twins(&r->scratch, map, &first, &second)) return NULL;
    if (!r->last_wins) {
        return err_invalid("json: line %u: a key is repeated, first on line %u",
                           map->pairs[second].line, map->pairs[first].line);
    }
    node_keep_last(&r->scratch, map);
    return NULL;
}

static err *read_map(struct reader *r, node *map)
{
    size_t base = r->count;
    for (bool more = !is_empty(r, '}'); more;) {
        struct node_pair pair = {.key_kind = NODE_STR, .line = r->line};
        if (r->at == r->end || *r->at != '"') return fail(r, "expected a key in double quotes");
        TRY(read_string(r, &pair.key));
        skip_space(r);
        if (r->at == r->end || *r->at != ':') return fail(r, "expected ':'");
        r->at++;
        skip_space(r);
        TRY(read_value(r, &pair.value));
        push(r, pair);
        TRY(read_comma(r, '}', &more));
    }
    map->count = map->room = (uint32_t)(r->count - base);
    size_t bytes = map->count * sizeof *map->pairs;
    map->pairs = bytes ? memcpy(arena_alloc(r->arena, bytes), r->stack + base, bytes) : NULL;
    r->count = base;
    return check_keys(r, map);
}

static err *read_collection(struct reader *r, enum node_kind kind, node **out)
{
    if (r->depth == r->depth_max) {
        return err_invalid("json: line %u: nested deeper than the limit of %zu levels", r->line,
                           r->depth_max);
    }
    r->depth++;
    node *n = new_node(r, kind);
    TRY(kind == NODE_LIST ? read_list(r, n) : read_map(r, n));
    r->depth--;
    *out = n;
    return NULL;
}

static bool read_word(struct reader *r, str word)
{
    if (!str_starts(str_from(r->at, (size_t)(r->end - r->at)), word)) return false;
    r->at += word.len;
    return true;
}

static err *read_scalar(struct reader *r, node **out)
{
    static const struct {
        enum node_kind kind;
        str word;
    } words[] = {
        {NODE_BOOL, {"true", 4}},
        {NODE_BOOL, {"false", 5}},
        {NODE_NULL, {"null", 4}},
    };
    enum node_kind kind = NODE_STR;
    str text = {0};
    char c = r->at < r->end ? *r->at : 0;
    uint32_t line = r->line;
    if (c == '"') {
        TRY(read_string(r, &text));
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        TRY(read_number(r, &kind, &text));
    } else {
        for (size_t i = 0; !text.data; i++) {
            if (i == COUNT(words)) return fail(r, "expected a value");
            if (!read_word(r, words[i].word)) continue;
            kind = words[i].kind;
            text = words[i].word;
        }
    }
    node *n = new_node(r, kind);
    n->style = kind == NODE_STR ? NODE_DOUBLE : NODE_PLAIN;
    n->line = line;
    n->text = text;
    *out = n;
    return NULL;
}

static err *read_value(struct reader *r, node **out)
{
    char c = r->at < r->end ? *r->at : 0;
    if (c == '{') return read_collection(r, NODE_MAP, out);
    if (c == '[') return read_collection(r, NODE_LIST, out);
    return read_scalar(r, out);
}

err *json_parse(arena *a, str text, struct json_options options, node **out)
{
    if (text.len > LIMIT_DOC_BYTES) {
        return err_invalid("json: text is larger than the limit of %u bytes", LIMIT_DOC_BYTES);
    }
    if (!options.borrow || !text.data) text = str_dup(a, text);
    size_t depth_max = options.depth_max ? options.depth_max : LIMIT_DOC_DEPTH;
    struct reader r = {
        .arena = a,
        .at = text.data,
        .end = text.data + text.len,
        .line_start = text.data,
        .line = 1,
        .depth_max = MIN(depth_max, (size_t)LIMIT_DOC_DEPTH),
        .last_wins = options.last_wins,
    };
    node *root = NULL;
    skip_space(&r);
    err *e = read_value(&r, &root);
    skip_space(&r);
    if (!e && r.at < r.end) e = fail(&r, "unexpected text after the value");
    arena_done(&r.scratch);
    if (!e) *out = root;
    return e;
}

/* ------------------------------------------------------------------ writing */

/* ASCII that a string may hold as it is; the other bytes are looked at one by one. */
static const bool is_safe[256] = {
    [' '] = true, ['!'] = true,         ['#' ... '%'] = true,  ['\'' ... ';'] = true,
    ['='] = true, ['?' ... '['] = true, [']' ... 0x7f] = true,
};

static void write_escape(buf *b, uint32_t rune)
{
    switch (rune) {
    case '"':
        return BUF_ADD(b, "\\\"");
    case '\\':
        return BUF_ADD(b, "\\\\");
    case '\b':
        return BUF_ADD(b, "\\b");
    case '\f':
        return BUF_ADD(b, "\\f");
    case '\n':
        return BUF_ADD(b, "\\n");
    case '\r':
        return BUF_ADD(b, "\\r");
    case '\t':
        return BUF_ADD(b, "\\t");
    default:
        return buf_printf(b, "\\u%04x", rune);
    }
}

void json_write_str(buf *b, str text, bool html)
{
    if (!text.len) text = STR(""); /* an empty text may have no address to count from */
    const char *p = text.data, *end = p + text.len, *run = p;
    buf_add_char(b, '"');
    while (p < end) {
        if (is_safe[(uint8_t)*p]) {
            p++;
            continue;
        }
        uint32_t rune = 0xfffd;
        size_t len = str_rune(str_from(p, (size_t)(end - p)), &rune);
        bool raw = len > 1 && rune != 0x2028 && rune != 0x2029;
        if (!html && (rune == '<' || rune == '>' || rune == '&')) raw = true;
        if (!raw) {
            buf_add_bytes(b, run, (size_t)(p - run));
            write_escape(b, rune);
            run = p + MAX(len, (size_t)1);
        }
        p += MAX(len, (size_t)1);
    }
    buf_add_bytes(b, run, (size_t)(p - run));
    buf_add_char(b, '"');
}

static void new_line(buf *b, struct json_style style, int depth)
{
    if (!style.indent) return;
    buf_add_char(b, '\n');
    buf_fill(b, ' ', (size_t)(style.indent * depth));
}

static void write_scalar(buf *b, const node *n, struct json_style style)
{
    bool truth = false;
    char moment[TIMESTAMP_BYTES];
    struct number number;
    switch (n->kind) {
    case NODE_BOOL:
        node_to_bool(n, &truth);
        return buf_add(b, truth ? STR("true") : STR("false"));
    case NODE_INT:
    case NODE_FLOAT:
        if (number_is_json(n->text)) return buf_add(b, n->text);
        number_read(n->text, n->kind == NODE_INT, &number);
        if (!number_write(b, &number)) BUF_ADD(b, "null");
        return;
    case NODE_STR:
        return json_write_str(b, n->time ? timestamp_normal(n->text, moment) : n->text, style.html);
    default:
        return BUF_ADD(b, "null");
    }
}

static int pair_order(const void *a, const void *b)
{
    return str_cmp((*(const struct node_pair *const *)a)->key,
                   (*(const struct node_pair *const *)b)->key);
}

static void write_value(buf *b, const node *n, struct json_style style, int depth);

static void write_pair(buf *b, const struct node_pair *pair, struct json_style style, int depth)
{
    new_line(b, style, depth);
    json_write_str(b, pair->key, style.html);
    buf_add(b, style.indent ? STR(": ") : STR(":"));
    write_value(b, pair->value, style, depth);
}

static void write_map(buf *b, const node *map, struct json_style style, int depth)
{
    buf_add_char(b, '{');
    if (style.sorted) {
        arena scratch AUTO(arena_done) = {0};
        const struct node_pair **order = NEW_ARRAY(&scratch, const struct node_pair *, map->count);
        for (uint32_t i = 0; i < map->count; i++)
            order[i] = &map->pairs[i];
        qsort(order, map->count, sizeof *order, pair_order);
        for (uint32_t i = 0; i < map->count; i++) {
            if (i) buf_add_char(b, ',');
            write_pair(b, order[i], style, depth + 1);
        }
    } else {
        PAIR_EACH (map, pair) {
            if (pair != map->pairs) buf_add_char(b, ',');
            write_pair(b, pair, style, depth + 1);
        }
    }
    if (map->count) new_line(b, style, depth);
    buf_add_char(b, '}');
}

static void write_list(buf *b, const node *list, struct json_style style, int depth)
{
    buf_add_char(b, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i) buf_add_char(b, ',');
        new_line(b, style, depth + 1);
        write_value(b, list->items[i], style, depth + 1);
    }
    if (list->count) new_line(b, style, depth);
    buf_add_char(b, ']');
}

static void write_value(buf *b, const node *n, struct json_style style, int depth)
{
    must(depth < DOC_DEPTH_MAX);
    if (node_is_map(n)) return write_map(b, n, style, depth);
    if (node_is_list(n)) return write_list(b, n, style, depth);
    if (!n) return BUF_ADD(b, "null");
    write_scalar(b, n, style);
}

void json_write(buf *b, const node *n, struct json_style style)
{
    write_value(b, n, style, 0);
}

str json_text(arena *a, const node *n)
{
    buf b = BUF(a);
    json_write(&b, n, (struct json_style){0});
    return buf_str(&b);
}
