#include "doc/yaml_print.h"

#include <string.h>
#include <yaml.h>

#include "doc/yaml.h"

static int write_out(void *context, unsigned char *data, size_t size)
{
    buf_add_bytes(context, data, size);
    return 1;
}

static const char *tag_of(enum node_kind kind, bool time)
{
    if (time) return YAML_TIMESTAMP_TAG;
    switch (kind) {
    case NODE_NULL: return YAML_NULL_TAG;
    case NODE_BOOL: return YAML_BOOL_TAG;
    case NODE_INT: return YAML_INT_TAG;
    case NODE_FLOAT: return YAML_FLOAT_TAG;
    default: return YAML_STR_TAG;
    }
}

static yaml_scalar_style_t quoted_style(enum node_style style, str text)
{
    switch (style) {
    case NODE_SINGLE: return YAML_SINGLE_QUOTED_SCALAR_STYLE;
    case NODE_DOUBLE: return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    case NODE_LITERAL: return YAML_LITERAL_SCALAR_STYLE;
    case NODE_FOLDED: return YAML_FOLDED_SCALAR_STYLE;
    default:
        return str_has_char(text, '\n') ? YAML_LITERAL_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
    }
}

/* A text that would be read as something else is quoted; any other kind that would not be read as
 * itself gets a tag. */
static int print_scalar(yaml_emitter_t *emitter, str text, enum node_kind kind, bool time,
                        enum node_style wanted)
{
    yaml_scalar_style_t style = quoted_style(wanted, text);
    bool reads_as_time = false;
    enum node_kind read = yaml_resolve(text, YAML_V3, &reads_as_time);
    if (style != YAML_PLAIN_SCALAR_STYLE) read = NODE_STR;
    bool as_text = kind == NODE_STR && !time;
    if (as_text && style == YAML_PLAIN_SCALAR_STYLE && (read != NODE_STR || reads_as_time))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    bool tagged = !as_text && (read != kind || reads_as_time != time);

    yaml_event_t event;
    const char *data = text.data ? text.data : "";
    return yaml_scalar_event_initialize(
               &event, NULL, (const yaml_char_t *)(tagged ? tag_of(kind, time) : NULL),
               (const yaml_char_t *)data, (int)text.len, !tagged, !tagged, style) &&
           yaml_emitter_emit(emitter, &event);
}

static int print_node(yaml_emitter_t *emitter, const node *n)
{
    yaml_event_t event;
    if (node_is_map(n)) {
        yaml_mapping_style_t style =
            n->style == NODE_FLOW ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
        if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) ||
            !yaml_emitter_emit(emitter, &event))
            return 0;
        PAIR_EACH(n, pair) {
            if (!print_scalar(emitter, pair->key, pair->key_kind, false, pair->key_style) ||
                !print_node(emitter, pair->value))
                return 0;
        }
        return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
    }
    if (node_is_list(n)) {
        yaml_sequence_style_t style =
            n->style == NODE_FLOW ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
        if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) ||
            !yaml_emitter_emit(emitter, &event))
            return 0;
        NODE_EACH(n, item) {
            if (!print_node(emitter, item)) return 0;
        }
        return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
    }
    return print_scalar(emitter, n->text, n->kind, n->time, n->style);
}

static int print_document(yaml_emitter_t *emitter, const node *n)
{
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
           yaml_emitter_emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(emitter, &event) && print_node(emitter, n) &&
           yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

void yaml_print(buf *b, const node *n)
{
    if (!n) return;
    yaml_emitter_t emitter;
    must(yaml_emitter_initialize(&emitter));
    yaml_emitter_set_output(&emitter, write_out, b);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_indent(&emitter, 2);
    yaml_emitter_set_width(&emitter, -1);
    /* Fails on bytes that are no UTF-8: what is printed so far is shown. */
    print_document(&emitter, n);
    yaml_emitter_delete(&emitter);
}
