#include "doc/yaml_emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "doc/keyorder.h"
#include "doc/plain.h"
#include "doc/timestamp.h"
#include "doc/yaml.h"

enum {
    INDENT = 2,
    WIDTH = 80,             /* a line is folded at the first space behind this column */
    SIMPLE_KEY_BYTES = 128, /* a longer key is written "? key" */
};

struct emitter {
    buf *out;
    arena scratch;
    size_t begin;      /* of the document in `out` */
    size_t line_start; /* of the line at hand */
};

/* ------------------------------------------------------------------ what a text allows */

/* Facts about a text, and from them the styles that can hold it. */
struct text {
    bool lines;    /* holds a line break */
    bool no_plain; /* would not be read back as it is without quotes */
    bool no_single, no_literal;
};

/* Bytes that take a closer look. All other ASCII is ordinary. */
enum { ORDINARY, SPACE, BREAK, COLON, HASH, CONTROL, WIDE };
static const uint8_t byte_class[256] = {
    [0x00 ... 0x09] = CONTROL,
    ['\n'] = BREAK,
    [0x0b ... 0x1f] = CONTROL,
    [' '] = SPACE,
    ['#'] = HASH,
    [':'] = COLON,
    [0x7f] = CONTROL,
    [0x80 ... 0xff] = WIDE,
};

/* go-yaml prints all else than these in quotes, as an escape. */
static bool is_printable(uint32_t rune)
{
    return rune >= 0xa0 && rune < 0xfffe && rune != 0xfeff;
}

/* U+2028 and U+2029 end lines; of those beyond ASCII no other comes this far. */
static bool is_wide_break(const char *p, const char *end)
{
    return end - p >= 3 && p[0] == '\xe2' && p[1] == '\x80' && (p[2] == '\xa8' || p[2] == '\xa9');
}

static bool is_break(const char *p, const char *end)
{
    return p < end && (*p == '\n' || is_wide_break(p, end));
}

static bool is_blank(const char *p, const char *end)
{
    return p < end && (*p == ' ' || *p == '\t');
}

static size_t rune_len(const char *p)
{
    unsigned char c = (unsigned char)*p;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* An indicator at the front, which would begin something else than a plain text. */
static bool begins_otherwise(str text)
{
    const char *p = text.data, *end = p + text.len;
    if (str_starts(text, STR("---")) || str_starts(text, STR("..."))) return true;
    if (memchr("#,[]{}&*!|>'\"%@`", *p, 16)) return true;
    bool mark = *p == '-' || *p == '?' || *p == ':';
    return mark && (p + 1 == end || is_blank(p + 1, end));
}

static struct text analyse(str text)
{
    struct text is = {0};
    if (text.len == 0) return (struct text){.no_literal = true};
    const char *p = text.data, *end = p + text.len;
    bool special = false, space_break = false, break_space = false;
    enum { OTHER, AFTER_SPACE, AFTER_BREAK } before = OTHER;
    is.no_plain = begins_otherwise(text) || *p == ' ' || end[-1] == ' ';
    while (p < end) {
        uint8_t class = byte_class[(uint8_t)*p];
        if (class == ORDINARY) {
            p++;
            before = OTHER;
            continue;
        }
        size_t len = rune_len(p);
        uint32_t rune = 0;
        if (class == WIDE) {
            str_rune(str_from(p, (size_t)(end - p)), &rune);
            special |= !is_printable(rune);
            if (is_wide_break(p, end)) class = BREAK;
        }
        special |= class == CONTROL;
        is.no_plain |= class == COLON && (p + 1 == end || is_blank(p + 1, end));
        is.no_plain |= class == HASH && before != OTHER;
        is.lines |= class == BREAK || *p == '\r';
        space_break |= class == BREAK && before == AFTER_SPACE;
        break_space |= class == SPACE && before == AFTER_BREAK;
        before = class == SPACE ? AFTER_SPACE : class == BREAK ? AFTER_BREAK : OTHER;
        p += len;
    }
    is.no_plain |= is.lines || special;
    is.no_single = break_space || space_break || special;
    is.no_literal = space_break || special || end[-1] == ' ';
    return is;
}

/* A number with base 60, which YAML 1.1 reads and go-yaml does not: 190:20:30.15 */
static bool is_base_60(str text)
{
    const char *p = text.data, *end = p + text.len;
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end || *p < '0' || *p > '9') return false;
    while (p < end && ((*p >= '0' && *p <= '9') || *p == '_'))
        p++;
    if (p == end || *p != ':') return false;
    while (p < end && *p == ':') {
        size_t digits = 0;
        while (p + 1 < end && p[1] >= '0' && p[1] <= '9' && digits < 3) {
            p++;
            digits++;
        }
        if (digits == 0 || digits > 2 || (digits == 2 && p[-1] > '5')) return false;
        p++;
    }
    if (p < end && *p == '.') {
        p++;
        while (p < end && ((*p >= '0' && *p <= '9') || *p == '_'))
            p++;
    }
    return p == end;
}

