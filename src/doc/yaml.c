#include "doc/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/b64.h"
#include "base/limits.h"
#include "base/map.h"
#include "doc/number.h"
#include "doc/plain.h"
#include "doc/timestamp.h"
#include "doc/yaml_block.h"

/* ------------------------------------------------------------------ what a plain scalar means */

static const struct word {
    str text;
    uint8_t kind;
    bool only_v2;
} words[] = {
#define WORD(text, ...)                                                                            \
    {                                                                                              \
        {text, sizeof(text) - 1}, __VA_ARGS__                                                      \
    }
    WORD("true", NODE_BOOL),      WORD("True", NODE_BOOL),      WORD("TRUE", NODE_BOOL),
    WORD("false", NODE_BOOL),     WORD("False", NODE_BOOL),     WORD("FALSE", NODE_BOOL),
    WORD("~", NODE_NULL),         WORD("null", NODE_NULL),      WORD("Null", NODE_NULL),
    WORD("NULL", NODE_NULL),      WORD(".nan", NODE_FLOAT),     WORD(".NaN", NODE_FLOAT),
    WORD(".NAN", NODE_FLOAT),     WORD(".inf", NODE_FLOAT),     WORD(".Inf", NODE_FLOAT),
    WORD(".INF", NODE_FLOAT),     WORD("+.inf", NODE_FLOAT),    WORD("+.Inf", NODE_FLOAT),
    WORD("+.INF", NODE_FLOAT),    WORD("-.inf", NODE_FLOAT),    WORD("-.Inf", NODE_FLOAT),
    WORD("-.INF", NODE_FLOAT),    WORD("y", NODE_BOOL, true),   WORD("Y", NODE_BOOL, true),
    WORD("yes", NODE_BOOL, true), WORD("Yes", NODE_BOOL, true), WORD("YES", NODE_BOOL, true),
    WORD("n", NODE_BOOL, true),   WORD("N", NODE_BOOL, true),   WORD("no", NODE_BOOL, true),
    WORD("No", NODE_BOOL, true),  WORD("NO", NODE_BOOL, true),  WORD("on", NODE_BOOL, true),
    WORD("On", NODE_BOOL, true),  WORD("ON", NODE_BOOL, true),  WORD("off", NODE_BOOL, true),
    WORD("Off", NODE_BOOL, true), WORD("OFF", NODE_BOOL, true),
#undef WORD
};

/* What the first character of a plain scalar leaves open. */
enum { TEXT, MAYBE_WORD, MAYBE_NUMBER };
static const uint8_t first_class[256] = {
    ['~'] = MAYBE_WORD,   ['n'] = MAYBE_WORD,           ['N'] = MAYBE_WORD,   ['t'] = MAYBE_WORD,
    ['T'] = MAYBE_WORD,   ['f'] = MAYBE_WORD,           ['F'] = MAYBE_WORD,   ['y'] = MAYBE_WORD,
    ['Y'] = MAYBE_WORD,   ['o'] = MAYBE_WORD,           ['O'] = MAYBE_WORD,   ['.'] = MAYBE_NUMBER,
    ['+'] = MAYBE_NUMBER, ['0' ... '9'] = MAYBE_NUMBER, ['-'] = MAYBE_NUMBER,
};

static const struct word *word_of(str text)
{
    if (text.len > 5) return NULL;
    for (size_t i = 0; i < COUNT(words); i++) {
        const struct word *word = &words[i];
        if (word->text.data[0] == text.data[0] && str_eq(word->text, text)) return word;
    }
    return NULL;
}

enum node_kind yaml_resolve(str plain, enum yaml_dialect dialect, bool *time_out)
{
    *time_out = false;
    if (plain.len == 0) return NODE_NULL;
    uint8_t class = first_class[(uint8_t)plain.data[0]];
    if (class == TEXT) return NODE_STR;
    const struct word *word = word_of(plain);
    if (word && (!word->only_v2 || dialect == YAML_V2)) return word->kind;
    if (class == MAYBE_WORD) return NODE_STR;
    if (timestamp_is(plain)) {
        *time_out = dialect == YAML_V3;
        return NODE_STR;
    }
    if (number_is_integer(plain, dialect == YAML_V3)) return NODE_INT;
    return number_is_float(plain) ? NODE_FLOAT : NODE_STR;
}

