#include "sandbox/rules.h"

#include "base/limits.h"
#include "doc/cel.h"
#include "doc/json.h"
#include "sandbox/admit.h"

#define RULES STR("x-kubernetes-validations")

static const char *const both_names[] = {"?self", "?oldSelf", NULL};
static const char *const self_name[] = {"?self", NULL};

struct walk {
    arena *a;
    node *causes;
    uint64_t cost; /* of all rules so far */
};

/* A value, and the one that it takes the place of; NULL when there is none. */
struct pair {
    const node *self, *old;
};

/* ---- compiling ---- */

/* Sets `transition` when the rule is about the change. */
static err *compile(arena *a, str text, struct cel **out, bool *transition)
{
    if (str_find(text, STR("__")) >= 0)
        return err_invalid("names that are escaped with '__' are not supported by the sandbox");
    err *e = cel_compile(a, text, self_name, out);
    *transition = e != NULL;
    if (!e) return NULL;
    err *other = cel_compile(a, text, both_names, out);
    if (other) {
        err_free(other);
        return e;
    }
    err_free(e);
    return NULL;
}

err *rules_compile(arena *a, const node *rule)
{
    struct cel *cel;
    bool transition;
    str message = node_get_str(rule, STR("messageExpression"));
    err *e = compile(a, node_get_str(rule, STR("rule")), &cel, &transition);
    if (e) return err_wrap(e, "compilation failed");
    if (cel_result(cel) != CEL_BOOL && cel_result(cel) != CEL_DYN)
        return err_invalid("cel expression must evaluate to a bool");
    if (!message.len) return NULL;
    e = compile(a, message, &cel, &transition);
    if (e) return err_wrap(e, "messageExpression compilation failed");
    if (cel_result(cel) != CEL_STRING && cel_result(cel) != CEL_DYN)
        return err_invalid("messageExpression must evaluate to a string");
    return NULL;
}

/* ---- one rule ---- */

static size_t bind(arena *a, const node *rule, struct pair pair, struct cel_variable out[2])
{
    out[0] = (struct cel_variable){STR("self"), cel_value_of(pair.self)};
    struct cel_value *old = NEW(a, struct cel_value);
    if (pair.old) *old = cel_value_of(pair.old);
    if (node_get_bool(rule, STR("optionalOldSelf"), false)) {
        out[1] = (struct cel_variable){STR("oldSelf"),
                                       {.type = CEL_OPTIONAL, .inner = pair.old ? old : NULL}};
        return 2;
    }
    out[1] = (struct cel_variable){STR("oldSelf"), *old};
    return pair.old ? 2 : 1;
}

static str message_of(struct walk *walk, const node *rule, const struct cel_variable *variables,
                      size_t count)
{
    arena *a = walk->a;
    struct cel *cel;
    bool transition;
    struct cel_value value;
    uint64_t cost = 0;
    str fallback = str_trim(node_get_str(rule, STR("message")));
    str text = node_get_str(rule, STR("messageExpression"));
    if (text.len) {
        err *e AUTO(err_done) = compile(a, text, &cel, &transition);
        err *wrong AUTO(err_done) = e ? NULL : cel_eval(a, cel, variables, count, &value, &cost);
        walk->cost += cost;
        bool good = !e && !wrong && value.type == CEL_STRING;
        if (good && str_trim(value.text).len && !str_has_char(value.text, '\n')) return value.text;
    }
    if (fallback.len) return fallback;
    return str_concat(a, STR("failed rule: "), str_trim(node_get_str(rule, STR("rule"))));
}

static void refuse(struct walk *walk, const node *rule, const node *self, str path, str message)
{
    arena *a = walk->a;
    str reason = node_get_str(rule, STR("reason")), below = node_get_str(rule, STR("fieldPath"));
    path = str_concat(a, path, below);
    str_strip_prefix(&path, STR("."));
    if (str_is(reason, "FieldValueForbidden"))
        message = str_concat(a, STR("Forbidden: "), message);
    else if (str_is(reason, "FieldValueRequired"))
        message = str_concat(a, STR("Required value: "), message);
    else if (str_is(reason, "FieldValueDuplicate"))
        message = str_concat(a, STR("Duplicate value: "), message);
    else if (node_is_scalar(self))
        message = str_printf(a, "Invalid value: " STR_FMT ": " STR_FMT, STR_ARG(json_text(a, self)),
                             STR_ARG(message));
    else
        message = str_concat(a, STR("Invalid value: "), message);
    admit_add_cause(a, walk->causes, reason.len ? str_z(a, reason) : "FieldValueInvalid", path,
                    message);
}

