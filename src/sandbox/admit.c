#include "sandbox/admit.h"

#include "base/b64.h"
#include "base/regex.h"
#include "doc/json.h"
#include "sandbox/admit_builtin.h"
#include "sandbox/rules.h"

static str type_of(struct typing typing)
{
    return node_get_str(typing.schema, STR("type"));
}

static bool is_int_or_string(struct typing typing)
{
    return node_get_bool(typing.schema, STR("x-kubernetes-int-or-string"), false) ||
           str_is(node_get_str(typing.schema, STR("format")), "int-or-string") ||
           node_get(typing.schema, STR("oneOf")) || node_get(typing.schema, STR("anyOf"));
}

/* ---- types ---- */

static const char *expected(struct typing typing, const node *value)
{
    str type = type_of(typing);
    if (node_is_null(value) || !type.len || is_int_or_string(typing)) return NULL;
    bool number = value->kind == NODE_INT || value->kind == NODE_FLOAT;
    if (str_is(type, "string") && value->kind != NODE_STR) return "string";
    if ((str_is(type, "integer") || str_is(type, "number")) && !number)
        return "numeric (int or float)";
    if (str_is(type, "boolean") && value->kind != NODE_BOOL) return "boolean";
    if (str_is(type, "array") && value->kind != NODE_LIST) return "list";
    if (str_is(type, "object") && value->kind != NODE_MAP) return "map";
    return NULL;
}

static const char *got(const node *value)
{
    static const char *const names[] = {"null", "boolean", "int", "float", "string", "list", "map"};
    return names[value->kind];
}

static err *types(arena *a, struct typing typing, const node *value, str path, bool strict)
{
    const char *type = expected(typing, value);
    if (type && !strcmp(type, "list"))
        return err_invalid(STR_FMT ": expected list, got &{%s}", STR_ARG(path),
                           value->kind == NODE_STR ? "string" : got(value));
    if (type && !strcmp(type, "string") && value->kind != NODE_LIST && value->kind != NODE_MAP)
        return err_invalid(STR_FMT ": expected string, got &value.valueUnstructured{Value:" STR_FMT
                                   "}",
                           STR_ARG(path), STR_ARG(value->text));
    if (type) return err_invalid(STR_FMT ": expected %s, got %s", STR_ARG(path), type, got(value));
    bool closed = strict && node_get(typing.schema, STR("properties")) &&
                  !typing_keeps_unknown(typing) &&
                  !node_get(typing.schema, STR("additionalProperties"));
    PAIR_EACH (value, pair) {
        str below = str_printf(a, STR_FMT "." STR_FMT, STR_ARG(path), STR_ARG(pair->key));
        if (closed && !typing_declares(typing, pair->key))
            return err_invalid(STR_FMT ": field not declared in schema", STR_ARG(below));
        TRY(types(a, typing_field(typing, pair->key), pair->value, below, strict));
    }
    size_t at = 0;
    NODE_EACH (value, item) {
        str below = str_printf(a, STR_FMT "[%zu]", STR_ARG(path), at++);
        TRY(types(a, typing_items(typing), item, below, strict));
    }
    return NULL;
}

err *admit_types(arena *a, struct typing typing, const node *value, bool strict)
{
    return types(a, typing, value, STR(""), strict);
}

/* ---- unknown fields ---- */

struct pruning {
    arena *a;
    node *dropped; /* paths; may be NULL */
};

/* Go's encoder leaves out what is empty, unless the field has to be there. */
static bool is_left_out(struct typing parent, str name, struct typing typing, const node *value)
{
    if (value->kind < NODE_LIST || value->count) return false;
    if (str_is(name, "managedFields")) return false; /* an empty list resets them */
    bool list = str_is(type_of(typing), "array");
    if (!list && !node_get(typing.schema, STR("additionalProperties"))) return false;
    NODE_EACH (node_get(parent.schema, STR("required")), required) {
        if (str_eq(required->text, name)) return false;
    }
    return true;
}

