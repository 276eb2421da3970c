#include "doc/schema.h"

#include "base/clock.h"
#include "base/regex.h"

#define SHOWN_BYTES      64 /* of a wrong value in an error */
#define DURATION_PATTERN "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"

/* ---- Names ---- */

static const char *const type_names[] = {
    [FIELD_STR] = "string",
    [FIELD_BOOL] = "boolean",
    [FIELD_INT] = "integer",
    [FIELD_DURATION] = "duration",
    [FIELD_TIME] = "time",
    [FIELD_ENUM] = "string",
    [FIELD_STR_LIST] = "list of strings",
    [FIELD_STR_MAP] = "map of strings",
    [FIELD_OBJECT] = "object",
    [FIELD_LIST] = "list of objects",
    [FIELD_NODE] = "any value",
};

const char *schema_type_name(const struct field *field)
{
    return type_names[field->type];
}

/* What a value of the type is called in an error: "must be ...". */
static const char *wanted(enum field_type type)
{
    switch (type) {
    case FIELD_BOOL:
        return "a boolean";
    case FIELD_INT:
        return "an integer";
    case FIELD_STR_LIST:
        return "an array of strings";
    case FIELD_LIST:
        return "an array of objects";
    case FIELD_STR_MAP:
    case FIELD_OBJECT:
        return "an object";
    default:
        return "a string";
    }
}

static const struct field *field_named(const struct schema *schema, str name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (str_is(name, schema->fields[i].name)) return &schema->fields[i];
    }
    return NULL;
}

const struct field *schema_find(const struct schema *schema, str path)
{
    const struct field *field = NULL;
    for (str name; schema && str_next(&path, '.', &name); schema = field->schema) {
        field = field_named(schema, name);
        if (!field) return NULL;
    }
    return path.data ? NULL : field;
}

/* ---- Decoding ---- */

/* Where we are in the object; made into text only when something is wrong there. */
struct place {
    const struct place *parent;
    const char *name; /* NULL: the item `index` of the parent */
    size_t index;
};

static void place_write(buf *b, const struct place *place)
{
    if (place->parent) place_write(b, place->parent);
    if (!place->name) {
        buf_printf(b, "[%zu]", place->index);
    } else {
        if (b->len) buf_add_char(b, '.');
        buf_add(b, str_of(place->name));
    }
}

static err *wrong(const struct place *place, const char *format, ...) PRINTF(2, 3);
static err *wrong(const struct place *place, const char *format, ...)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    place_write(&b, place);

    va_list args;
    va_start(args, format);
    str problem = str_vprintf(&a, format, args);
    va_end(args);
    return err_invalid(STR_FMT ": " STR_FMT, STR_ARG(buf_str(&b)), STR_ARG(problem));
}

static err *wrong_kind(const struct place *place, enum field_type type, const node *value)
{
    return wrong(place, "must be %s, not %s", wanted(type), node_kind_name(value));
}

/* A value as an error shows it: cut, on one line, without control characters. */
static str shown(arena *a, str text)
{
    str copy = str_dup(a, str_head(text, SHOWN_BYTES));
    for (size_t i = 0; i < copy.len; i++) {
        char *c = (char *)copy.data + i;
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    }
    return text.len > SHOWN_BYTES ? str_printf(a, STR_FMT "...", STR_ARG(copy)) : copy;
}

/* OpenAPI counts code points. */
static size_t rune_count(str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (((unsigned char)text.data[i] & 0xc0) != 0x80) count++;
    }
    return count;
}

static err *wrong_choice(arena *a, const struct place *place, const struct field *field, str text)
{
    buf names = BUF(a);
    for (const char *const *choice = field->choices; *choice; choice++) {
        if (names.len) BUF_ADD(&names, ", ");
        buf_add(&names, str_of(*choice));
    }
    return wrong(place, "'" STR_FMT "' is not one of " STR_FMT, STR_ARG(shown(a, text)),
                 STR_ARG(buf_str(&names)));
}

/* Index of the text among the choices, or -1. */
static int choice_of(const struct field *field, str text)
{
    for (int i = 0; field->choices[i]; i++) {
        if (str_is(text, field->choices[i])) return i;
    }
    return -1;
}

