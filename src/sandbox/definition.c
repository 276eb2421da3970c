#include "sandbox/definition.h"

#include "base/regex.h"
#include "doc/json.h"
#include "sandbox/admit.h"
#include "sandbox/rules.h"

struct reader {
    arena *a;
    node *causes;
};

static void invalid(struct reader *reader, str path, const node *value, const char *why)
{
    arena *a = reader->a;
    admit_add_cause(
        a, reader->causes, "FieldValueInvalid", path,
        str_printf(a, "Invalid value: " STR_FMT ": %s", STR_ARG(json_text(a, value)), why));
}

static void required(struct reader *reader, str path, const char *why)
{
    admit_add_cause(reader->a, reader->causes, "FieldValueRequired", path,
                    str_printf(reader->a, "Required value: %s", why));
}

/* Where a schema stands decides how its missing type is told. */
enum place { AT_ROOT, AT_FIELD, AT_ITEMS };

static void check_type(struct reader *reader, const node *schema, str path, enum place place)
{
    static const char *const types[] = {"array",  "boolean", "integer",
                                        "number", "object",  "string"};
    static const char *const missing[] = {"must not be empty at the root",
                                          "must not be empty for specified object fields",
                                          "must not be empty for specified array items"};
    arena *a = reader->a;
    str type = node_get_str(schema, STR("type")), field = str_concat(a, path, STR(".type"));
    bool open = node_get_bool(schema, STR("x-kubernetes-int-or-string"), false) ||
                node_get_bool(schema, STR("x-kubernetes-preserve-unknown-fields"), false);
    if (!type.len) {
        if (place == AT_ROOT || !open) required(reader, field, missing[place]);
        return;
    }
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_is(type, types[i])) return;
    admit_add_cause(a, reader->causes, "FieldValueNotSupported", field,
                    str_printf(a,
                               "Unsupported value: \"" STR_FMT
                               "\": supported values: \"array\", \"boolean\", \"integer\", "
                               "\"number\", \"object\", \"string\"",
                               STR_ARG(type)));
}

static void check_pattern(struct reader *reader, const node *schema, str path)
{
    arena *a = reader->a;
    const node *pattern = node_get(schema, STR("pattern"));
    struct regex *regex AUTO(regex_free_done) = NULL;
    if (!pattern || pattern->kind != NODE_STR) return;
    err *e AUTO(err_done) = regex_compile(pattern->text, &regex);
    if (e)
        invalid(reader, str_concat(a, path, STR(".pattern")), pattern,
                str_z(a, str_printf(a, "must be a valid regular expression, but isn't: " STR_FMT,
                                    STR_ARG(err_text(e)))));
}

static void check_default(struct reader *reader, const node *schema, str path)
{
    const node *fallback = node_get(schema, STR("default"));
    if (!fallback) return;
    node *causes = node_list(reader->a);
    admit_values(reader->a, typing_of(NULL, schema), fallback, STR(""), causes);
    NODE_EACH (causes, cause) {
        admit_add_cause(
            reader->a, reader->causes, str_z(reader->a, node_get_str(cause, STR("reason"))),
            str_concat(reader->a, path, STR(".default")), node_get_str(cause, STR("message")));
    }
}

/* A rule as Go prints it. */
static node *shown_rule(arena *a, const node *rule)
{
    static const char *const names[][2] = {
        {"Rule", "rule"}, {"Message", "message"}, {"MessageExpression", "messageExpression"}};
    node *out = node_map(a);
    for (size_t i = 0; i < COUNT(names); i++)
        node_set_str(a, out, str_of(names[i][0]), node_get_str(rule, str_of(names[i][1])));
    node *reason = node_get(rule, STR("reason"));
    node *lenient = node_get(rule, STR("optionalOldSelf"));
    node_set(a, out, STR("Reason"), reason ? reason : node_null(a));
    node_set_str(a, out, STR("FieldPath"), node_get_str(rule, STR("fieldPath")));
    node_set(a, out, STR("OptionalOldSelf"), lenient ? lenient : node_null(a));
    return out;
}