static node *prune(struct pruning *pruning, struct typing typing, const node *value, str path,
                   bool builtin)
{
    arena *a = pruning->a;
    if (node_is_list(value)) {
        node *out = node_list(a);
        size_t at = 0;
        NODE_EACH (value, item) {
            str below = str_printf(a, STR_FMT "[%zu]", STR_ARG(path), at++);
            node_push(a, out, prune(pruning, typing_items(typing), item, below, builtin));
        }
        return out;
    }
    if (!node_is_map(value)) return (node *)value;
    bool open = !typing.schema || typing_keeps_unknown(typing) ||
                node_is_map(node_get(typing.schema, STR("additionalProperties"))) ||
                node_get_bool(typing.schema, STR("additionalProperties"), false) ||
                (!node_get(typing.schema, STR("properties")) && !path.len) ||
                node_get_bool(typing.schema, STR("x-kubernetes-embedded-resource"), false);
    bool bare = !node_get(typing.schema, STR("properties")) && !type_of(typing).len;
    node *out = node_map(a);
    PAIR_EACH (value, pair) {
        str below = path.len ? str_printf(a, STR_FMT "." STR_FMT, STR_ARG(path), STR_ARG(pair->key))
                             : pair->key;
        struct typing field = typing_field(typing, pair->key);
        if (!open && !bare && !typing_declares(typing, pair->key)) {
            if (pruning->dropped) node_push(a, pruning->dropped, node_str(a, below));
            continue;
        }
        bool nullable = !typing.schema || !field.schema || typing_keeps_unknown(typing) ||
                        node_get_bool(field.schema, STR("nullable"), false);
        bool go = builtin || (!path.len && str_is(pair->key, "metadata"));
        if (node_is_null(pair->value) && !nullable) {
            /* In Go the value of a map is the empty text then. */
            bool empty =
                go && !typing_declares(typing, pair->key) && str_is(type_of(field), "string");
            if (empty) node_set_str(a, out, pair->key, STR(""));
            continue;
        }
        if (go && is_left_out(typing, pair->key, field, pair->value)) continue;
        node_set(a, out, pair->key, prune(pruning, field, pair->value, below, go));
    }
    return out;
}

node *admit_prune(arena *a, const struct served *served, const node *object, node *dropped)
{
    struct pruning pruning = {.a = a, .dropped = dropped};
    return prune(&pruning, served->typing, object, STR(""), !served->custom);
}

/* ---- defaults ---- */

static void schema_defaults(arena *a, struct typing typing, node *value)
{
    NODE_EACH (value, item) {
        schema_defaults(a, typing_items(typing), item);
    }
    if (!node_is_map(value)) return;
    PAIR_EACH (node_get(typing.schema, STR("properties")), field) {
        const node *fallback = node_get(field->value, STR("default"));
        if (fallback && !node_get(value, field->key))
            node_set(a, value, field->key, doc_copy(a, fallback));
    }
    PAIR_EACH (value, pair) {
        schema_defaults(a, typing_field(typing, pair->key), pair->value);
    }
}

/* The values that are base64. */
static node *bytes_of(const struct served *served, const node *object)
{
    if (served->custom || served->group.len) return NULL;
    if (str_is(served->kind, "Secret")) return node_get(object, STR("data"));
    return str_is(served->kind, "ConfigMap") ? node_get(object, STR("binaryData")) : NULL;
}

/* Upstream keeps the bytes: line breaks and stray bits of their text are lost. */
static void settle_bytes(arena *a, node *bytes)
{
    PAIR_EACH (bytes, pair) {
        str text, decoded;
        if (!node_to_str(pair->value, &text)) continue;
        err *e AUTO(err_done) = b64_decode(a, text, &decoded);
        if (!e) pair->value = node_str(a, b64_encode(a, decoded));
    }
}

void admit_defaults(arena *a, const struct served *served, node *object)
{
    if (!served->custom) {
        settle_bytes(a, bytes_of(served, object));
        admit_builtin_defaults(a, served->kind, object);
        return;
    }
    PAIR_EACH (node_get(served->typing.schema, STR("properties")), field) {
        bool apart =
            str_is(field->key, "metadata") || (str_is(field->key, "status") && served->has_status);
        const node *fallback = node_get(field->value, STR("default"));
        if (!apart && fallback && !node_get(object, field->key))
            node_set(a, object, field->key, doc_copy(a, fallback));
    }
    /* metadata and what lies below are the server's. */
    PAIR_EACH (object, pair) {
        if (str_is(pair->key, "metadata")) continue;
        schema_defaults(a, typing_field(served->typing, pair->key), pair->value);
    }
}

void admit_default_status(arena *a, const struct served *served, node *object)
{
    const node *fallback =
        node_find(served->typing.schema, "properties", "status", "default", NULL);
    if (!served->custom || !served->has_status || !fallback || node_get(object, STR("status")))
        return;
    node *status = doc_copy(a, fallback);
    schema_defaults(a, typing_field(served->typing, STR("status")), status);
    node_set(a, object, STR("status"), status);
}

err *admit_bytes(arena *a, const struct served *served, const node *object)
{
    PAIR_EACH (bytes_of(served, object), pair) {
        str text, decoded;
        if (node_to_str(pair->value, &text)) TRY(b64_decode(a, text, &decoded));
    }
    return NULL;
}

/* ---- values ---- */

