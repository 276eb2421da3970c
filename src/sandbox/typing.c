#include "sandbox/typing.h"

enum { REFERENCES_MAX = 8, ZERO_DEPTH_MAX = 8 };

struct typing typing_of(const node *definitions, const node *schema)
{
    for (int i = 0; schema && i < REFERENCES_MAX; i++) {
        str name = node_get_str(schema, STR("$ref"));
        if (!name.len) return (struct typing){schema, definitions};
        str_strip_prefix(&name, STR("#/definitions/"));
        schema = node_get(definitions, name);
    }
    return (struct typing){0};
}

struct typing typing_named(const node *definitions, str name)
{
    return typing_of(definitions, node_get(definitions, name));
}

bool typing_declares(struct typing typing, str name)
{
    return node_get(node_get(typing.schema, STR("properties")), name) != NULL;
}

/* The place of a field, before references are followed: defaults stand there. */
static const node *field_schema(struct typing typing, str name)
{
    const node *found = node_get(node_get(typing.schema, STR("properties")), name);
    if (found) return found;
    const node *rest = node_get(typing.schema, STR("additionalProperties"));
    return node_is_map(rest) ? rest : NULL;
}

struct typing typing_field(struct typing typing, str name)
{
    return typing_of(typing.definitions, field_schema(typing, name));
}

struct typing typing_items(struct typing typing)
{
    return typing_of(typing.definitions, node_get(typing.schema, STR("items")));
}

bool typing_map_is_atomic(struct typing typing)
{
    return str_is(node_get_str(typing.schema, STR("x-kubernetes-map-type")), "atomic");
}

enum typing_list typing_list_of(struct typing typing)
{
    str type = node_get_str(typing.schema, STR("x-kubernetes-list-type"));
    if (str_is(type, "set")) return TYPING_SET;
    return str_is(type, "map") ? TYPING_MAP : TYPING_ATOMIC;
}

const node *typing_keys(struct typing typing)
{
    return node_get(typing.schema, STR("x-kubernetes-list-map-keys"));
}

bool typing_keeps_unknown(struct typing typing)
{
    if (!typing.schema) return true;
    return node_get_bool(typing.schema, STR("x-kubernetes-preserve-unknown-fields"), false);
}

static node *zero(arena *a, struct typing typing, int depth)
{
    node *out = node_map(a);
    if (depth > ZERO_DEPTH_MAX) return out;
    const node *required = node_get(typing.schema, STR("required"));
    PAIR_EACH (node_get(typing.schema, STR("properties")), field) {
        const node *fallback = node_get(field->value, STR("default"));
        if (node_is_map(fallback) && fallback->count == 0) {
            struct typing inner = typing_of(typing.definitions, field->value);
            if (node_get(inner.schema, STR("properties")))
                node_set(a, out, field->key, zero(a, inner, depth + 1));
        }
    }
    NODE_EACH (required, name) {
        struct typing inner = typing_field(typing, name->text);
        if (!node_get(out, name->text) &&
            !str_is(node_get_str(inner.schema, STR("type")), "object"))
            node_set(a, out, name->text, node_null(a));
    }
    return out;
}

node *typing_zero(arena *a, struct typing typing)
{
    return zero(a, typing, 0);
}
