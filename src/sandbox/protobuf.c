#include "sandbox/protobuf.h"

#include "base/b64.h"
#include "base/clock.h"
#include "doc/json.h"

static const unsigned char table_text[] = {
#include "protobuf.json.inc"
};

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* One field as it is on the wire. */
struct item {
    uint64_t number;
    enum wire wire;
    uint64_t integer; /* also the bits of a fixed one */
    str bytes;
};

struct reader {
    arena *a;
    const node *types;
    int depth;
};

static err *cut_off(void)
{
    return err_invalid("protobuf: the message is cut off");
}

static err *read_varint(str *rest, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (!rest->len) return cut_off();
        unsigned char byte = (unsigned char)rest->data[0];
        *rest = str_skip(*rest, 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *out = value;
        return NULL;
    }
    return err_invalid("protobuf: a number has more than ten bytes");
}

static err *read_fixed(str *rest, size_t size, uint64_t *out)
{
    if (rest->len < size) return cut_off();
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | (unsigned char)rest->data[i];
    *rest = str_skip(*rest, size);
    *out = value;
    return NULL;
}

static err *read_item(str *rest, struct item *out)
{
    uint64_t key, length;
    *out = (struct item){0};
    TRY(read_varint(rest, &key));
    out->number = key >> 3;
    out->wire = (enum wire)(key & 7);
    switch (out->wire) {
    case WIRE_VARINT:
        return read_varint(rest, &out->integer);
    case WIRE_FIXED64:
        return read_fixed(rest, 8, &out->integer);
    case WIRE_FIXED32:
        return read_fixed(rest, 4, &out->integer);
    case WIRE_BYTES:
        TRY(read_varint(rest, &length));
        if (length > rest->len) return cut_off();
        out->bytes = str_head(*rest, (size_t)length);
        *rest = str_skip(*rest, (size_t)length);
        return NULL;
    default:
        return err_invalid("protobuf: wire type %u is not known", (unsigned)(key & 7));
    }
}

/* The last occurrence of a field; `out` stays as it is when there is none. */
static err *find_item(str message, uint64_t number, struct item *out)
{
    while (message.len) {
        struct item item;
        TRY(read_item(&message, &item));
        if (item.number == number) *out = item;
    }
    return NULL;
}

/* ---- values of special types ---- */

static err *check_text(str bytes)
{
    return str_valid_utf8(bytes) ? NULL : err_invalid("protobuf: a text is no UTF-8");
}

static err *text_of(struct reader *reader, str bytes, node **out)
{
    TRY(check_text(bytes));
    *out = node_str(reader->a, bytes);
    return NULL;
}

static err *time_of(struct reader *reader, str message, bool micro, node **out)
{
    arena *a = reader->a;
    struct item seconds = {0}, nanos = {0};
    TRY(find_item(message, 1, &seconds));
    TRY(find_item(message, 2, &nanos));
    if (!seconds.integer && !nanos.integer) return NULL; /* Go's zero time, which is null */
    int64_t whole = (int64_t)seconds.integer, wall, part = (int64_t)(nanos.integer % 1000000000);
    if (__builtin_mul_overflow(whole, CLOCK_SECOND, &wall) ||
        __builtin_add_overflow(wall, part, &wall))
        return err_invalid("protobuf: a time is out of range");
    *out = node_str(a, micro ? clock_format_micro(a, wall) : clock_format(a, wall));
    return NULL;
}

/* A message with a number or a text. */
static err *number_or_text(struct reader *reader, str message, node **out)
{
    struct item type = {0}, number = {0}, text = {0};
    TRY(find_item(message, 1, &type));
    TRY(find_item(message, 2, &number));
    TRY(find_item(message, 3, &text));
    if (type.integer) return text_of(reader, text.bytes, out);
    *out = node_int(reader->a, (int64_t)number.integer);
    return NULL;
}

/* JSON within. */
static err *raw_of(struct reader *reader, str message, node **out)
{
    struct item raw = {0};
    TRY(find_item(message, 1, &raw));
    if (!raw.bytes.len) return NULL;
    return json_parse(reader->a, raw.bytes, (struct json_options){.last_wins = true}, out);
}

static err *double_of(struct reader *reader, uint64_t bits, node **out)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    if (!(value - value == 0)) return err_invalid("protobuf: a number is not finite");
    bool integral = value >= -1e15 && value <= 1e15 && value == (double)(int64_t)value;
    *out = integral ? node_int(reader->a, (int64_t)value)
                    : node_scalar(reader->a, NODE_FLOAT, str_printf(reader->a, "%.17g", value));
    return NULL;
}