/* ------------------------------------------------------------------ events to nodes */

struct anchor {
    node *node;
    uint32_t size, height; /* nodes below and with it; levels of collections */
    bool open;             /* its collection has not ended yet */
};

/* A collection that has not ended. Its children wait on the stack of the builder. */
struct frame {
    node *node;
    struct anchor *anchor;
    size_t base;          /* of its children on the stack */
    uint32_t size_before; /* nodes that came before it */
    uint32_t height;
    bool has_key; /* the last pair on the stack waits for its value */
    bool merges;  /* one of its keys is a merge key */
};

/* A merge key is kept apart from the texts until its map ends. */
enum { KEY_MERGE = 0xff };

struct builder {
    yaml_parser_t parser;
    arena *arena, scratch;
    struct yaml_options options;
    struct map anchors; /* name to struct anchor; of one document */
    struct frame frames[LIMIT_DOC_DEPTH];
    uint32_t depth;
    struct node_pair *stack;
    size_t count, room;
    uint32_t size, expanded; /* nodes so far, and how many of them came from aliases */
    uint32_t line;           /* of the event at hand */
    node *root;
    bool open_end;        /* the document ended without a mark */
    bool over;            /* an error stands that nothing further down can go before */
    const char *at, *end; /* the character with the index in the text; NULL: no need to know */
    size_t index;
};

/* The line that go-yaml names: that of the context or else of the problem, and the other way round
 * in v2. Marks count from 0, and only for errors of the scanner does it make up for that. */
static err *syntax_error(const struct builder *b, size_t context, size_t problem, bool scanner,
                         const char *what)
{
    size_t line = 0;
    if (b->options.dialect == YAML_V2)
        line = problem ? problem + scanner : context;
    else if (context || problem)
        line = (context ? context : problem) + scanner;
    if (line == 0) return err_invalid("yaml: %s", what);
    return err_invalid("yaml: line %zu: %s", line, what);
}

static err *parse_error(const struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    return syntax_error(b, p->context_mark.line, p->problem_mark.line,
                        p->error == YAML_SCANNER_ERROR,
                        p->problem ? p->problem : "unknown problem parsing YAML content");
}

static err *at_once(struct builder *b, err *e)
{
    b->over = true;
    return e;
}

static str text_of(const yaml_char_t *text)
{
    return str_of((const char *)text);
}

/* ---- scalars */

static const struct tag {
    const char *name;
    enum {
        TAG_STR,
        TAG_BOOL,
        TAG_INT,
        TAG_FLOAT,
        TAG_NULL,
        TAG_TIMESTAMP,
        TAG_BINARY,
        TAG_MERGE
    } is;
} tags[] = {
    {"str", TAG_STR},   {"bool", TAG_BOOL},           {"int", TAG_INT},       {"float", TAG_FLOAT},
    {"null", TAG_NULL}, {"timestamp", TAG_TIMESTAMP}, {"binary", TAG_BINARY}, {"merge", TAG_MERGE},
};

static const struct tag *known_tag(str tag)
{
    if (!str_strip_prefix(&tag, STR("tag:yaml.org,2002:"))) return NULL;
    for (size_t i = 0; i < COUNT(tags); i++) {
        if (str_is(tag, tags[i].name)) return &tags[i];
    }
    return NULL;
}

static err *decode_binary(const struct builder *b, node *n)
{
    err *e = b64_decode(b->arena, n->text, &n->text);
    if (!e) return NULL;
    err_free(e);
    return err_invalid("yaml: line %u: !!binary value contains invalid base64 data", b->line);
}

static const char *name_of(enum node_kind kind, bool time)
{
    static const char *const names[] = {"null", "bool", "int", "float", "str"};
    return time ? "timestamp" : names[kind];
}

