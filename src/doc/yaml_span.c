#include "doc/yaml_span.h"

#include <string.h>
#include <yaml.h>

#include "doc/yaml.h"

#define BOM "\xef\xbb\xbf"

struct level {
    const struct yaml_place *place;
    str key;      /* of the pair at hand */
    bool has_key; /* the next node of a map is a value */
};

struct lister {
    yaml_parser_t parser;
    arena *a;
    str text;
    size_t at, index; /* the byte of the character that counts `index` */
    struct level levels[LIMIT_DOC_DEPTH];
    size_t depth;
    struct yaml_spans *out;
    size_t room;
};

static void done(struct lister *l)
{
    yaml_parser_delete(&l->parser);
}

/* libyaml counts characters; its marks come in order but for those of empty scalars. */
static size_t byte_of(struct lister *l, size_t index)
{
    if (index < l->index) {
        l->index = 0;
        l->at = str_starts(l->text, STR(BOM)) ? sizeof BOM - 1 : 0;
    }
    for (; l->index < index && l->at < l->text.len; l->index++) {
        do {
            l->at++;
        } while (l->at < l->text.len && (l->text.data[l->at] & 0xc0) == 0x80);
    }
    return l->at;
}

static str copy_of(const struct lister *l, const yaml_char_t *text, size_t len)
{
    return text ? str_dup(l->a, str_from((const char *)text, len)) : (str){0};
}

/* Behind anchor and tag, which libyaml takes for a part of the scalar. */
static size_t skip_properties(str text, size_t from, size_t to)
{
    while (from < to) {
        char c = text.data[from];
        if (str_has_char(STR(" \t\r\n"), c)) {
            from++;
        } else if (c == '#') {
            while (from < to && text.data[from] != '\n')
                from++;
        } else if (c == '&' || c == '!') {
            while (from < to && !str_has_char(STR(" \t\r\n"), text.data[from]))
                from++;
        } else {
            break;
        }
    }
    return from;
}

static struct level *top(struct lister *l)
{
    return l->depth ? &l->levels[l->depth - 1] : NULL;
}

/* The role of the node that comes now, and what its parent has to remember of it. */
static enum yaml_role take_role(struct lister *l, str *key_out)
{
    struct level *level = top(l);
    *key_out = (str){0};
    if (!level) return YAML_ROOT;
    if (!level->place->is_map) return YAML_ITEM;
    level->has_key = !level->has_key;
    if (level->has_key) return YAML_KEY;
    *key_out = level->key;
    level->key = (str){0};
    return YAML_VALUE;
}

static enum node_style style_of(yaml_scalar_style_t style)
{
    static const enum node_style styles[] = {
        [YAML_SINGLE_QUOTED_SCALAR_STYLE] = NODE_SINGLE,
        [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = NODE_DOUBLE,
        [YAML_LITERAL_SCALAR_STYLE] = NODE_LITERAL,
        [YAML_FOLDED_SCALAR_STYLE] = NODE_FOLDED,
        [YAML_PLAIN_SCALAR_STYLE] = NODE_PLAIN,
    };
    return styles[style];
}

static void take_scalar(struct lister *l, const yaml_event_t *event)
{
    struct yaml_span span = {.document = l->out->document_count - 1,
                             .style = style_of(event->data.scalar.style)};
    span.role = take_role(l, &span.key);
    span.from = byte_of(l, event->start_mark.index);
    span.to = byte_of(l, event->end_mark.index);
    if (event->data.scalar.anchor || event->data.scalar.tag)
        span.from = skip_properties(l->text, span.from, span.to);
    span.value = copy_of(l, event->data.scalar.value, event->data.scalar.length);
    span.tag = str_dup(l->a, str_of((const char *)event->data.scalar.tag));
    struct level *level = top(l);
    if (level) span.in = level->place;
    if (span.role == YAML_KEY) level->key = span.value;
    *ARENA_PUSH(l->a, l->out->items, l->out->count, l->room) = span;
}

static void take_start(struct lister *l, bool is_map, bool is_flow)
{
    struct yaml_place *place = NEW(l->a, struct yaml_place);
    const struct level *level = top(l);
    *place = (struct yaml_place){.parent = level ? level->place : NULL,
                                 .is_map = is_map,
                                 .is_flow = is_flow,
                                 .document = l->out->document_count - 1,
                                 .index = l->out->place_count++};
    take_role(l, &place->key);
    must(l->depth < LIMIT_DOC_DEPTH); /* yaml_parse_all has looked */
    l->levels[l->depth++] = (struct level){.place = place};
}

static void take(struct lister *l, const yaml_event_t *event)
{
    str key;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        l->out->document_count++;
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(l, event);
        break;
    case YAML_ALIAS_EVENT:
        take_role(l, &key);
        break;
    case YAML_MAPPING_START_EVENT:
        take_start(l, true, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
        break;
    case YAML_SEQUENCE_START_EVENT:
        take_start(l, false, event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        l->depth--;
        break;
    default:
        break;
    }
}

static err *list(struct lister *l)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&l->parser, &event)) {
            return err_invalid("yaml: line %zu: %s", l->parser.problem_mark.line + 1,
                               l->parser.problem ? l->parser.problem : "not readable");
        }
        take(l, &event);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return NULL;
}

err *yaml_span_list(arena *a, str text, struct yaml_spans *out)
{
    arena scratch AUTO(arena_done) = {0};
    node **documents;
    size_t count;
    if (text.len > LIMIT_SPAN_BYTES) {
        return err_invalid("yaml: text is larger than the limit of %zu bytes", LIMIT_SPAN_BYTES);
    }
    if (!str_valid_utf8(text)) return err_invalid("yaml: text is not UTF-8");
    TRY(yaml_parse_all(&scratch, text, (struct yaml_options){0}, &documents, &count));

    struct lister lister AUTO(done) = {.a = a, .text = text, .out = out};
    *out = (struct yaml_spans){0};
    must(yaml_parser_initialize(&lister.parser));
    str_strip_prefix(&text, STR(BOM));
    lister.at = lister.text.len - text.len;
    yaml_parser_set_encoding(&lister.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&lister.parser, (const yaml_char_t *)(text.len ? text.data : "\n"),
                                 text.len ? text.len : 1);
    return list(&lister);
}