/* A text that would be read as something else without quotes. What YAML 1.1 counts as a merge key
 * goes for a text here, as it does in the reference. */
static bool means_other(str text)
{
    bool is_time;
    return yaml_resolve(text, YAML_V2, &is_time) != NODE_STR || timestamp_is(text) ||
           is_base_60(text);
}

static enum node_style style_of(str text, struct text is, bool simple_key)
{
    if (str_has_char(text, '\n')) return simple_key || is.no_literal ? NODE_DOUBLE : NODE_LITERAL;
    if (means_other(text)) return NODE_DOUBLE;
    if (!is.no_plain) return NODE_PLAIN;
    return is.no_single ? NODE_DOUBLE : NODE_SINGLE;
}

/* ------------------------------------------------------------------ lines and scalars */

static void end_line(struct emitter *e)
{
    buf_add_char(e->out, '\n');
    e->line_start = e->out->len;
}

/* Goes to the given column of a line that is still empty. */
static void start_line(struct emitter *e, int indent)
{
    if (e->out->len != e->line_start) end_line(e);
    buf_fill(e->out, ' ', (size_t)indent);
}

static size_t column(const struct emitter *e)
{
    size_t count = 0;
    for (size_t i = e->line_start; i < e->out->len; i++) {
        count += ((unsigned char)e->out->data[i] & 0xc0) != 0x80;
    }
    return count;
}

/* A scalar on its way out. */
struct scalar {
    str text;
    struct text is;
    int indent; /* of the lines behind the first */
    bool fold;  /* long lines may be broken at a space */
};

/* Between the quotes, if there are any. Only U+2028 and U+2029 can break lines here. */
static void write_flowed(struct emitter *e, const struct scalar *s, bool quoted)
{
    bool quotes = quoted && str_has_char(s->text, '\'');
    size_t line_bytes = e->out->len - e->line_start + s->text.len;
    if (!s->is.lines && !quotes && (!s->fold || line_bytes <= WIDTH)) {
        return buf_add(e->out, s->text);
    }
    size_t at_column = column(e);
    const char *p = s->text.data, *end = p + s->text.len;
    bool spaces = false, breaks = false;
    while (p < end) {
        size_t len = rune_len(p);
        if (*p == ' ' && s->fold && !spaces && at_column > WIDTH && p[1] != ' ') {
            start_line(e, s->indent);
            at_column = (size_t)s->indent;
            p++;
            spaces = true;
            continue;
        }
        bool is_line = is_break(p, end);
        if (breaks && !is_line && *p != ' ') {
            buf_fill(e->out, ' ', (size_t)s->indent);
            at_column = (size_t)s->indent;
            breaks = false;
        }
        if (quoted && *p == '\'') buf_add_char(e->out, '\'');
        buf_add_bytes(e->out, p, len);
        at_column += 1 + (quoted && *p == '\'');
        spaces = *p == ' ';
        p += len;
        if (!is_line) continue;
        e->line_start = e->out->len;
        at_column = 0;
        breaks = true;
    }
}

