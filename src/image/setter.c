#include "image/setter.h"

#include "base/buf.h"
#include "base/fs.h"
#include "doc/json.h"
#include "doc/yaml.h"
#include "doc/yaml_span.h"

#define MARK      "\"$imagepolicy\""
#define LONG_FORM "#/definitions/io.k8s.cli.setters."

/* ---- What is looked into ---- */

bool setter_takes_name(str path)
{
    str base = fs_base(path);
    return str_ends(base, STR(".yaml")) || str_ends(base, STR(".yml")) ||
           str_is(base, "Kustomization");
}

bool setter_takes_text(str text)
{
    return text.len <= LIMIT_SPAN_BYTES && str_find(text, STR(MARK)) >= 0;
}

str setter_reference(arena *a, const struct setter_image *image)
{
    return str_printf(a, STR_FMT ":" STR_FMT "%s" STR_FMT, STR_ARG(image->name),
                      STR_ARG(image->tag), image->digest.len ? "@" : "", STR_ARG(image->digest));
}

/* ---- Markers ---- */

struct marker {
    str setter, namespace, policy, part;
};

/* The text of a marker's JSON; false when the comment is something else. */
static bool read_json(arena *a, str comment, str *setter)
{
    while (str_strip_prefix(&comment, STR("#")))
        continue;
    comment = str_trim(comment);
    node *root = NULL;
    if (comment.len > LIMIT_MARKER_BYTES || !str_starts(comment, STR("{"))) return false;
    err *e =
        json_parse(a, comment, (struct json_options){.last_wins = true, .depth_max = 2}, &root);
    err_free(e);
    if (e || !node_is_map(root)) return false;
    PAIR_EACH (root, pair) {
        if (pair->value->kind != NODE_STR && pair->value->kind != NODE_NULL) return false;
    }
    *setter = node_get_str(root, STR("$imagepolicy"));
    if (setter->len) return true;
    *setter = node_get_str(root, STR("$ref"));
    return str_strip_prefix(setter, STR(LONG_FORM));
}

static bool read_marker(arena *a, str comment, struct marker *out)
{
    str rest;
    if (!read_json(a, comment, &out->setter)) return false;
    if (!str_cut(out->setter, ':', &out->namespace, &rest)) return false;
    str_cut(rest, ':', &out->policy, &out->part);
    return true;
}

/* Where the line ends, without its "\n" or "\r\n". */
static size_t line_end(str text, size_t at)
{
    ptrdiff_t len = str_find_char(str_skip(text, at), '\n');
    size_t end = len < 0 ? text.len : at + (size_t)len;
    return end > at && text.data[end - 1] == '\r' ? end - 1 : end;
}

static size_t line_start(str text, size_t at)
{
    while (at > 0 && text.data[at - 1] != '\n')
        at--;
    return at;
}

static bool is_block(const struct yaml_span *span)
{
    return span->style == NODE_LITERAL || span->style == NODE_FOLDED;
}

static size_t skip_blanks(str text, size_t at)
{
    while (at < text.len && (text.data[at] == ' ' || text.data[at] == '\t'))
        at++;
    return at;
}

/* Behind the indicators of a block scalar: "|", ">2-". */
static size_t header_end(str text, const struct yaml_span *span)
{
    size_t at = span->from + 1;
    while (at < text.len && str_has_char(STR("+-0123456789"), text.data[at]))
        at++;
    return at;
}

/* The comment on the scalar's line. compat: of a flow collection, a comma may stand between. */
static str line_comment(str text, const struct yaml_span *span)
{
    size_t at = skip_blanks(text, is_block(span) ? header_end(text, span) : span->to);
    if (span->in && span->in->is_flow && at < text.len && text.data[at] == ',')
        at = skip_blanks(text, at + 1);
    if (at >= text.len || text.data[at] != '#') return (str){0};
    return str_slice(text, at, line_end(text, at));
}

/* The line above an item of a list, if it is a comment and nothing but one. */
static str head_comment(str text, const struct yaml_span *span)
{
    size_t start = line_start(text, span->from);
    str before = str_slice(text, start, span->from);
    for (size_t i = 0; i < before.len; i++) {
        if (!str_has_char(STR(" \t-"), before.data[i])) return (str){0};
    }
    if (span->role != YAML_ITEM || start == 0) return (str){0};
    size_t above = line_start(text, start - 1);
    str comment = str_trim(str_slice(text, above, line_end(text, above)));
    if (!str_starts(comment, STR("#")) || above == 0) {
        return str_starts(comment, STR("#")) ? comment : (str){0};
    }
    /* compat: two lines of comment are one text, which is no marker. */
    size_t further = line_start(text, above - 1);
    str other = str_trim(str_slice(text, further, line_end(text, further)));
    return str_starts(other, STR("#")) ? (str){0} : comment;
}

static bool find_marker(arena *a, str text, const struct yaml_span *span, struct marker *out)
{
    if (span->role == YAML_KEY || span->from == span->to) return false;
    return read_marker(a, line_comment(text, span), out) ||
           read_marker(a, head_comment(text, span), out);
}