/* The kind under an explicit tag. What has another tag than those of the table is a text. */
static err *apply_tag(const struct builder *b, str tag_text, node *n)
{
    n->tagged = true;
    n->kind = NODE_STR;
    const struct tag *tag = known_tag(tag_text);
    if (!tag || tag->is == TAG_STR || tag->is == TAG_MERGE) return NULL;
    if (tag->is == TAG_BINARY) return decode_binary(b, n);

    bool is_time;
    enum node_kind kind = yaml_resolve(n->text, b->options.dialect, &is_time);
    if (tag->is == TAG_FLOAT && kind == NODE_INT) {
        n->kind = number_is_json(n->text) ? NODE_FLOAT : NODE_INT;
        return NULL;
    }
    if (tag->is == TAG_TIMESTAMP && timestamp_is(n->text)) {
        n->time = b->options.dialect == YAML_V3;
        return NULL;
    }
    static const enum node_kind wanted[] = {
        [TAG_BOOL] = NODE_BOOL, [TAG_INT] = NODE_INT,       [TAG_FLOAT] = NODE_FLOAT,
        [TAG_NULL] = NODE_NULL, [TAG_TIMESTAMP] = NODE_MAP,
    };
    n->kind = (uint8_t)kind;
    if (kind == wanted[tag->is]) return NULL;
    return err_invalid("yaml: line %u: cannot decode a !!%s as a !!%s", b->line,
                       name_of(kind, is_time), tag->name);
}