static err *check_pattern(arena *a, const struct field *field, str text, const struct place *place)
{
    if (!field->pattern) return NULL;
    struct regex *regex AUTO(regex_free_done) = NULL;
    err *e = regex_compile(str_of(field->pattern), &regex);
    must(!e);
    if (regex_match(regex, text)) return NULL;
    return wrong(place, "'" STR_FMT "' does not match %s", STR_ARG(shown(a, text)), field->pattern);
}

static err *check_text(arena *a, const struct field *field, const node *value,
                       const struct place *place, str *out)
{
    if (!node_to_str(value, out)) return wrong_kind(place, FIELD_STR, value);
    if (field->choices && choice_of(field, *out) < 0) return wrong_choice(a, place, field, *out);

    size_t length = rune_count(*out);
    if (length < field->min_length) {
        return wrong(place, "must have at least %u characters", field->min_length);
    }
    if (field->max_length && length > field->max_length) {
        return wrong(place, "must have at most %u characters, not %zu", field->max_length, length);
    }
    return check_pattern(a, field, *out, place);
}

static err *check_int(const struct field *field, const node *value, const struct place *place,
                      int64_t *out)
{
    if (!node_to_int(value, out)) return wrong_kind(place, FIELD_INT, value);
    if (field->has_min && *out < field->min) {
        return wrong(place, "%jd is less than %jd", (intmax_t)*out, (intmax_t)field->min);
    }
    return NULL;
}

static err *check_duration(arena *a, const struct field *field, const node *value,
                           const struct place *place, int64_t *out)
{
    str text;
    if (!node_to_str(value, &text)) {
        return wrong(place, "must be a duration such as 10m or 1h30m, not %s",
                     node_kind_name(value));
    }
    if (!clock_parse_duration(text, out)) {
        return wrong(place, "'" STR_FMT "' is not a duration such as 10m or 1h30m",
                     STR_ARG(shown(a, text)));
    }
    if (*out < 0) {
        return wrong(place, "'" STR_FMT "' is negative", STR_ARG(shown(a, text)));
    }
    return check_pattern(a, field, text, place);
}

/* A NULL `out` only checks. The size in the table must be that of the C type. */
static void store(const struct field *field, void *out, const void *value, size_t size_bytes)
{
    if (!out) return;
    must(field->size == size_bytes);
    memcpy(out, value, size_bytes);
}
#define STORE(field, out, value) store((field), (out), &(value), sizeof(value))

static err *decode_object(arena *a, const struct schema *schema, const node *value,
                          const struct place *place, void *out);

static err *decode_list(arena *a, const struct field *field, const node *value,
                        const struct place *place, void *out)
{
    if (!node_is_list(value)) return wrong_kind(place, FIELD_LIST, value);

    SCHEMA_LIST(char) list = {NULL, value->count};
    size_t size_bytes = field->schema->size_bytes;
    if (out) list.items = arena_zalloc(a, size_bytes * list.count);
    for (size_t i = 0; i < list.count; i++) {
        struct place item = {place, NULL, i};
        void *slot = out ? list.items + i * size_bytes : NULL;
        TRY(decode_object(a, field->schema, value->items[i], &item, slot));
    }
    STORE(field, out, list);
    return NULL;
}

static err *decode_strings(arena *a, const struct field *field, const node *value,
                           const struct place *place, void *out)
{
    if (!node_is_list(value)) return wrong_kind(place, FIELD_STR_LIST, value);

    struct schema_strings list = {NEW_ARRAY(a, str, value->count), value->count};
    for (size_t i = 0; i < list.count; i++) {
        struct place item = {place, NULL, i};
        TRY(check_text(a, field, value->items[i], &item, &list.items[i]));
    }
    STORE(field, out, list);
    return NULL;
}

/* The error names the key but shows no value: these maps hold what users like to keep private. */
static err *check_map(arena *a, const node *value, const struct place *place)
{
    if (!node_is_map(value)) return wrong_kind(place, FIELD_STR_MAP, value);
    PAIR_EACH (value, pair) {
        str text;
        if (node_to_str(pair->value, &text)) continue;
        struct place key = {place, str_z(a, shown(a, pair->key)), 0};
        return wrong_kind(&key, FIELD_STR, pair->value);
    }
    return NULL;
}