/* ---- Values ---- */

static bool is_plain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           str_has_char(STR("._/:@+-"), c);
}

/* "1:20", "190:20:30.15": numbers to the base of 60, to readers of YAML 1.1. */
static bool is_sexagesimal(str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!str_has_char(STR("0123456789:_.+-"), value.data[i])) return false;
    }
    return str_has_char(value, ':');
}

/* Is the value a text, and only itself, without quotes? */
static bool is_plain_text(str value)
{
    bool time;
    if (!value.len || str_has_char(STR(":@+-."), value.data[0]) || str_ends(value, STR(":")))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_plain_char(value.data[i])) return false;
    }
    return yaml_resolve(value, YAML_V3, &time) == NODE_STR && !time &&
           yaml_resolve(value, YAML_V2, &time) == NODE_STR && !time && !is_sexagesimal(value) &&
           !str_is(value, "=");
}

static void put_double(buf *b, str value)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            buf_printf(b, "\\x%02X", c);
        else
            buf_add_char(b, (char)c);
    }
    buf_add_char(b, '"');
}

static bool is_printable(str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c < ' ' || c >= 0x7f) return false;
    }
    return value.len && value.data[0] != ' ' && value.data[value.len - 1] != ' ';
}

/* The lines of a block scalar, from the first that has more than blanks to the last; false when
 * there is none, or when the header says where they begin: then blanks belong to the value. */
static bool content_of(str text, const struct yaml_span *span, size_t *from_out, size_t *to_out)
{
    size_t at = line_end(text, header_end(text, span)), end = span->to;
    for (size_t i = span->from; i < at && text.data[i] != ' ' && text.data[i] != '#'; i++) {
        if (text.data[i] >= '1' && text.data[i] <= '9') return false;
    }
    while (at < end && str_has_char(STR(" \t\r\n"), text.data[at]))
        at++;
    while (end > at && str_has_char(STR(" \t\r\n"), text.data[end - 1]))
        end--;
    *from_out = at;
    *to_out = end;
    return at < end;
}

/* One line with the value, in the place of the lines there were. The end of the last line is not a
 * part of the value, so the header gets "-". */
static void put_block(buf *b, str text, const struct yaml_span *span, str value)
{
    size_t head = header_end(text, span), body = line_end(text, head), from, to;
    bool has_content = content_of(text, span, &from, &to);
    must(has_content);
    buf_add_char(b, text.data[span->from]);
    buf_add_char(b, '-');
    buf_add(b, str_slice(text, head, body));
    size_t first = line_start(text, from), rest = body;
    while (rest < first && text.data[rest] != '\n')
        rest++;
    buf_add(b, str_slice(text, body, MIN(rest + 1, first)));
    buf_add(b, str_slice(text, first, from));
    buf_add(b, value);
    buf_add(b, str_slice(text, MIN(line_end(text, to), span->to), span->to));
}

static void put_value(buf *b, str text, const struct yaml_span *span, str value)
{
    size_t from, to;
    bool simple = is_printable(value);
    if (is_block(span) && simple && content_of(text, span, &from, &to)) {
        put_block(b, text, span, value);
    } else if (is_block(span)) {
        size_t end = line_end(text, span->from);
        put_double(b, value);
        buf_add(b, str_slice(text, header_end(text, span), end));
        if (end < span->to) buf_add(b, text.data[end] == '\r' ? STR("\r\n") : STR("\n"));
    } else if (span->style == NODE_SINGLE && simple) {
        arena scratch AUTO(arena_done) = {0};
        buf_printf(b, "'" STR_FMT "'", STR_ARG(str_replace(&scratch, value, STR("'"), STR("''"))));
    } else if (span->style == NODE_PLAIN && is_plain_text(value)) {
        buf_add(b, value);
    } else {
        put_double(b, value);
    }
}

/* What the policy says for the part; false for a part there is none of. */
static bool value_of(arena *a, const struct setter_image *image, str part, str *out)
{
    if (!part.len)
        *out = setter_reference(a, image);
    else if (str_is(part, "name"))
        *out = image->name;
    else if (str_is(part, "tag"))
        *out = image->tag;
    else if (str_is(part, "digest"))
        *out = image->digest;
    else
        return false;
    return true;
}

/* ---- Objects ---- */

/* The map that is an object: the root of a document, or an item of a root's list "items". */
static const struct yaml_place *object_place(const struct yaml_place *place)
{
    for (; place; place = place->parent) {
        const struct yaml_place *list = place->parent;
        if (!list) break;
        bool is_item = place->is_map && !list->is_map && str_is(list->key, "items");
        if (is_item && list->parent && !list->parent->parent) break;
    }
    return place;
}