static const uint8_t scalar_styles[] = {
    [YAML_ANY_SCALAR_STYLE] = NODE_PLAIN,
    [YAML_PLAIN_SCALAR_STYLE] = NODE_PLAIN,
    [YAML_SINGLE_QUOTED_SCALAR_STYLE] = NODE_SINGLE,
    [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = NODE_DOUBLE,
    [YAML_LITERAL_SCALAR_STYLE] = NODE_LITERAL,
    [YAML_FOLDED_SCALAR_STYLE] = NODE_FOLDED,
};

/* Where a character is. Marks come in order, so the whole text is passed once. */
static const char *seek(struct builder *b, size_t index)
{
    for (; b->index < index && b->at < b->end; b->index++) {
        do {
            b->at++;
        } while (b->at < b->end && (*b->at & 0xc0) == 0x80);
    }
    return b->at;
}

/* compat: libyaml takes the escape "\/" of JSON, which go-yaml refuses. */
static err *check_escapes(struct builder *b, const yaml_event_t *event)
{
    const char *p = seek(b, event->start_mark.index), *end = seek(b, event->end_mark.index);
    size_t line = event->start_mark.line;
    for (; p + 1 < end; p++) {
        if (*p == '\n') line++;
        if (*p != '\\') continue;
        if (*++p != '/') continue;
        return at_once(b, syntax_error(b, event->start_mark.line, line, true,
                                       "found unknown escape character"));
    }
    return NULL;
}

static err *read_scalar(const struct builder *b, const yaml_event_t *event, node *n)
{
    *n =
        (node){.kind = NODE_STR, .style = scalar_styles[event->data.scalar.style], .line = b->line};
    n->text = str_dup(b->arena,
                      str_from((const char *)event->data.scalar.value, event->data.scalar.length));
    if (event->data.scalar.tag) return apply_tag(b, text_of(event->data.scalar.tag), n);
    if (n->style != NODE_PLAIN) return NULL;
    bool is_time;
    n->kind = (uint8_t)yaml_resolve(n->text, b->options.dialect, &is_time);
    n->time = is_time;
    return NULL;
}

/* ---- keys */

static bool is_merge_key(const node *key)
{
    return key->kind == NODE_STR && key->style == NODE_PLAIN && str_is(key->text, "<<");
}

/* The text that a key of another kind has in JSON. */
static err *key_text(const struct builder *b, const node *key, str *out)
{
    bool truth;
    struct number number;
    buf text = BUF(b->arena);
    if (node_to_bool(key, &truth)) {
        *out = truth ? STR("true") : STR("false");
        return NULL;
    }
    if (key->kind == NODE_NULL) {
        return err_invalid("yaml: line %u: null is not supported as a map key", b->line);
    }
    number_read(key->text, key->kind == NODE_INT, &number);
    if (number_write(&text, &number))
        *out = buf_str(&text);
    else
        *out = number.class == NUMBER_NAN ? STR(".nan")
               : number.negative          ? STR("-.inf")
                                          : STR(".inf");
    return NULL;
}

static err *take_key(struct builder *b, struct frame *frame, const node *key)
{
    if (!node_is_scalar(key)) {
        return err_invalid("yaml: line %u: invalid map key: a map or a list cannot be a key",
                           b->line);
    }
    struct node_pair pair = {.key = key->text,
                             .key_kind = key->kind,
                             .key_style = key->style,
                             .key_time = key->time,
                             .line = b->line};
    if (is_merge_key(key)) {
        pair.key_kind = KEY_MERGE;
        frame->merges = true;
    } else if (key->kind != NODE_STR && b->options.dialect == YAML_V2) {
        TRY(key_text(b, key, &pair.key));
        pair.key_kind = NODE_STR;
    }
    *ARENA_PUSH(&b->scratch, b->stack, b->count, b->room) = pair;
    frame->has_key = true;
    return NULL;
}

/* ---- maps at their end */

struct pairs {
    struct node_pair *data;
    size_t count, room;
};

static void add_pairs(struct builder *b, struct pairs *out, const node *map)
{
    PAIR_EACH (map, pair)
        *ARENA_PUSH(&b->scratch, out->data, out->count, out->room) = *pair;
}

/* Of several maps the first has the last word, so it comes last. */
static err *add_merged(struct builder *b, struct pairs *out, const struct node_pair *merge)
{
    const node *value = merge->value;
    bool fits = node_is_map(value) || node_is_list(value);
    NODE_EACH (value, item)
        fits = fits && node_is_map(item);
    if (!fits) {
        return err_invalid("yaml: line %u: map merge requires map or sequence of maps as the value",
                           merge->line);
    }
    if (node_is_map(value))
        add_pairs(b, out, value);
    else
        for (uint32_t i = value->count; i > 0; i--)
            add_pairs(b, out, value->items[i - 1]);
    return NULL;
}

/* Puts the pairs in an order in which the last of equal keys is the one that counts. v3 lets the
 * pairs of the map itself win; v2 takes everything in the order of the text. */
static err *merge(struct builder *b, node *map)
{
    bool in_place = b->options.dialect == YAML_V2;
    struct pairs out = {0};
    for (uint32_t i = map->count; i > 0 && !in_place; i--) {
        if (map->pairs[i - 1].key_kind == KEY_MERGE) TRY(add_merged(b, &out, &map->pairs[i - 1]));
    }
    PAIR_EACH (map, pair) {
        if (pair->key_kind != KEY_MERGE)
            *ARENA_PUSH(&b->scratch, out.data, out.count, out.room) = *pair;
        else if (in_place)
            TRY(add_merged(b, &out, pair));
    }
    must(out.count < UINT32_MAX);
    map->pairs = out.data;
    map->count = (uint32_t)out.count;
    node_keep_last(&b->scratch, map);
    return NULL;
}

static err *finish_map(struct builder *b, const struct frame *frame)
{
    node *map = frame->node;
    map->count = (uint32_t)(b->count - frame->base);
    if (map->count == 0) return NULL;
    map->pairs = b->stack + frame->base;
    uint32_t first, second;
    if (b->options.dup_error && node_find_twins(&b->scratch, map, &first, &second)) {
        return plain_repeated(&map->pairs[first], &map->pairs[second]);
    }
    if (frame->merges)
        TRY(merge(b, map));
    else if (b->options.last_wins)
        node_keep_last(&b->scratch, map);
    size_t bytes = map->count * sizeof *map->pairs;
    map->pairs = bytes ? memcpy(arena_alloc(b->arena, bytes), map->pairs, bytes) : NULL;
    map->room = map->count;
    return NULL;
}

static void finish_list(struct builder *b, const struct frame *frame)
{
    node *list = frame->node;
    list->count = list->room = (uint32_t)(b->count - frame->base);
    list->items = list->count ? arena_alloc(b->arena, list->count * sizeof *list->items) : NULL;
    for (uint32_t i = 0; i < list->count; i++)
        list->items[i] = b->stack[frame->base + i].value;
}

/* ---- one event */

static bool expects_key(const struct builder *b)
{
    const struct frame *frame = b->depth ? &b->frames[b->depth - 1] : NULL;
    return frame && frame->node->kind == NODE_MAP && !frame->has_key;
}

/* Puts a complete node where it belongs. */
static err *deliver(struct builder *b, node *n, uint32_t height)
{
    if (b->depth == 0) {
        b->root = n;
        return NULL;
    }
    struct frame *frame = &b->frames[b->depth - 1];
    frame->height = MAX(frame->height, height + 1);
    if (expects_key(b)) return take_key(b, frame, n);
    if (frame->node->kind == NODE_LIST) {
        *ARENA_PUSH(&b->scratch, b->stack, b->count, b->room) = (struct node_pair){.value = n};
        return NULL;
    }
    b->stack[b->count - 1].value = n;
    frame->has_key = false;
    return NULL;
}

static struct anchor *add_anchor(struct builder *b, const yaml_char_t *name, node *n)
{
    if (!name) return NULL;
    struct anchor *anchor = NEW(&b->scratch, struct anchor);
    *anchor = (struct anchor){.node = n, .size = 1};
    map_put(&b->anchors, text_of(name), anchor);
    return anchor;
}

static err *too_deep(struct builder *b)
{
    return at_once(b, err_invalid("yaml: line %u: nested deeper than the limit of %d levels",
                                  b->line, LIMIT_DOC_DEPTH));
}

static err *take_alias(struct builder *b, const yaml_event_t *event)
{
    str name = text_of(event->data.alias.anchor);
    const struct anchor *anchor = map_get(&b->anchors, name);
    if (!anchor) {
        return at_once(b,
                       err_invalid("yaml: unknown anchor '" STR_FMT "' referenced", STR_ARG(name)));
    }
    if (anchor->open) {
        return err_invalid("yaml: anchor '" STR_FMT "' value contains itself", STR_ARG(name));
    }
    if (b->depth + anchor->height > LIMIT_DOC_DEPTH) return too_deep(b);
    uint64_t written = b->size - b->expanded, expanded = (uint64_t)b->expanded + anchor->size;
    if (expanded > written * LIMIT_YAML_ALIAS_FACTOR + LIMIT_YAML_ALIAS_FREE_NODES) {
        return at_once(b,
                       err_invalid("yaml: line %u: document contains excessive aliasing: aliases "
                                   "may add %d nodes, and %d for each that is written",
                                   b->line, LIMIT_YAML_ALIAS_FREE_NODES, LIMIT_YAML_ALIAS_FACTOR));
    }
    b->size += anchor->size;
    b->expanded += anchor->size;
    return deliver(b, doc_copy_tree(b->arena, anchor->node), anchor->height);
}

static err *take_scalar(struct builder *b, const yaml_event_t *event)
{
    if (b->at && event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE) {
        TRY(check_escapes(b, event));
    }
    node key, *n = &key; /* of a key only the pair keeps anything, unless aliases refer to it */
    if (!expects_key(b) || event->data.scalar.anchor) n = arena_alloc(b->arena, sizeof *n);
    TRY(read_scalar(b, event, n));
    b->size++;
    add_anchor(b, event->data.scalar.anchor, n);
    return deliver(b, n, 0);
}

static err *take_start(struct builder *b, enum node_kind kind, const yaml_char_t *anchor, bool flow)
{
    if (b->depth == LIMIT_DOC_DEPTH) return too_deep(b);
    node *n = arena_alloc(b->arena, sizeof *n);
    *n = (node){.kind = (uint8_t)kind, .style = flow ? NODE_FLOW : NODE_PLAIN, .line = b->line};
    struct frame *frame = &b->frames[b->depth++];
    *frame = (struct frame){.node = n, .base = b->count, .size_before = b->size++, .height = 1};
    frame->anchor = add_anchor(b, anchor, n);
    if (frame->anchor) frame->anchor->open = true;
    return NULL;
}

static err *take_end(struct builder *b)
{
    struct frame *frame = &b->frames[b->depth - 1];
    if (frame->node->kind == NODE_MAP)
        TRY(finish_map(b, frame));
    else
        finish_list(b, frame);
    b->count = frame->base;
    b->depth--;
    if (frame->anchor) {
        frame->anchor->open = false;
        frame->anchor->size = b->size - frame->size_before;
        frame->anchor->height = frame->height;
    }
    return deliver(b, frame->node, frame->height);
}

static err *take(struct builder *b, const yaml_event_t *event)
{
    b->line = (uint32_t)event->start_mark.line + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(b, event);
    case YAML_ALIAS_EVENT:
        return take_alias(b, event);
    case YAML_MAPPING_START_EVENT:
        return take_start(b, NODE_MAP, event->data.mapping_start.anchor,
                          event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
    case YAML_SEQUENCE_START_EVENT:
        return take_start(b, NODE_LIST, event->data.sequence_start.anchor,
                          event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return take_end(b);
    default:
        return NULL;
    }
}

/* Behind an error nothing is built, but depth still counts: it is what libyaml's work depends on.
 */
static void pass(struct builder *b, yaml_event_type_t type)
{
    if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
        b->over = ++b->depth > LIMIT_DOC_DEPTH;
    } else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT) {
        b->depth--;
    }
}