static err *decode_scalar(arena *a, const struct field *field, const node *value,
                          const struct place *place, void *out)
{
    switch (field->type) {
    case FIELD_BOOL: {
        bool truth;
        if (!node_to_bool(value, &truth)) return wrong_kind(place, FIELD_BOOL, value);
        STORE(field, out, truth);
        return NULL;
    }
    case FIELD_INT: {
        int64_t number;
        TRY(check_int(field, value, place, &number));
        STORE(field, out, number);
        return NULL;
    }
    case FIELD_DURATION: {
        int64_t duration_ns;
        TRY(check_duration(a, field, value, place, &duration_ns));
        STORE(field, out, duration_ns);
        return NULL;
    }
    default:
        break;
    }

    str text;
    TRY(check_text(a, field, value, place, &text));
    if (field->type == FIELD_ENUM) {
        int index = choice_of(field, text);
        STORE(field, out, index);
        return NULL;
    }
    int64_t wall_ns;
    if (field->type == FIELD_TIME && !clock_parse(text, &wall_ns)) {
        return wrong(place, "'" STR_FMT "' is not a time such as 2026-01-02T03:04:05Z",
                     STR_ARG(shown(a, text)));
    }
    STORE(field, out, text);
    return NULL;
}

static err *decode_value(arena *a, const struct field *field, const node *value,
                         const struct place *place, void *out)
{
    switch (field->type) {
    case FIELD_OBJECT:
        must(!out || field->size == field->schema->size_bytes);
        return decode_object(a, field->schema, value, place, out);
    case FIELD_LIST:
        return decode_list(a, field, value, place, out);
    case FIELD_STR_LIST:
        return decode_strings(a, field, value, place, out);
    case FIELD_STR_MAP:
        TRY(check_map(a, value, place));
        STORE(field, out, value);
        return NULL;
    case FIELD_NODE:
        STORE(field, out, value);
        return NULL;
    default:
        return decode_scalar(a, field, value, place, out);
    }
}

/* The fallback of a field as the node that it stands for. */
static node *fallback_node(arena *a, const struct field *field)
{
    enum node_kind kind = NODE_STR;
    if (field->type == FIELD_BOOL) kind = NODE_BOOL;
    if (field->type == FIELD_INT) kind = NODE_INT;
    return node_scalar(a, kind, str_of(field->fallback));
}

static err *decode_field(arena *a, const struct field *field, const node *value,
                         const struct place *place, void *out)
{
    if (node_is_null(value)) {
        if (field->required) return wrong(place, "is required");
        if (!field->fallback) return NULL;
        value = fallback_node(a, field);
    }
    if (!field->raw) return decode_value(a, field, value, place, out);

    TRY(decode_value(a, field, value, place, NULL));
    STORE(field, out, value);
    return NULL;
}

static err *decode_object(arena *a, const struct schema *schema, const node *value,
                          const struct place *place, void *out)
{
    if (!node_is_map(value)) return wrong_kind(place, FIELD_OBJECT, value);
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        struct place child = {place, field->name, 0};
        void *slot = out ? (char *)out + field->offset : NULL;
        TRY(decode_field(a, field, node_get(value, str_of(field->name)), &child, slot));
    }
    return NULL;
}

err *schema_decode(arena *a, const struct schema *schema, const node *value, const char *path,
                   void *out)
{
    struct place place = {.name = path};
    memset(out, 0, schema->size_bytes);
    if (node_is_null(value)) return wrong(&place, "is required");
    return decode_object(a, schema, value, &place, out);
}

/* ---- OpenAPI ---- */

static void set_text(arena *a, node *map, const char *key, const char *text)
{
    node_set_str(a, map, str_of(key), str_of(text));
}

static void describe_text(arena *a, node *out, const struct field *field)
{
    set_text(a, out, "type", "string");
    if (field->choices) {
        node *choices = node_list(a);
        for (const char *const *choice = field->choices; *choice; choice++) {
            node_push(a, choices, node_str(a, str_of(*choice)));
        }
        node_set(a, out, STR("enum"), choices);
    }
    if (field->pattern) set_text(a, out, "pattern", field->pattern);
    if (field->min_length) node_set_int(a, out, STR("minLength"), field->min_length);
    if (field->max_length) node_set_int(a, out, STR("maxLength"), field->max_length);
}