static void check_rule(struct walk *walk, const node *rule, struct pair pair, str path)
{
    arena *a = walk->a;
    struct cel *cel;
    bool transition, lenient = node_get_bool(rule, STR("optionalOldSelf"), false);
    str text = node_get_str(rule, STR("rule"));
    struct cel_variable variables[2];
    struct cel_value value;
    uint64_t cost = 0;
    err *e AUTO(err_done) = compile(a, text, &cel, &transition);
    if (!e && transition && !pair.old && !lenient) return;
    size_t count = bind(a, rule, pair, variables);
    if (!e) e = cel_eval(a, cel, variables, count, &value, &cost);
    walk->cost += cost;
    if (!e && value.type == CEL_BOOL && value.truth) return;
    if (!e && value.type == CEL_BOOL) {
        refuse(walk, rule, pair.self, path, message_of(walk, rule, variables, count));
        return;
    }
    str why = e ? err_text(e) : STR("the result is no bool");
    refuse(walk, rule, pair.self, path,
           str_printf(a, STR_FMT " evaluating rule: " STR_FMT, STR_ARG(why), STR_ARG(text)));
}

/* ---- all of an object ---- */

static void walk_value(struct walk *walk, struct typing typing, struct pair pair, str path);

/* The item of the old list with the same keys; only lists of keys can be compared. */
static const node *old_item(struct typing list, const node *old, const node *item)
{
    if (typing_list_of(list) != TYPING_MAP) return NULL;
    NODE_EACH (old, other) {
        bool same = true;
        NODE_EACH (typing_keys(list), key) {
            const node *x = node_get(item, key->text), *y = node_get(other, key->text);
            same = same && (x && y ? node_equal(x, y) : x == y);
        }
        if (same) return other;
    }
    return NULL;
}

static void walk_children(struct walk *walk, struct typing typing, struct pair pair, str path)
{
    arena *a = walk->a;
    PAIR_EACH (pair.self, field) {
        bool declared = typing_declares(typing, field->key);
        struct typing inner = typing_field(typing, field->key);
        if (!inner.schema || (!path.len && str_is(field->key, "metadata"))) continue;
        str below = str_printf(a, declared ? STR_FMT ".%.*s" : STR_FMT "[%.*s]", STR_ARG(path),
                               STR_ARG(field->key));
        walk_value(walk, inner,
                   (struct pair){field->value,
                                 node_is_map(pair.old) ? node_get(pair.old, field->key) : NULL},
                   below);
    }
    size_t at = 0;
    NODE_EACH (pair.self, item) {
        walk_value(walk, typing_items(typing),
                   (struct pair){item, old_item(typing, pair.old, item)},
                   str_printf(a, STR_FMT "[%zu]", STR_ARG(path), at++));
    }
}

static void walk_value(struct walk *walk, struct typing typing, struct pair pair, str path)
{
    if (!typing.schema || node_is_null(pair.self)) return;
    if (node_is_null(pair.old)) pair.old = NULL;
    NODE_EACH (node_get(typing.schema, RULES), rule) {
        if (walk->cost > LIMIT_SANDBOX_RULES_COST) return;
        check_rule(walk, rule, pair, path);
        if (walk->cost > LIMIT_SANDBOX_RULES_COST)
            admit_add_cause(walk->a, walk->causes, "FieldValueForbidden", path,
                            STR("Forbidden: validation failed due to running out of cost budget, "
                                "no further validation rules will be run"));
    }
    walk_children(walk, typing, pair, path);
}

/* Errors after which upstream does not ask the rules any more. */
static bool is_blocking(const node *cause)
{
    static const char *const reasons[] = {"FieldValueNotSupported", "FieldValueRequired",
                                          "FieldValueTooLong", "FieldValueTooMany",
                                          "FieldValueTypeInvalid"};
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (str_is(node_get_str(cause, STR("reason")), reasons[i])) return true;
    return false;
}

static bool has_rules(const node *schema)
{
    if (node_is_map(schema) && node_is_list(node_get(schema, RULES))) return true;
    PAIR_EACH (schema, pair) {
        if (has_rules(pair->value)) return true;
    }
    return false;
}

void rules_check(arena *a, struct typing typing, const node *before, const node *object,
                 node *causes)
{
    if (!has_rules(typing.schema)) return;
    NODE_EACH (causes, cause) {
        if (!is_blocking(cause)) continue;
        admit_add_cause(a, causes, "FieldValueInvalid", STR("<nil>"),
                        STR("Invalid value: null: some validation rules were not checked because "
                            "the object was invalid; correct the existing errors to complete "
                            "validation"));
        return;
    }
    struct walk walk = {.a = a, .causes = causes};
    walk_value(&walk, typing, (struct pair){object, before}, STR(""));
}