/* ---- messages ---- */

static err *message_of(struct reader *reader, str type, str message, node *out);
static err *value_of(struct reader *reader, str type, const struct item *item, node **out);

/* Those of JSON schemas that are one of two things: what the first field holds, unless the second
 * one is there. */
static err *either_of(struct reader *reader, str type, str message, node **out)
{
    static const char schema[] = "apiextensions.v1.JSONSchemaProps";
    struct item first = {0}, second = {0};
    TRY(find_item(message, 1, &first));
    TRY(find_item(message, 2, &second));
    if (str_is(type, "schemaorbool")) {
        if (second.number) return value_of(reader, str_of(schema), &second, out);
        *out = node_bool(reader->a, first.integer != 0);
        return NULL;
    }
    if (first.number) return value_of(reader, str_of(schema), &first, out);
    bool texts = str_is(type, "schemaorstrings");
    node *list = node_list(reader->a);
    while (message.len) {
        struct item item;
        node *value = NULL;
        TRY(read_item(&message, &item));
        if (item.number != 2) continue;
        TRY(value_of(reader, texts ? STR("string") : str_of(schema), &item, &value));
        node_push(reader->a, list, value);
    }
    *out = list;
    return NULL;
}

static err *items_of(struct reader *reader, str type, str message, node **out)
{
    node *list = node_list(reader->a);
    while (message.len) {
        struct item item;
        node *value = NULL;
        TRY(read_item(&message, &item));
        if (item.number != 1) continue;
        TRY(value_of(reader, type, &item, &value));
        if (value) node_push(reader->a, list, value);
    }
    *out = list;
    return NULL;
}

static err *bytes_of(struct reader *reader, str type, str bytes, node **out)
{
    arena *a = reader->a;
    if (str_is(type, "string")) return text_of(reader, bytes, out);
    if (str_is(type, "bytes")) {
        *out = node_str(a, b64_encode(a, bytes));
        return NULL;
    }
    if (str_is(type, "time")) return time_of(reader, bytes, false, out);
    if (str_is(type, "microtime")) return time_of(reader, bytes, true, out);
    if (str_is(type, "intorstring")) return number_or_text(reader, bytes, out);
    if (str_is(type, "raw")) return raw_of(reader, bytes, out);
    if (str_starts(type, STR("schemaor"))) return either_of(reader, type, bytes, out);
    if (str_strip_prefix(&type, STR("items:"))) return items_of(reader, type, bytes, out);
    if (str_is(type, "quantity")) {
        struct item text = {0};
        TRY(find_item(bytes, 1, &text));
        return text_of(reader, text.bytes.len ? text.bytes : STR("0"), out);
    }
    node *map = node_map(a);
    TRY(message_of(reader, type, bytes, map));
    *out = map;
    return NULL;
}

/* *out stays as it is for a value that JSON would not show. */
static err *value_of(struct reader *reader, str type, const struct item *item, node **out)
{
    bool integer = str_is(type, "int"), truth = str_is(type, "bool"), real = str_is(type, "double");
    enum wire wanted = integer || truth ? WIRE_VARINT : real ? WIRE_FIXED64 : WIRE_BYTES;
    if (item->wire != wanted)
        return err_invalid("protobuf: field %llu has wire type %d where %d is expected",
                           (unsigned long long)item->number, item->wire, wanted);
    if (real) return double_of(reader, item->integer, out);
    if (wanted == WIRE_BYTES) return bytes_of(reader, type, item->bytes, out);
    *out = integer ? node_int(reader->a, (int64_t)item->integer)
                   : node_bool(reader->a, item->integer != 0);
    return NULL;
}

/* Adds an entry of a map, which is a message of key and value. */
static err *add_entry(struct reader *reader, str type, str message, node *map)
{
    struct item key = {.wire = WIRE_BYTES}, value = {.wire = WIRE_BYTES};
    node *inner = NULL;
    TRY(find_item(message, 1, &key));
    TRY(find_item(message, 2, &value));
    TRY(check_text(key.bytes));
    TRY(value_of(reader, type, &value, &inner));
    node_add_pair(reader->a, map, key.bytes, inner ? inner : node_null(reader->a));
    return NULL;
}

static node *container(arena *a, node *out, str name, bool list)
{
    node *found = node_get(out, name);
    if (found) return found;
    found = list ? node_list(a) : node_map(a);
    node_set(a, out, name, found);
    return found;
}

/* A list of numbers may come in one piece. */
static err *add_packed(struct reader *reader, str bytes, node *list)
{
    while (bytes.len) {
        uint64_t integer;
        TRY(read_varint(&bytes, &integer));
        node_push(reader->a, list, node_int(reader->a, (int64_t)integer));
    }
    return NULL;
}