/* The next event goes to take() unless there is an error already: what is wrong with the syntax
 * further down is said first, as go-yaml does, which reads before it looks. */
static err *next_event(struct builder *b, err *before, yaml_event_t *out)
{
    if (!yaml_parser_parse(&b->parser, out)) {
        err_free(before);
        return at_once(b, parse_error(b));
    }
    if (!before) return take(b, out);
    pass(b, out->type);
    return before;
}

/* The next document, or NULL at the end of the stream. */
static err *next_document(struct builder *b, node **out)
{
    b->root = NULL;
    b->size = b->expanded = 0;
    map_clear(&b->anchors);
    err *e = NULL;
    for (bool more = true; more;) {
        yaml_event_t event = {0};
        e = next_event(b, e, &event);
        b->open_end = event.type == YAML_DOCUMENT_END_EVENT && event.data.document_end.implicit;
        more = !b->over && event.type != YAML_DOCUMENT_END_EVENT &&
               event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    *out = b->root;
    return e;
}

/* Behind a document that nothing ended there has to be another one, or the end. Without this look
 * a line that is indented less than the first would quietly cut the document off. */
static err *check_end(struct builder *b)
{
    if (!b->open_end) return NULL;
    yaml_event_t event;
    if (!yaml_parser_parse(&b->parser, &event)) return parse_error(b);
    yaml_event_delete(&event);
    return NULL;
}

static void done(struct builder *b)
{
    yaml_parser_delete(&b->parser);
    map_done(&b->anchors);
    arena_done(&b->scratch);
}

/* A line that begins with '%' is taken for a directive, wherever it stands. */
static bool has_many_directives(str text)
{
    ptrdiff_t at;
    for (size_t count = 0; (at = str_find(text, STR("\n%"))) >= 0; count++) {
        if (count == LIMIT_YAML_DIRECTIVES) return true;
        text = str_skip(text, (size_t)at + 2);
    }
    return false;
}

static err *start(arena *a, str text, struct yaml_options options, struct builder *b)
{
    if (text.len > LIMIT_DOC_BYTES) {
        return err_invalid("yaml: text is larger than the limit of %u bytes", LIMIT_DOC_BYTES);
    }
    if (has_many_directives(text)) {
        return err_invalid("yaml: more lines begin with '%%' than the limit of %d",
                           LIMIT_YAML_DIRECTIVES);
    }
    must(yaml_parser_initialize(&b->parser));
    b->arena = a;
    b->options = options;
    if (str_find(text, STR("\\/")) >= 0) {
        b->at = text.data + 3 * str_starts(text, STR("\xef\xbb\xbf"));
        b->end = text.data + text.len;
    }
    yaml_parser_set_input_string(&b->parser, (const yaml_char_t *)(text.len ? text.data : "\n"),
                                 text.len ? text.len : 1);
    return NULL;
}

err *yaml_parse(arena *a, str text, struct yaml_options options, node **out)
{
    if (!options.no_block && text.len <= LIMIT_DOC_BYTES &&
        yaml_block_read(a, text, options, out)) {
        return NULL;
    }
    struct builder b AUTO(done) = {0};
    node *root = NULL;
    TRY(start(a, text, options, &b));
    TRY(next_document(&b, &root));
    TRY(check_end(&b));
    *out = root ? root : node_null(a);
    return NULL;
}

err *yaml_parse_all(arena *a, str text, struct yaml_options options, node ***out, size_t *count_out)
{
    struct builder b AUTO(done) = {0};
    TRY(start(a, text, options, &b));
    node **documents = NULL;
    size_t count = 0, room = 0;
    for (;;) {
        node *root = NULL;
        TRY(next_document(&b, &root));
        if (!root) break;
        if (root->kind != NODE_NULL) *ARENA_PUSH(a, documents, count, room) = root;
    }
    *out = documents;
    *count_out = count;
    return NULL;
}