static node *describe(arena *a, const struct field *field);

static node *describe_items(arena *a, const struct field *field)
{
    if (field->type == FIELD_LIST) return schema_openapi(a, field->schema);
    node *items = node_map(a);
    describe_text(a, items, field);
    return items;
}

static void describe_type(arena *a, node *out, const struct field *field)
{
    switch (field->type) {
    case FIELD_BOOL:
        set_text(a, out, "type", "boolean");
        return;
    case FIELD_INT:
        set_text(a, out, "type", "integer");
        set_text(a, out, "format", "int64");
        if (field->has_min) node_set_int(a, out, STR("minimum"), field->min);
        return;
    case FIELD_DURATION:
        describe_text(a, out, field);
        if (!field->pattern) set_text(a, out, "pattern", DURATION_PATTERN);
        return;
    case FIELD_TIME:
        describe_text(a, out, field);
        set_text(a, out, "format", "date-time");
        return;
    case FIELD_STR_LIST:
    case FIELD_LIST:
        set_text(a, out, "type", "array");
        node_set(a, out, STR("items"), describe_items(a, field));
        return;
    case FIELD_STR_MAP: {
        node *values = node_map(a);
        set_text(a, values, "type", "string");
        set_text(a, out, "type", "object");
        node_set(a, out, STR("additionalProperties"), values);
        return;
    }
    case FIELD_NODE:
        node_set_bool(a, out, STR("x-kubernetes-preserve-unknown-fields"), true);
        return;
    case FIELD_STR:
    case FIELD_ENUM:
        describe_text(a, out, field);
        return;
    case FIELD_OBJECT:
        must(!"objects are described by schema_openapi");
    }
}

static node *describe(arena *a, const struct field *field)
{
    node *out = field->type == FIELD_OBJECT ? schema_openapi(a, field->schema) : node_map(a);
    if (field->type != FIELD_OBJECT) describe_type(a, out, field);
    if (field->doc) set_text(a, out, "description", field->doc);
    if (field->fallback) node_set(a, out, STR("default"), fallback_node(a, field));
    return out;
}

static node *describe_rules(arena *a, const struct schema *schema)
{
    node *rules = node_list(a);
    for (size_t i = 0; i < schema->rule_count; i++) {
        node *rule = node_map(a);
        set_text(a, rule, "rule", schema->rules[i].rule);
        set_text(a, rule, "message", schema->rules[i].message);
        node_push(a, rules, rule);
    }
    return rules;
}

node *schema_openapi(arena *a, const struct schema *schema)
{
    node *out = node_map(a), *properties = node_map(a), *required = node_list(a);
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        node_set(a, properties, str_of(field->name), describe(a, field));
        if (field->required) node_push(a, required, node_str(a, str_of(field->name)));
    }
    set_text(a, out, "type", "object");
    node_set(a, out, STR("properties"), properties);
    if (required->count) node_set(a, out, STR("required"), required);
    if (schema->rule_count) {
        node_set(a, out, STR("x-kubernetes-validations"), describe_rules(a, schema));
    }
    return out;
}

/* ---- Markdown ---- */

/* A cell of a table: '|' would end it. */
static void write_cell(buf *b, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '|') buf_add_char(b, '\\');
        buf_add_char(b, *c);
    }
}

static void write_row(buf *b, const struct field *field, str path)
{
    buf_printf(b, "| `" STR_FMT "` | %s | ", STR_ARG(path), schema_type_name(field));
    if (field->required) BUF_ADD(b, "required");
    if (field->fallback) buf_printf(b, "`%s`", field->fallback);
    BUF_ADD(b, " | ");
    if (field->doc) write_cell(b, field->doc);
    for (const char *const *choice = field->choices; choice && *choice; choice++) {
        buf_printf(b, "%s`%s`", choice == field->choices ? " One of: " : ", ", *choice);
    }
    BUF_ADD(b, " |\n");
}

void schema_markdown(buf *b, const struct schema *schema, str path)
{
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        str name = str_printf(&a, STR_FMT "%s%s%s", STR_ARG(path), path.len ? "." : "", field->name,
                              field->type == FIELD_LIST ? "[]" : "");
        write_row(b, field, name);
        if (field->schema) schema_markdown(b, field->schema, name);
    }
}
