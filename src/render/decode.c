#include "render/decode.h"

#include "base/buf.h"
#include "doc/json.h"
#include "doc/number.h"
#include "doc/yaml.h"

/* Where the decoder is, for messages: the fields from the root down to here. */
struct place {
    const struct place *up;
    const struct decode_struct *type; /* the struct that holds the field */
    const struct decode_field *field;
};

struct decoder {
    arena *a;
    int mode;
};

static const char *const plain_types[] = {
    [DECODE_STR] = "string",
    [DECODE_BOOL] = "bool",
    [DECODE_INT] = "int64",
    [DECODE_STR_LIST] = "[]string",
    [DECODE_STR_MAP] = "map[string]string",
    [DECODE_ANY] = "interface {}",
};

static void put_path(buf *b, const struct place *place)
{
    if (place->up) {
        put_path(b, place->up);
        buf_add_char(b, '.');
    }
    if (place->field->embedded) buf_add(b, str_of(place->field->embedded));
    buf_add(b, str_of(place->field->name));
}

static str kind_text(arena *a, const node *value, bool with_text)
{
    switch ((enum node_kind)value->kind) {
    case NODE_BOOL:
        return STR("bool");
    case NODE_INT:
    case NODE_FLOAT:
        return with_text ? str_printf(a, "number " STR_FMT, STR_ARG(value->text)) : STR("number");
    case NODE_LIST:
        return STR("array");
    case NODE_MAP:
        return STR("object");
    default:
        return STR("string");
    }
}

static err *wrong_type(arena *a, const struct place *place, const node *value, const char *go_type)
{
    str kind = kind_text(a, value, strstr(go_type, "int") != NULL);
    if (!place)
        return err_invalid("json: cannot unmarshal " STR_FMT " into Go value of type %s",
                           STR_ARG(kind), go_type);
    buf path = BUF(a);
    put_path(&path, place);
    const char *dot = strchr(place->type->go_type, '.');
    return err_invalid(
        "json: cannot unmarshal " STR_FMT " into Go struct field %s." STR_FMT " of type %s",
        STR_ARG(kind), dot ? dot + 1 : place->type->go_type, STR_ARG(buf_str(&path)), go_type);
}

/* A key of YAML that is no text becomes one, as on the way through JSON. */
static str key_text(arena *a, const struct node_pair *pair)
{
    node key = {.kind = pair->key_kind, .text = pair->key};
    int64_t number;
    bool flag;
    if (pair->key_kind == NODE_INT && node_to_int(&key, &number))
        return str_printf(a, "%lld", (long long)number);
    if (pair->key_kind == NODE_BOOL && node_to_bool(&key, &flag))
        return flag ? STR("true") : STR("false");
    return pair->key;
}

struct named {
    str key;
    node *value;
};

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct named *)a)->key, ((const struct named *)b)->key);
}

/* The pairs in the order of JSON, which decides which error is the first. */
static struct named *sorted_pairs(arena *a, const node *map)
{
    struct named *pairs = NEW_ARRAY(a, struct named, map->count + 1);
    size_t count = 0;
    PAIR_EACH (map, it)
        pairs[count++] = (struct named){key_text(a, it), it->value};
    if (count) qsort(pairs, count, sizeof *pairs, by_key);
    return pairs;
}

/* The text of a number or boolean; false when there is none. */
static bool as_text(arena *a, const node *value, node **out)
{
    bool flag;
    buf b = BUF(a);
    if (node_to_bool(value, &flag)) {
        *out = node_str(a, flag ? STR("true") : STR("false"));
        return true;
    }
    if (value->kind != NODE_INT && value->kind != NODE_FLOAT) return false;
    struct number number;
    number_read(value->text, value->kind == NODE_INT, &number);
    if (!number_write(&b, &number)) return false;
    *out = node_str(a, buf_str(&b));
    return true;
}

static err *decode_scalar(const struct decoder *decoder, const struct place *place,
                          enum decode_type type, node *value, const char *go_type, node **out)
{
    arena *a = decoder->a;
    int64_t number;
    /* compat: behind an embedded struct the reference loses sight of the type. */
    bool texts = type == DECODE_STR && decoder->mode & DECODE_TEXTS && !place->field->embedded;
    if (texts && as_text(a, value, out)) return NULL;
    bool fits = type == DECODE_STR    ? value->kind == NODE_STR
                : type == DECODE_BOOL ? value->kind == NODE_BOOL
                                      : node_to_int(value, &number);
    if (!fits) return wrong_type(a, place, value, go_type);
    *out = type == DECODE_INT ? node_int(a, number) : value;
    return NULL;
}