static void check_rules(struct reader *reader, const node *schema, str path)
{
    arena *a = reader->a;
    size_t at = 0;
    NODE_EACH (node_get(schema, STR("x-kubernetes-validations")), rule) {
        str field =
            str_printf(a, STR_FMT ".x-kubernetes-validations[%zu].rule", STR_ARG(path), at++);
        if (!str_trim(node_get_str(rule, STR("rule"))).len) {
            required(reader, field, "rule is not specified");
            continue;
        }
        err *e AUTO(err_done) = rules_compile(a, rule);
        if (!e) continue;
        buf shown = BUF(a);
        json_write(&shown, shown_rule(a, rule), (struct json_style){.html = true});
        admit_add_cause(a, reader->causes, "FieldValueInvalid", field,
                        str_printf(a, "Invalid value: " STR_FMT ": " STR_FMT,
                                   STR_ARG(buf_str(&shown)), STR_ARG(err_text(e))));
    }
}

static void check_schema(struct reader *reader, const node *schema, str path, enum place place)
{
    arena *a = reader->a;
    if (!node_is_map(schema)) return;
    str type = node_get_str(schema, STR("type"));
    check_type(reader, schema, path, place);
    check_pattern(reader, schema, path);
    check_default(reader, schema, path);
    check_rules(reader, schema, path);
    const node *items = node_get(schema, STR("items"));
    if (str_is(type, "array") && !items)
        required(reader, str_concat(a, path, STR(".items")), "must be specified");
    bool keyed = str_is(node_get_str(schema, STR("x-kubernetes-list-type")), "map");
    const node *keys = node_get(schema, STR("x-kubernetes-list-map-keys"));
    if (keyed && (!keys || !keys->count))
        required(reader, str_concat(a, path, STR(".x-kubernetes-list-map-keys")),
                 "must not be empty if x-kubernetes-list-type is map");
    PAIR_EACH (node_get(schema, STR("properties")), pair) {
        str below =
            str_printf(a, STR_FMT ".properties[" STR_FMT "]", STR_ARG(path), STR_ARG(pair->key));
        check_schema(reader, pair->value, below, AT_FIELD);
    }
    check_schema(reader, items, str_concat(a, path, STR(".items")), AT_ITEMS);
    check_schema(reader, node_get(schema, STR("additionalProperties")),
                 str_concat(a, path, STR(".additionalProperties")), AT_FIELD);
}

static void check_root(struct reader *reader, const node *version, str path)
{
    arena *a = reader->a;
    const node *schema = node_find(version, "schema", "openAPIV3Schema", NULL);
    const node *type = node_get(schema, STR("type"));
    bool status = node_find(version, "subresources", "status", NULL) != NULL;
    str field = str_concat(a, path, STR(".type"));
    if (!schema) return;
    if (type && !str_is(node_get_str(schema, STR("type")), "object")) {
        if (status)
            invalid(reader, field, type,
                    "only \"object\" is allowed as the type at the root of the schema if the "
                    "status subresource is enabled");
        invalid(reader, field, type, "must be object at the root");
        return;
    }
    check_schema(reader, schema, path, AT_ROOT);
}

void definition_check(arena *a, const node *crd, node *causes)
{
    struct reader reader = {.a = a, .causes = causes};
    const node *spec = node_get(crd, STR("spec")), *versions = node_get(spec, STR("versions"));
    str group = node_get_str(spec, STR("group"));
    str plural = node_find_str(spec, "names", "plural", NULL);
    const node *name = node_find(crd, "metadata", "name", NULL);
    str wanted = str_printf(a, STR_FMT "." STR_FMT, STR_ARG(plural), STR_ARG(group));
    if (!name || !str_eq(name->text, wanted))
        invalid(&reader, STR("metadata.name"), name ? name : node_null(a),
                "must be spec.names.plural+\".\"+spec.group");
    size_t stored = 0, at = 0;
    NODE_EACH (versions, version) {
        stored += node_get_bool(version, STR("storage"), false);
        str path = versions->count == 1
                       ? STR("spec.validation.openAPIV3Schema")
                       : str_printf(a, "spec.versions[%zu].schema.openAPIV3Schema", at++);
        check_root(&reader, version, path);
    }
    if (stored != 1)
        invalid(&reader, STR("spec.versions"), versions ? versions : node_null(a),
                "must have exactly one version marked as storage version");
}
