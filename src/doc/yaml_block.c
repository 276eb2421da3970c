#include "doc/yaml_block.h"

#include <string.h>

enum {
    DEPTH_MAX = 64,      /* levels of collections */
    KEY_BYTES_MAX = 256, /* libyaml looks for the colon of a key no further than 1024 */
};

/* Children of open collections wait on one stack, and are copied out in one piece at the end. */
struct reader {
    arena *arena, scratch;
    struct yaml_options options;
    const char *at, *end, *line_start;
    uint32_t line;
    ptrdiff_t indent; /* of the line at hand; -1 behind the last */
    int depth;
    struct node_pair *stack;
    size_t count, room;
};

/* What a byte can be part of. None of it: left to libyaml. */
enum {
    PRINTABLE = 1, /* comments, and texts in quotes */
    FIRST = 2,     /* a plain text can begin with it, whatever follows */
    IN_KEY = 4,
};
static const uint8_t byte_class[256] = {
    [' ' ... '#'] = PRINTABLE,
    ['$'] = PRINTABLE | FIRST,
    ['%' ... '\''] = PRINTABLE,
    ['('] = PRINTABLE | FIRST,
    [')' ... '*'] = PRINTABLE,
    ['+'] = PRINTABLE | FIRST,
    [','] = PRINTABLE,
    ['-'] = PRINTABLE | IN_KEY,
    ['.' ... '9'] = PRINTABLE | FIRST | IN_KEY, /* with '/' */
    [':' ... '@'] = PRINTABLE,
    ['A' ... 'Z'] = PRINTABLE | FIRST | IN_KEY,
    ['[' ... ']'] = PRINTABLE,
    ['^'] = PRINTABLE | FIRST,
    ['_'] = PRINTABLE | FIRST | IN_KEY,
    ['`'] = PRINTABLE,
    ['a' ... 'z'] = PRINTABLE | FIRST | IN_KEY,
    ['{' ... '}'] = PRINTABLE,
    ['~'] = PRINTABLE | FIRST,
};

static bool is(char c, uint8_t class)
{
    return byte_class[(uint8_t)c] & class;
}

static ptrdiff_t column(const struct reader *r)
{
    return r->at - r->line_start;
}

/* A blank, or the end of the line. */
static bool ends_word(const struct reader *r, const char *p)
{
    return p == r->end || *p == ' ' || *p == '\n';
}

static void skip_spaces(struct reader *r)
{
    while (r->at < r->end && *r->at == ' ')
        r->at++;
}

/* Passes blanks and a comment. False when something else is left of the line. */
static bool pass_rest(struct reader *r)
{
    const char *begin = r->at;
    skip_spaces(r);
    if (r->at < r->end && *r->at == '#' && (r->at > begin || r->at == r->line_start)) {
        while (r->at < r->end && is(*r->at, PRINTABLE))
            r->at++;
    }
    return r->at == r->end || *r->at == '\n';
}

/* Goes from the end of one line's content to the begin of the next one's. */
static bool next_line(struct reader *r)
{
    do {
        if (!pass_rest(r)) return false;
        if (r->at == r->end) {
            r->indent = -1;
            return true;
        }
        r->line_start = ++r->at;
        r->line++;
        skip_spaces(r);
    } while (r->at == r->end || *r->at == '\n' || *r->at == '#');
    r->indent = column(r);
    str rest = str_from(r->at, (size_t)(r->end - r->at));
    return r->indent > 0 || !(str_starts(rest, STR("---")) || str_starts(rest, STR("...")));
}

static node *new_node(struct reader *r, enum node_kind kind, enum node_style style, uint32_t line)
{
    node *n = arena_alloc(r->arena, sizeof *n);
    *n = (node){.kind = (uint8_t)kind, .style = (uint8_t)style, .line = line};
    return n;
}

/* ------------------------------------------------------------------ scalars */

static bool read_quoted(struct reader *r, node **out)
{
    char quote = *r->at;
    const char *begin = r->at + 1, *p = begin;
    while (p < r->end && *p != quote && *p != '\\' && is(*p, PRINTABLE))
        p++;
    if (p == r->end || *p != quote || !ends_word(r, p + 1)) return false;
    node *n = new_node(r, NODE_STR, quote == '"' ? NODE_DOUBLE : NODE_SINGLE, r->line);
    n->text = str_from(begin, (size_t)(p - begin));
    r->at = p + 1;
    *out = n;
    return true;
}

static bool read_plain(struct reader *r, node **out)
{
    const char *begin = r->at, *p = begin, *last = begin;
    bool minus = *p == '-' && p + 1 < r->end && is(p[1], FIRST);
    if (!minus && !is(*p, FIRST)) return false;
    for (; p < r->end && is(*p, PRINTABLE); p++) {
        if (*p == ':' && ends_word(r, p + 1)) return false;
        if (*p == '#' && p[-1] == ' ') break;
        if (*p != ' ') last = p + 1;
    }
    bool is_time;
    node *n = new_node(r, NODE_STR, NODE_PLAIN, r->line);
    n->text = str_from(begin, (size_t)(last - begin));
    n->kind = (uint8_t)yaml_resolve(n->text, r->options.dialect, &is_time);
    n->time = is_time;
    r->at = last;
    *out = n;
    return true;
}

/* "{}" or "[]": the only collections with braces and brackets that are read here. */
static bool read_empty(struct reader *r, node **out)
{
    bool map = *r->at == '{';
    if (r->end - r->at < 2 || r->at[1] != (map ? '}' : ']') || !ends_word(r, r->at + 2))
        return false;
    r->at += 2;
    *out = new_node(r, map ? NODE_MAP : NODE_LIST, NODE_FLOW, r->line);
    return true;
}