void admit_add_cause(arena *a, node *causes, const char *reason, str field, str message)
{
    node *cause = node_map(a);
    node_set_str(a, cause, STR("reason"), str_of(reason));
    node_set_str(a, cause, STR("message"), message);
    node_set_str(a, cause, STR("field"), field);
    node_push(a, causes, cause);
}

static size_t rune_count(str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static void check_text(arena *a, const node *schema, str text, str path, node *causes)
{
    str shown = str_printf(a, "Invalid value: \"" STR_FMT "\": " STR_FMT " in body should ",
                           STR_ARG(text), STR_ARG(path));
    str pattern = node_get_str(schema, STR("pattern"));
    int64_t least = node_get_int(schema, STR("minLength"), 0);
    int64_t most = node_get_int(schema, STR("maxLength"), -1);
    int64_t length = (int64_t)rune_count(text);
    if (pattern.len) {
        struct regex *regex AUTO(regex_free_done) = NULL;
        err *e AUTO(err_done) = regex_compile(pattern, &regex);
        if (!e && !regex_match(regex, text))
            admit_add_cause(
                a, causes, "FieldValueInvalid", path,
                str_printf(a, STR_FMT "match '" STR_FMT "'", STR_ARG(shown), STR_ARG(pattern)));
    }
    if (length < least)
        admit_add_cause(
            a, causes, "FieldValueInvalid", path,
            str_printf(a, STR_FMT "be at least %lld chars long", STR_ARG(shown), (long long)least));
    if (most >= 0 && length > most)
        admit_add_cause(
            a, causes, "FieldValueTooLong", path,
            str_printf(a, "Too long: may not be more than %lld bytes", (long long)most));
}

static void check_enum(arena *a, const node *schema, const node *value, str path, node *causes)
{
    const node *choices = node_get(schema, STR("enum"));
    if (!choices) return;
    buf list = BUF(a);
    NODE_EACH (choices, choice) {
        if (node_equal(choice, value)) return;
        if (list.len) BUF_ADD(&list, ", ");
        buf_add(&list, json_text(a, choice));
    }
    admit_add_cause(a, causes, "FieldValueNotSupported", path,
                    str_printf(a, "Unsupported value: " STR_FMT ": supported values: " STR_FMT,
                               STR_ARG(json_text(a, value)), STR_ARG(buf_str(&list))));
}

static void check_number(arena *a, const node *schema, const node *value, str path, node *causes)
{
    double number, bound;
    if (!node_to_double(value, &number)) return;
    const node *least = node_get(schema, STR("minimum")), *most = node_get(schema, STR("maximum"));
    for (int upper = 0; upper < 2; upper++) {
        const node *limit = upper ? most : least;
        if (!limit || !node_to_double(limit, &bound)) continue;
        if (upper ? number <= bound : number >= bound) continue;
        admit_add_cause(a, causes, "FieldValueInvalid", path,
                        str_printf(a,
                                   "Invalid value: " STR_FMT ": " STR_FMT
                                   " in body should be %s than or equal to " STR_FMT,
                                   STR_ARG(value->text), STR_ARG(path), upper ? "less" : "greater",
                                   STR_ARG(limit->text)));
    }
}

/* False when it is of another type than it is to be. */
static bool check_type(arena *a, struct typing typing, const node *value, str path, node *causes)
{
    str type = type_of(typing);
    const char *is = value->kind == NODE_INT ? "integer" : node_kind_name(value);
    bool either = node_get_bool(typing.schema, STR("x-kubernetes-int-or-string"), false);
    bool right =
        either ? value->kind == NODE_INT || value->kind == NODE_STR : !expected(typing, value);
    bool fraction = str_is(type, "integer") && value->kind == NODE_FLOAT;
    if (right && !fraction) return true;
    admit_add_cause(
        a, causes, "FieldValueTypeInvalid", path,
        str_printf(a,
                   "Invalid value: \"%s\": " STR_FMT " in body must be of type " STR_FMT ": \"%s\"",
                   is, STR_ARG(path), STR_ARG(either ? STR("integer,string") : type), is));
    if (fraction)
        admit_add_cause(a, causes, "FieldValueInvalid", STR("<nil>"),
                        str_printf(a,
                                   "Invalid value: \"\": Checked value must be of type integer "
                                   "(default format) in " STR_FMT,
                                   STR_ARG(path)));
    return false;
}

/* What tells an item from the others of a list that merges; NULL for other lists. */
static const node *identity(arena *a, struct typing typing, const node *item)
{
    enum typing_list kind = typing_list_of(typing);
    if (kind == TYPING_SET) return item;
    if (kind != TYPING_MAP || !node_is_map(item)) return NULL;
    node *keys = node_map(a);
    NODE_EACH (typing_keys(typing), key) {
        node *value = node_get(item, key->text);
        if (value) node_set(a, keys, key->text, value);
    }
    return keys;
}

static void check_items(arena *a, struct typing typing, const node *list, str path, node *causes)
{
    int64_t least = node_get_int(typing.schema, STR("minItems"), 0);
    int64_t most = node_get_int(typing.schema, STR("maxItems"), -1);
    if (most >= 0 && (int64_t)list->count > most)
        admit_add_cause(a, causes, "FieldValueTooMany", path,
                        str_printf(a, "Too many: %u: must have at most %lld items", list->count,
                                   (long long)most));
    if ((int64_t)list->count < least)
        admit_add_cause(
            a, causes, "FieldValueInvalid", path,
            str_printf(a, "Invalid value: %u: " STR_FMT " in body should have at least %lld items",
                       list->count, STR_ARG(path), (long long)least));
    struct map seen AUTO(map_done) = {0};
    for (uint32_t i = 0; i < list->count; i++) {
        const node *same = identity(a, typing, list->items[i]);
        if (!same) continue;
        buf key = BUF(a);
        json_write(&key, same, (struct json_style){.sorted = true});
        if (map_has(&seen, buf_str(&key)))
            admit_add_cause(a, causes, "FieldValueDuplicate",
                            str_printf(a, STR_FMT "[%u]", STR_ARG(path), i),
                            str_printf(a, "Duplicate value: " STR_FMT, STR_ARG(buf_str(&key))));
        map_put(&seen, buf_str(&key), &seen);
    }
}

static void check(arena *a, struct typing typing, const node *value, str path, node *causes)
{
    if (!typing.schema || node_is_null(value)) return;
    if (!check_type(a, typing, value, path, causes)) return;
    check_enum(a, typing.schema, value, path, causes);
    if (value->kind == NODE_STR) check_text(a, typing.schema, value->text, path, causes);
    check_number(a, typing.schema, value, path, causes);
    NODE_EACH (node_is_map(value) ? node_get(typing.schema, STR("required")) : NULL, name) {
        if (!node_get(value, name->text))
            admit_add_cause(a, causes, "FieldValueRequired",
                            str_printf(a, "%s" STR_FMT "%s" STR_FMT, "", STR_ARG(path),
                                       path.len ? "." : "", STR_ARG(name->text)),
                            STR("Required value"));
    }
    PAIR_EACH (value, pair) {
        bool top = !path.len;
        if (top && str_is(pair->key, "metadata")) continue;
        str below =
            top ? pair->key : str_printf(a, STR_FMT "." STR_FMT, STR_ARG(path), STR_ARG(pair->key));
        check(a, typing_field(typing, pair->key), pair->value, below, causes);
    }
    if (node_is_list(value)) check_items(a, typing, value, path, causes);
    size_t at = 0;
    NODE_EACH (value, item) {
        check(a, typing_items(typing), item, str_printf(a, STR_FMT "[%zu]", STR_ARG(path), at++),
              causes);
    }
}

void admit_values(arena *a, struct typing typing, const node *value, str path, node *causes)
{
    check(a, typing, value, path, causes);
}

node *admit_causes(arena *a, const struct served *served, const node *before, const node *object)
{
    node *causes = node_list(a);
    admit_builtin_metadata(a, served, before, object, causes);
    if (served->custom) {
        check(a, served->typing, object, STR(""), causes);
        rules_check(a, served->typing, before, object, causes);
    } else {
        admit_builtin_check(a, served->kind, before, object, causes);
    }
    return causes;
}

err *admit_error(const struct served *served, str name, const node *causes)
{
    if (!causes->count) return NULL;
    buf text AUTO(buf_done) = {0};
    bool many = causes->count > 1;
    buf_printf(&text, STR_FMT "%s" STR_FMT " \"" STR_FMT "\" is invalid: %s", STR_ARG(served->kind),
               served->group.len ? "." : "", STR_ARG(served->group), STR_ARG(name),
               many ? "[" : "");
    for (uint32_t i = 0; i < causes->count; i++) {
        str field = node_get_str(causes->items[i], STR("field"));
        str message = node_get_str(causes->items[i], STR("message"));
        buf_printf(&text, "%s" STR_FMT "%s" STR_FMT, i ? ", " : "", STR_ARG(field),
                   field.len ? ": " : "", STR_ARG(message));
    }
    if (many) buf_add_char(&text, ']');
    str whole = buf_str(&text);
    return err_with_status(err_new(ERR_INVALID, "Invalid", STR_FMT, STR_ARG(whole)), 422);
}