static void note(struct setter_object *object, const struct yaml_place *at,
                 const struct yaml_span *span)
{
    bool own = span->in == at;
    bool metadata = span->in->parent == at && str_is(span->in->key, "metadata");
    if (own && str_is(span->key, "apiVersion")) object->api_version = span->value;
    if (own && str_is(span->key, "kind")) object->kind = span->value;
    if (metadata && str_is(span->key, "name")) object->name = span->value;
    if (metadata && str_is(span->key, "namespace")) object->namespace = span->value;
}

static struct setter_object *objects_of(arena *a, const struct yaml_spans *spans)
{
    struct setter_object *objects = NEW_ARRAY(a, struct setter_object, spans->place_count + 1);
    for (size_t i = 0; i < spans->count; i++) {
        const struct yaml_span *span = &spans->items[i];
        const struct yaml_place *at = object_place(span->in);
        if (span->role == YAML_VALUE && at) note(&objects[at->index], at, span);
    }
    return objects;
}

/* ---- Editing ---- */

struct editing {
    arena *a;
    str text;
    const struct setter_policies *policies;
    struct yaml_spans spans;
    struct setter_object *objects;
    struct setter_result *out;
    str *wanted; /* by span: its new value, or data NULL */
    size_t change_room, unknown_room;
};

static void take_span(struct editing *ed, size_t index)
{
    const struct yaml_span *span = &ed->spans.items[index];
    struct setter_result *out = ed->out;
    struct marker marker;
    str value;
    if (!find_marker(ed->a, ed->text, span, &marker)) return;
    const struct setter_image *image = map_get(&ed->policies->by_name, marker.policy);
    if (!str_eq(marker.namespace, ed->policies->namespace) || !image ||
        !value_of(ed->a, image, marker.part, &value)) {
        *ARENA_PUSH(ed->a, out->unknown, out->unknown_count, ed->unknown_room) = marker.setter;
        return;
    }
    out->markers++;
    if (str_eq(value, span->value)) return;
    const struct yaml_place *at = object_place(span->in);
    ed->wanted[index] = value.data ? value : STR("");
    *ARENA_PUSH(ed->a, out->changes, out->count, ed->change_room) = (struct setter_change){
        .old_value = span->value,
        .new_value = value,
        .setter = marker.setter,
        .line = index, /* until the lines are counted */
    };
    if (at) out->changes[out->count - 1].object = ed->objects[at->index];
}

/* Changes are in the order of the text, so it is passed once. */
static void count_lines(struct editing *ed)
{
    size_t line = 1, at = 0;
    for (size_t i = 0; i < ed->out->count; i++) {
        struct setter_change *change = &ed->out->changes[i];
        for (size_t from = ed->spans.items[change->line].from; at < from; at++)
            line += ed->text.data[at] == '\n';
        change->line = line;
    }
}

static str rewrite(struct editing *ed)
{
    buf b = BUF(ed->a);
    size_t at = 0;
    for (size_t i = 0; i < ed->spans.count; i++) {
        const struct yaml_span *span = &ed->spans.items[i];
        if (!ed->wanted[i].data) continue;
        buf_add(&b, str_slice(ed->text, at, span->from));
        put_value(&b, ed->text, span, ed->wanted[i]);
        at = span->to;
    }
    buf_add(&b, str_skip(ed->text, at));
    return buf_str(&b);
}

static bool is_same(const struct yaml_span *before, const struct yaml_span *after)
{
    return before->role == after->role && before->document == after->document &&
           (!before->in) == (!after->in) && (!before->in || before->in->index == after->in->index);
}

/* Reads the result as anybody would: nothing but the values that were to change is different. */
static err *check(struct editing *ed, str text)
{
    struct yaml_spans after;
    TRY(yaml_span_list(ed->a, text, &after));
    bool fits = after.count == ed->spans.count && after.document_count == ed->spans.document_count;
    for (size_t i = 0; fits && i < after.count; i++) {
        const struct yaml_span *was = &ed->spans.items[i], *is = &after.items[i];
        str wanted = ed->wanted[i].data ? ed->wanted[i] : was->value;
        bool time;
        fits = is_same(was, is) && str_eq(is->value, wanted);
        if (!ed->wanted[i].data)
            fits = fits && is->style == was->style;
        else if (is->style == NODE_PLAIN)
            fits = fits && yaml_resolve(is->value, YAML_V3, &time) == NODE_STR;
    }
    return fits ? NULL : err_invalid("a value cannot be set without changing what is around it");
}

err *setter_edit(arena *a, str text, const struct setter_policies *policies,
                 struct setter_result *out)
{
    struct editing ed = {.a = a, .text = text, .policies = policies, .out = out};
    *out = (struct setter_result){.text = text};
    TRY(yaml_span_list(a, text, &ed.spans));
    ed.objects = objects_of(a, &ed.spans);
    ed.wanted = NEW_ARRAY(a, str, ed.spans.count + 1);
    for (size_t i = 0; i < ed.spans.count; i++)
        take_span(&ed, i);
    if (out->count == 0) return NULL;
    count_lines(&ed);
    str result = rewrite(&ed);
    TRY(check(&ed, result));
    out->text = result;
    return NULL;
}