/* What stands on one line; `indent` is that of the collection it belongs to. A line that is
 * indented further goes on with the text. */
static bool read_scalar(struct reader *r, ptrdiff_t indent, node **out)
{
    char c = *r->at;
    bool read = c == '"' || c == '\''  ? read_quoted(r, out)
                : c == '{' || c == '[' ? read_empty(r, out)
                                       : read_plain(r, out);
    return read && next_line(r) && r->indent <= indent;
}

/* ------------------------------------------------------------------ collections */

/* The key that begins here, up to its colon; an empty text when there is none. */
static str find_key(const struct reader *r)
{
    const char *p = r->at;
    if (p == r->end || *p == '-') return (str){0};
    while (p < r->end && is(*p, IN_KEY))
        p++;
    bool colon = p < r->end && *p == ':' && ends_word(r, p + 1);
    return str_from(r->at, colon ? (size_t)(p - r->at) : 0);
}

static bool is_dash(const struct reader *r)
{
    return r->at < r->end && *r->at == '-' && ends_word(r, r->at + 1);
}

static bool read_map(struct reader *r, node **out);
static bool read_list(struct reader *r, node **out);

/* The value of a key that stands alone on its line. */
static bool read_below(struct reader *r, ptrdiff_t indent, node **out)
{
    uint32_t line = r->line;
    if (!next_line(r)) return false;
    if (r->indent >= indent && is_dash(r)) return read_list(r, out);
    if (r->indent > indent) return read_map(r, out);
    *out = new_node(r, NODE_NULL, NODE_PLAIN, line);
    return true;
}

static bool read_pair(struct reader *r, ptrdiff_t indent)
{
    bool is_time;
    str key = find_key(r);
    if (key.len == 0 || key.len > KEY_BYTES_MAX) return false;
    if (yaml_resolve(key, r->options.dialect, &is_time) != NODE_STR || is_time) return false;

    size_t slot = r->count;
    *ARENA_PUSH(&r->scratch, r->stack, r->count, r->room) =
        (struct node_pair){.key = key, .key_kind = NODE_STR, .line = r->line};
    node *value = NULL;
    r->at += key.len + 1;
    skip_spaces(r);
    bool alone = r->at == r->end || *r->at == '\n' || *r->at == '#';
    if (!(alone ? read_below(r, indent, &value) : read_scalar(r, indent, &value))) return false;
    r->stack[slot].value = value;
    return true;
}

/* Repeated keys are for libyaml's reader when anything depends on them. */
static bool has_twins(struct reader *r, const node *map)
{
    uint32_t first, second;
    return (r->options.dup_error || r->options.last_wins) &&
           node_find_twins(&r->scratch, map, &first, &second);
}

static bool read_map(struct reader *r, node **out)
{
    if (++r->depth > DEPTH_MAX) return false;
    node *map = new_node(r, NODE_MAP, NODE_PLAIN, r->line);
    ptrdiff_t indent = column(r);
    size_t base = r->count;
    do {
        if (!read_pair(r, indent)) return false;
    } while (r->indent == indent);
    if (r->indent > indent) return false;

    map->count = map->room = (uint32_t)(r->count - base);
    map->pairs = r->stack + base;
    if (has_twins(r, map)) return false;
    size_t bytes = map->count * sizeof *map->pairs;
    map->pairs = memcpy(arena_alloc(r->arena, bytes), map->pairs, bytes);
    r->count = base;
    r->depth--;
    *out = map;
    return true;
}

static bool read_item(struct reader *r, ptrdiff_t indent, node **out)
{
    r->at++;
    skip_spaces(r);
    if (r->at == r->end || *r->at == '\n') return false;
    return find_key(r).len ? read_map(r, out) : read_scalar(r, indent, out);
}

static bool read_list(struct reader *r, node **out)
{
    if (++r->depth > DEPTH_MAX) return false;
    node *list = new_node(r, NODE_LIST, NODE_PLAIN, r->line);
    ptrdiff_t indent = column(r);
    size_t base = r->count;
    do {
        node *item = NULL;
        if (!read_item(r, indent, &item)) return false;
        *ARENA_PUSH(&r->scratch, r->stack, r->count, r->room) = (struct node_pair){.value = item};
    } while (r->indent == indent && is_dash(r));
    if (r->indent > indent) return false;

    list->count = list->room = (uint32_t)(r->count - base);
    list->items = arena_alloc(r->arena, list->count * sizeof *list->items);
    for (uint32_t i = 0; i < list->count; i++)
        list->items[i] = r->stack[base + i].value;
    r->count = base;
    r->depth--;
    *out = list;
    return true;
}

/* Comments and empty lines may come first. */
static bool read_document(struct reader *r, node **out)
{
    skip_spaces(r);
    if (r->at < r->end && *r->at != '\n' && *r->at != '#')
        r->indent = column(r);
    else if (!next_line(r))
        return false;
    return r->indent == 0 && read_map(r, out) && r->indent < 0;
}

bool yaml_block_read(arena *a, str text, struct yaml_options options, node **out)
{
    if (!options.borrow) text = str_dup(a, text);
    struct reader r = {.arena = a, .options = options, .line = 1};
    if (str_strip_prefix(&text, STR("---\n"))) r.line++;
    r.at = r.line_start = text.data;
    r.end = text.data + text.len;
    node *root = NULL;
    bool read = read_document(&r, &root);
    arena_done(&r.scratch);
    if (read) *out = root;
    return read;
}