static err *decode_map(const struct decoder *decoder, const struct place *place, const node *value,
                       node **out)
{
    arena *a = decoder->a;
    node *map = node_map(a);
    struct named *pairs = sorted_pairs(a, value);
    for (size_t i = 0; i < value->count; i++) {
        node *entry = node_str(a, STR(""));
        if (!node_is_null(pairs[i].value))
            TRY(decode_scalar(decoder, place, DECODE_STR, pairs[i].value, "string", &entry));
        node_set(a, map, pairs[i].key, entry);
    }
    *out = map;
    return NULL;
}

static err *decode_fields(const struct decoder *decoder, const struct decode_struct *type,
                          const struct place *up, const node *value, node **out);

static err *decode_list(const struct decoder *decoder, const struct place *place, const node *value,
                        const char *go_type, node **out)
{
    arena *a = decoder->a;
    const struct decode_field *field = place->field;
    bool texts = field->type == DECODE_STR_LIST;
    node *list = node_list(a);
    NODE_EACH (value, it) {
        node *item = texts ? node_str(a, STR("")) : node_map(a);
        if (texts && !node_is_null(it))
            TRY(decode_scalar(decoder, place, DECODE_STR, it, go_type + strlen("[]"), &item));
        else if (!node_is_null(it))
            TRY(decode_fields(decoder, field->type_info, place, it, &item));
        node_push(a, list, item);
    }
    *out = list;
    return NULL;
}

static const char *go_type_of(arena *a, const struct decode_field *field)
{
    if (field->go_type) return field->go_type;
    if (field->type == DECODE_STRUCT) return field->type_info->go_type;
    if (field->type == DECODE_STRUCT_LIST)
        return str_z(a, str_printf(a, "[]%s", field->type_info->go_type));
    return plain_types[field->type];
}

static err *decode_field(const struct decoder *decoder, const struct place *place, node *value,
                         node **out)
{
    const struct decode_field *field = place->field;
    const char *go_type = go_type_of(decoder->a, field);
    bool list = field->type == DECODE_STR_LIST || field->type == DECODE_STRUCT_LIST;
    bool map = field->type == DECODE_STR_MAP;
    if ((list && !node_is_list(value)) || (map && !node_is_map(value)))
        return wrong_type(decoder->a, place, value, go_type);

    switch (field->type) {
    case DECODE_STR:
    case DECODE_BOOL:
    case DECODE_INT:
        return decode_scalar(decoder, place, field->type, value, go_type, out);
    case DECODE_STR_MAP:
        return decode_map(decoder, place, value, out);
    case DECODE_STR_LIST:
    case DECODE_STRUCT_LIST:
        return decode_list(decoder, place, value, go_type, out);
    case DECODE_STRUCT:
        return decode_fields(decoder, field->type_info, place, value, out);
    case DECODE_ANY:
        break;
    }
    *out = value;
    return NULL;
}

static const struct decode_field *find_field(const struct decode_struct *type, str name)
{
    for (size_t i = 0; i < type->count; i++)
        if (str_is(name, type->fields[i].name)) return &type->fields[i];
    for (size_t i = 0; i < type->count; i++)
        if (str_eq_fold(name, str_of(type->fields[i].name))) return &type->fields[i];
    return NULL;
}

static err *decode_fields(const struct decoder *decoder, const struct decode_struct *type,
                          const struct place *up, const node *value, node **out)
{
    arena *a = decoder->a;
    if (!node_is_map(value)) return wrong_type(a, up, value, type->go_type);
    node *map = node_map(a);
    struct named *pairs = sorted_pairs(a, value);
    for (size_t i = 0; i < value->count; i++) {
        struct place place = {.up = up, .type = type, .field = find_field(type, pairs[i].key)};
        if (!place.field && !(decoder->mode & DECODE_STRICT)) continue;
        if (!place.field) {
            buf name = BUF(a);
            json_write_str(&name, pairs[i].key, false);
            return err_invalid("json: unknown field " STR_FMT, STR_ARG(buf_str(&name)));
        }
        if (node_is_null(pairs[i].value)) continue;
        node *decoded;
        TRY(decode_field(decoder, &place, pairs[i].value, &decoded));
        node_set(a, map, str_of(place.field->name), decoded);
    }
    *out = map;
    return NULL;
}

err *decode_value(arena *a, const struct decode_struct *type, const node *value, int mode,
                  node **out)
{
    struct decoder decoder = {.a = a, .mode = mode};
    return decode_fields(&decoder, type, NULL, value, out);
}

err *decode_yaml(arena *a, const struct decode_struct *type, str text, int mode, node **out)
{
    node *value;
    err *e =
        yaml_parse(a, text, (struct yaml_options){.dialect = YAML_V2, .last_wins = true}, &value);
    if (e) return err_wrap(e, "error converting YAML to JSON");
    if (node_is_null(value)) value = node_map(a);
    e = decode_value(a, type, value, mode | DECODE_TEXTS, out);
    return e ? err_wrap(e, "error unmarshaling JSON: while decoding JSON") : NULL;
}