/* Go writes fields that are no pointers even when they are empty, which JSON leaves out. */
static bool is_zero(str type, const struct item *item)
{
    if (str_is(type, "string") || str_is(type, "bytes")) return !item->bytes.len;
    return (str_is(type, "int") || str_is(type, "bool")) && !item->integer;
}

static err *add_field(struct reader *reader, str name, str type, const struct item *item, node *out)
{
    arena *a = reader->a;
    node *value = NULL;
    if (str_is(name, ".")) {
        if (item->wire != WIRE_BYTES) return err_invalid("protobuf: a message is expected");
        return message_of(reader, type, item->bytes, out);
    }
    if (str_strip_prefix(&type, STR("[]"))) {
        node *list = container(a, out, name, true);
        if (str_is(type, "int") && item->wire == WIRE_BYTES)
            return add_packed(reader, item->bytes, list);
        TRY(value_of(reader, type, item, &value));
        node_push(a, list, value ? value : node_null(a));
        return NULL;
    }
    if (str_strip_prefix(&type, STR("{}"))) {
        if (item->wire != WIRE_BYTES) return err_invalid("protobuf: a message is expected");
        return add_entry(reader, type, item->bytes, container(a, out, name, false));
    }
    bool pointer = str_strip_prefix(&type, STR("*"));
    TRY(value_of(reader, type, item, &value));
    if (value && (pointer || !is_zero(type, item))) node_set(a, out, name, value);
    return NULL;
}

/* Fields of numbers that are not known are passed over, as upstream does. */
static err *message_of(struct reader *reader, str type, str message, node *out)
{
    const node *fields = node_get(reader->types, type);
    must(node_is_list(fields));
    if (reader->depth >= LIMIT_DOC_DEPTH)
        return err_invalid("protobuf: nested more than %d levels deep", LIMIT_DOC_DEPTH);
    reader->depth++;
    while (message.len) {
        struct item item;
        str name, of, text;
        TRY(read_item(&message, &item));
        if (!item.number) return err_invalid("protobuf: a field has the number 0");
        if (item.number > fields->count || !node_to_str(fields->items[item.number - 1], &text))
            continue;
        str_cut(text, ' ', &name, &of);
        TRY(add_field(reader, name, of, &item, out));
    }
    NODE_EACH (fields, field) {
        str name, of, text;
        if (!node_to_str(field, &text)) continue;
        str_cut(text, ' ', &name, &of);
        node *map = str_starts(of, STR("{}")) ? node_get(out, name) : NULL;
        if (map) node_keep_last(reader->a, map);
    }
    reader->depth--;
    return NULL;
}

/* ---- the envelope ---- */

err *protobuf_read(arena *a, str body, node **out)
{
    static const char magic[] = {'k', '8', 's', 0};
    if (!str_strip_prefix(&body, str_from(magic, sizeof magic)))
        return err_invalid("protobuf: the body does not begin as objects of Kubernetes do");
    struct item type = {0}, raw = {0}, version = {0}, kind = {0};
    TRY(find_item(body, 1, &type));
    TRY(find_item(body, 2, &raw));
    TRY(find_item(type.bytes, 1, &version));
    TRY(find_item(type.bytes, 2, &kind));
    node *table = NULL, *object = node_map(a);
    /* Read for each body: such bodies are few, and most sandboxes never see one. */
    str text = str_from((const char *)table_text, sizeof table_text);
    err *e AUTO(err_done) = json_parse(a, text, (struct json_options){.borrow = true}, &table);
    must(!e);
    struct reader reader = {.a = a, .types = node_get(table, STR("types"))};
    str id = str_printf(a, STR_FMT " " STR_FMT, STR_ARG(version.bytes), STR_ARG(kind.bytes));
    if (str_is(kind.bytes, "DeleteOptions")) id = STR("v1 DeleteOptions");
    str name = node_get_str(node_get(table, STR("kinds")), id);
    TRY(check_text(kind.bytes));
    TRY(check_text(version.bytes));
    if (!name.len)
        return err_invalid("protobuf: there is no kind '" STR_FMT "' of version '" STR_FMT "'",
                           STR_ARG(str_head_utf8(kind.bytes, 100)),
                           STR_ARG(str_head_utf8(version.bytes, 100)));
    node_set_str(a, object, STR("kind"), kind.bytes);
    node_set_str(a, object, STR("apiVersion"), version.bytes);
    TRY(message_of(&reader, name, raw.bytes, object));
    *out = object;
    return NULL;
}