static void write_escape(buf *b, uint32_t rune)
{
    static const char letters[256] = {
        [0x00] = '0',  [0x07] = 'a', [0x08] = 'b', [0x09] = 't', [0x0a] = 'n',
        [0x0b] = 'v',  [0x0c] = 'f', [0x0d] = 'r', [0x1b] = 'e', ['"'] = '"',
        ['\\'] = '\\', [0x85] = 'N', [0xa0] = '_',
    };
    char letter = rune == 0x2028 ? 'L' : rune == 0x2029 ? 'P' : rune < 256 ? letters[rune] : 0;
    if (letter)
        buf_printf(b, "\\%c", letter);
    else if (rune < 0x100)
        buf_printf(b, "\\x%02X", rune);
    else if (rune < 0x10000)
        buf_printf(b, "\\u%04X", rune);
    else
        buf_printf(b, "\\U%08X", rune);
}

static bool needs_escape(uint32_t rune)
{
    if (rune < 0x7f) return rune < ' ' || rune == '"' || rune == '\\';
    return !is_printable(rune) || rune == 0x2028 || rune == 0x2029;
}

static void write_double(struct emitter *e, const struct scalar *s)
{
    const char *p = s->text.data, *end = p + s->text.len;
    /* compat: a byte order mark at the front makes go-yaml escape everything. */
    bool escape_all = str_starts(s->text, STR("\xef\xbb\xbf")), spaces = false;
    buf_add_char(e->out, '"');
    size_t at_column = column(e);
    while (p < end) {
        uint32_t rune = 0;
        size_t len = str_rune(str_from(p, (size_t)(end - p)), &rune), before = e->out->len;
        if (escape_all || needs_escape(rune)) {
            write_escape(e->out, rune);
            at_column += e->out->len - before;
        } else if (rune == ' ' && s->fold && !spaces && at_column > WIDTH && p > s->text.data &&
                   p + 1 < end) {
            start_line(e, s->indent);
            at_column = (size_t)s->indent;
            if (p[1] == ' ') {
                buf_add_char(e->out, '\\');
                at_column++;
            }
        } else {
            buf_add_bytes(e->out, p, len);
            at_column++;
        }
        spaces = rune == ' ';
        p += len;
    }
    buf_add_char(e->out, '"');
}

/* '-' when no line break is at the end, '+' when more than one is, or nothing else. */
static char chomping(str text)
{
    const char *p = text.data, *end = p + text.len, *last = end, *second;
    do {
        last--;
    } while (last > p && ((unsigned char)*last & 0xc0) == 0x80);
    if (!is_break(last, end)) return '-';
    if (last == p) return '+';
    second = last;
    do {
        second--;
    } while (second > p && ((unsigned char)*second & 0xc0) == 0x80);
    return is_break(second, end) ? '+' : 0;
}

static void write_literal(struct emitter *e, const struct scalar *s)
{
    const char *p = s->text.data, *end = p + s->text.len;
    char chomp = chomping(s->text);
    buf_add_char(e->out, '|');
    if (*p == ' ' || is_break(p, end)) buf_add_char(e->out, '0' + INDENT);
    if (chomp) buf_add_char(e->out, chomp);
    end_line(e);
    while (p < end) {
        const char *line = p;
        while (p < end && !is_break(p, end))
            p++;
        if (p > line) {
            buf_fill(e->out, ' ', (size_t)s->indent);
            buf_add_bytes(e->out, line, (size_t)(p - line));
        }
        if (p == end) break;
        size_t len = rune_len(p);
        buf_add_bytes(e->out, p, len);
        e->line_start = e->out->len;
        p += len;
    }
}

static void write_text(struct emitter *e, str text, int indent, bool simple_key)
{
    struct scalar s = {text, analyse(text), indent + INDENT, !simple_key};
    switch (style_of(text, s.is, simple_key)) {
    case NODE_PLAIN:
        return write_flowed(e, &s, false);
    case NODE_SINGLE:
        buf_add_char(e->out, '\'');
        write_flowed(e, &s, true);
        return buf_add_char(e->out, '\'');
    case NODE_LITERAL:
        return write_literal(e, &s);
    default:
        return write_double(e, &s);
    }
}

/* ------------------------------------------------------------------ trees */

/* What a node comes behind, which decides where its lines begin. */
enum place { AT_ROOT, BEHIND_KEY, BEHIND_DASH, BEHIND_MARK };

struct entry {
    str key;
    const struct node_pair *pair;
};

static int entry_order(const void *a, const void *b)
{
    return keyorder_cmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

/* The pairs of a map in the order they are printed. */
static err *sort_pairs(struct emitter *e, const node *map, struct entry **out)
{
    struct entry *entries = NEW_ARRAY(&e->scratch, struct entry, map->count);
    bool sorted = true;
    for (uint32_t i = 0; i < map->count; i++) {
        entries[i].pair = &map->pairs[i];
        TRY(plain_key(&e->scratch, &map->pairs[i], &entries[i].key));
        sorted = sorted && (i == 0 || entry_order(&entries[i - 1], &entries[i]) < 0);
    }
    if (!sorted) qsort(entries, map->count, sizeof *entries, entry_order);
    for (uint32_t i = 1; i < map->count && !sorted; i++) {
        if (!str_eq(entries[i - 1].key, entries[i].key)) continue;
        const struct node_pair *first = entries[i - 1].pair, *second = entries[i].pair;
        return plain_repeated(MIN(first, second), MAX(first, second));
    }
    *out = entries;
    return NULL;
}

static err *write_node(struct emitter *e, const node *n, int indent, enum place place, bool in_flow,
                       int depth);

static enum place write_key(struct emitter *e, str key, int indent)
{
    struct text is = analyse(key);
    bool simple = key.len <= SIMPLE_KEY_BYTES && !is.lines;
    if (!simple) BUF_ADD(e->out, "? ");
    write_text(e, key, indent, simple);
    if (!simple) start_line(e, indent);
    buf_add_char(e->out, ':');
    return simple ? BEHIND_KEY : BEHIND_MARK;
}

static err *write_map(struct emitter *e, const node *map, int indent, bool in_flow, int depth)
{
    struct entry *entries = NULL;
    TRY(sort_pairs(e, map, &entries));
    for (uint32_t i = 0; i < map->count; i++) {
        if (i) start_line(e, indent);
        enum place place = write_key(e, entries[i].key, indent);
        TRY(write_node(e, entries[i].pair->value, indent, place, in_flow, depth));
    }
    return NULL;
}

static err *write_list(struct emitter *e, const node *list, int indent, bool in_flow, int depth)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (i) start_line(e, indent);
        buf_add_char(e->out, '-');
        TRY(write_node(e, list->items[i], indent, BEHIND_DASH, in_flow, depth));
    }
    return NULL;
}

static err *write_scalar(struct emitter *e, const node *n, int indent, bool in_flow)
{
    enum node_kind kind;
    str text;
    TRY(plain_scalar(&e->scratch, n, in_flow, &kind, &text));
    if (kind == NODE_STR)
        write_text(e, text, indent, false);
    else
        buf_add(e->out, text);
    return NULL;
}

/* A collection begins on the line of a dash or mark, and on a new one behind a key; a list there is
 * not indented. */
static err *write_node(struct emitter *e, const node *n, int indent, enum place place, bool in_flow,
                       int depth)
{
    bool is_map = node_is_map(n), is_list = node_is_list(n);
    if (depth == LIMIT_DOC_DEPTH && (is_map || is_list)) {
        return err_invalid("yaml: nested deeper than the limit of %d levels", LIMIT_DOC_DEPTH);
    }
    bool nests = (is_map || is_list) && n->count > 0;
    if (!nests || place == BEHIND_DASH || place == BEHIND_MARK) {
        if (place != AT_ROOT) buf_add_char(e->out, ' ');
    }
    if (!nests && is_map) return BUF_ADD(e->out, "{}"), NULL;
    if (!nests && is_list) return BUF_ADD(e->out, "[]"), NULL;
    if (!nests) return write_scalar(e, n, indent, in_flow);

    in_flow = in_flow || n->style == NODE_FLOW;
    if (place != AT_ROOT && (is_map || place != BEHIND_KEY)) indent += INDENT;
    if (place == BEHIND_KEY) start_line(e, indent);
    return is_map ? write_map(e, n, indent, in_flow, depth + 1)
                  : write_list(e, n, indent, in_flow, depth + 1);
}

err *yaml_emit(buf *b, const node *n)
{
    struct emitter e = {.out = b, .begin = b->len, .line_start = b->len};
    err *failed = write_node(&e, n, 0, AT_ROOT, false, 0);
    if (failed)
        b->len = e.begin;
    else
        start_line(&e, 0);
    arena_done(&e.scratch);
    return failed;
}
