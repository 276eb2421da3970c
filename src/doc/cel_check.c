#include "doc/cel_check.h"

#include "base/buf.h"
#include "doc/cel_call.h"
#include "doc/cel_lex.h"

/* A variable of a macro, while its body is looked at. */
struct scope {
    const struct scope *outer;
    str name;
    uint8_t type;
};

struct check {
    arena *a;
    str source;
    const char *const *variables; /* NULL: nothing is checked */
};

static err *visit(struct check *check, const struct scope *scope, struct cel_expr *expr);

static err *wrong(const struct check *check, const struct cel_expr *expr, err *e)
{
    return cel_lex_place(check->source, expr->at, e);
}

static const char *shown(uint8_t type)
{
    if (type == CEL_LIST) return "list(dyn)";
    if (type == CEL_MAP) return "map(string, dyn)";
    if (type == CEL_NULL) return "null";
    return cel_value_type_name((enum cel_type)type);
}

static err *no_overload(const struct check *check, const struct cel_expr *expr)
{
    buf types = BUF(check->a);
    for (uint32_t i = expr->is_member; i < expr->count; i++)
        buf_printf(&types, "%s%s", i > expr->is_member ? ", " : "", shown(expr->args[i]->type));
    str target =
        expr->is_member ? str_printf(check->a, "%s.", shown(expr->args[0]->type)) : (str){0};
    return wrong(check, expr,
                 err_invalid("found no matching overload for '" STR_FMT "' applied to '" STR_FMT
                             "(" STR_FMT ")'",
                             STR_ARG(expr->name), STR_ARG(target), STR_ARG(buf_str(&types))));
}

static err *need(const struct check *check, const struct cel_expr *expr, const struct cel_expr *arg,
                 uint16_t types)
{
    if (!check->variables || cel_call_fits(types, (enum cel_type)arg->type)) return NULL;
    return no_overload(check, expr);
}

/* ---- names ---- */

static const struct scope *find_scope(const struct scope *scope, str name)
{
    while (scope && !str_eq(scope->name, name))
        scope = scope->outer;
    return scope;
}

/* CEL_MAP, or CEL_DYN for one that is declared as "?name"; false when it is not declared. */
static bool is_variable(const struct check *check, str name, enum cel_type *type)
{
    for (const char *const *at = check->variables; at && *at; at++) {
        bool any = (*at)[0] == '?';
        if (!str_is(name, *at + any)) continue;
        *type = any ? CEL_DYN : CEL_MAP;
        return true;
    }
    return false;
}

static err *visit_name(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    const struct scope *found = find_scope(scope, expr->name);
    enum cel_type named;
    expr->type = CEL_DYN;
    if (found) {
        expr->type = found->type;
        return NULL;
    }
    if (is_variable(check, expr->name, &named)) {
        expr->type = named;
        return NULL;
    }
    if (!check->variables) return NULL; /* cel_eval looks for a variable, then for a type */
    if (cel_value_type_of(expr->name, &named)) {
        *expr = (struct cel_expr){.form = CEL_FORM_LITERAL, .at = expr->at, .type = CEL_TYPE};
        expr->value = (struct cel_value){.type = CEL_TYPE, .named = named};
        return NULL;
    }
    return wrong(check, expr,
                 err_invalid("undeclared reference to '" STR_FMT "' (in container '')",
                             STR_ARG(expr->name)));
}

/* google.protobuf.Timestamp is the name of a type, unless a variable is called google. */
static bool is_long_type(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    struct cel_expr *middle = expr->args[0];
    enum cel_type named;
    if (middle->form != CEL_FORM_SELECT || !str_is(middle->name, "protobuf")) return false;
    struct cel_expr *first = middle->args[0];
    if (first->form != CEL_FORM_NAME || !str_is(first->name, "google")) return false;
    str name = str_concat(check->a, STR("google.protobuf."), expr->name);
    if (find_scope(scope, first->name) || !cel_value_type_of(name, &named)) return false;
    *expr = (struct cel_expr){.form = CEL_FORM_LITERAL, .at = expr->at, .type = CEL_TYPE};
    expr->value = (struct cel_value){.type = CEL_TYPE, .named = named};
    return true;
}

/* ---- fields and indexes ---- */

static err *visit_select(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    if (is_long_type(check, scope, expr)) return NULL;
    struct cel_expr *subject = expr->args[0];
    TRY(visit(check, scope, subject));
    bool fits = cel_call_fits(CEL_ONE(CEL_MAP) | CEL_ONE(CEL_OPTIONAL), subject->type);
    if (check->variables && !fits) {
        return wrong(
            check, expr,
            err_invalid("type '%s' does not support field selection", shown(subject->type)));
    }
    expr->type = subject->type == CEL_MAP ? subject->item : CEL_DYN;
    if (expr->form == CEL_FORM_HAS) expr->type = CEL_BOOL;
    if (expr->is_optional || subject->type == CEL_OPTIONAL) {
        expr->item = expr->type;
        expr->type = expr->form == CEL_FORM_HAS ? CEL_BOOL : CEL_OPTIONAL;
    }
    return NULL;
}

static err *visit_index(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    struct cel_expr *subject = expr->args[0];
    TRY(visit(check, scope, subject));
    TRY(visit(check, scope, expr->args[1]));
    expr->name = STR("_[_]");
    TRY(need(check, expr, subject, CEL_ONE(CEL_LIST) | CEL_ONE(CEL_MAP) | CEL_ONE(CEL_OPTIONAL)));
    if (subject->type == CEL_LIST) TRY(need(check, expr, expr->args[1], CEL_NUMBERS));
    bool optional = expr->is_optional || subject->type == CEL_OPTIONAL;
    uint8_t held = subject->type == CEL_OPTIONAL ? CEL_DYN : subject->item;
    expr->type = optional ? CEL_OPTIONAL : held;
    expr->item = optional ? held : CEL_DYN;
    return NULL;
}

/* ---- collections ---- */

/* What all items are; an error when two of them are known to differ. */
static err *join_items(struct check *check, struct cel_expr *expr, uint32_t from, uint32_t step,
                       uint8_t *out)
{
    uint8_t type = CEL_DYN;
    for (uint32_t i = from; i < expr->count; i += step) {
        uint8_t next = expr->args[i]->type;
        bool marked = expr->args[step == 2 ? i - from : i]->is_marked;
        if (marked && next == CEL_OPTIONAL && (step == 1 || from == 1)) next = expr->args[i]->item;
        if (check->variables && i > from && type != CEL_DYN && next != CEL_DYN && type != next) {
            return wrong(
                check, expr->args[i],
                err_invalid("expected type '%s' but found '%s'", shown(type), shown(next)));
        }
        if (i == from || next == CEL_DYN) type = next;
        if (next == CEL_DYN) break;
    }
    *out = type;
    return NULL;
}

static err *visit_items(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    uint8_t keys;
    for (uint32_t i = 0; i < expr->count; i++)
        TRY(visit(check, scope, expr->args[i]));
    expr->type = expr->form == CEL_FORM_LIST ? CEL_LIST : CEL_MAP;
    if (expr->form == CEL_FORM_LIST) return join_items(check, expr, 0, 1, &expr->item);
    TRY(join_items(check, expr, 0, 2, &keys));
    return join_items(check, expr, 1, 2, &expr->item);
}

/* ---- macros ---- */

static uint8_t variable_type(const struct cel_expr *expr)
{
    const struct cel_expr *range = expr->args[0];
    if (range->type == CEL_LIST || range->type == CEL_OPTIONAL) return range->item;
    return CEL_DYN;
}

static err *visit_macro(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    bool optional = expr->form == CEL_FORM_OPT_MAP || expr->form == CEL_FORM_OPT_FLAT_MAP;
    bool each = expr->form == CEL_FORM_EACH;
    struct cel_expr *range = expr->args[0], *body = expr->args[1];
    TRY(visit(check, scope, range));
    if (check->variables &&
        !cel_call_fits(optional ? CEL_ONE(CEL_OPTIONAL) : CEL_ONE(CEL_LIST) | CEL_ONE(CEL_MAP),
                       range->type)) {
        return wrong(check, range,
                     err_invalid("expression of type '%s' cannot be range of a comprehension "
                                 "(must be list, map, or dynamic)",
                                 shown(range->type)));
    }
    struct scope inner = {scope, expr->name, variable_type(expr)};
    TRY(visit(check, &inner, body));
    if (expr->count == 3) TRY(visit(check, &inner, expr->args[2]));
    struct cel_expr *truth = expr->count == 3 ? expr->args[2] : each || optional ? NULL : body;
    if (check->variables && truth && !cel_call_fits(CEL_ONE(CEL_BOOL), truth->type)) {
        return wrong(check, truth,
                     err_invalid("expected type 'bool' but found '%s'", shown(truth->type)));
    }
    bool list = each || expr->form == CEL_FORM_FILTER;
    expr->type = optional ? CEL_OPTIONAL : list ? CEL_LIST : CEL_BOOL;
    if (each || expr->form == CEL_FORM_OPT_MAP) expr->item = body->type;
    if (expr->form == CEL_FORM_OPT_FLAT_MAP) expr->item = body->item;
    if (expr->form == CEL_FORM_FILTER) expr->item = inner.type;
    return NULL;
}

/* ---- operators and calls ---- */

static err *visit_logic(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    expr->name = expr->form == CEL_FORM_AND ? STR("_&&_") : STR("_||_");
    for (uint32_t i = 0; i < expr->count; i++)
        TRY(visit(check, scope, expr->args[i]));
    for (uint32_t i = 0; i < expr->count; i++)
        TRY(need(check, expr, expr->args[i], CEL_ONE(CEL_BOOL)));
    expr->type = CEL_BOOL;
    return NULL;
}

static err *visit_choice(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    expr->name = STR("_?_:_");
    for (uint32_t i = 0; i < 3; i++)
        TRY(visit(check, scope, expr->args[i]));
    TRY(need(check, expr, expr->args[0], CEL_ONE(CEL_BOOL)));
    uint8_t one = expr->args[1]->type, other = expr->args[2]->type;
    if (check->variables && one != CEL_DYN && other != CEL_DYN && one != other)
        return no_overload(check, expr);
    expr->type = one == other ? one : CEL_DYN;
    expr->item = expr->args[1]->item == expr->args[2]->item ? expr->args[1]->item : CEL_DYN;
    return NULL;
}

static err *visit_comparison(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    TRY(visit(check, scope, expr->args[0]));
    TRY(visit(check, scope, expr->args[1]));
    uint8_t one = expr->args[0]->type, other = expr->args[1]->type;
    expr->type = CEL_BOOL;
    if (expr->form == CEL_FORM_IN)
        return need(check, expr, expr->args[1], CEL_ONE(CEL_LIST) | CEL_ONE(CEL_MAP));
    bool numbers = cel_call_fits(CEL_NUMBERS, one) && cel_call_fits(CEL_NUMBERS, other);
    if (!check->variables || one == other || one == CEL_DYN || other == CEL_DYN || numbers)
        return NULL;
    return no_overload(check, expr);
}

static bool row_fits(const struct cel_function *row, const struct cel_expr *expr)
{
    for (uint32_t i = 0; i < expr->count; i++) {
        if (!cel_call_fits(row->params[i], (enum cel_type)expr->args[i]->type)) return false;
    }
    return true;
}

/* What is held by what these functions return is what their argument holds. */
static uint8_t item_of(const struct cel_expr *expr)
{
    static const char *const keepers[] = {"_+_", "or", "optional.of", "reverse"};
    const struct cel_expr *first = expr->count ? expr->args[0] : NULL;
    for (size_t i = 0; first && i < COUNT(keepers); i++) {
        if (!str_is(expr->name, keepers[i])) continue;
        return str_is(expr->name, "optional.of") ? first->type : first->item;
    }
    return str_is(expr->name, "split") ? CEL_STRING : CEL_DYN;
}

static uint8_t type_of_call(const struct cel_expr *expr)
{
    const struct cel_expr *first = expr->count ? expr->args[0] : NULL;
    bool open = first && first->type == CEL_OPTIONAL;
    if (open && str_is(expr->name, "value")) return first->item;
    if (open && str_is(expr->name, "orValue"))
        return first->item == expr->args[1]->type ? first->item : CEL_DYN;
    uint8_t type = CEL_DYN;
    bool found = false;
    for (size_t i = 0; i < expr->function_count; i++) {
        if (!row_fits(expr->functions[i], expr)) continue;
        if (found && type != expr->functions[i]->result) return CEL_DYN;
        type = expr->functions[i]->result;
        found = true;
    }
    return type;
}

static err *visit_call(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    for (uint32_t i = 0; i < expr->count; i++)
        TRY(visit(check, scope, expr->args[i]));
    cel_call_find(check->a, expr->name, expr->is_member, expr->count, &expr->functions,
                  &expr->function_count);
    if (!check->variables) return NULL;
    if (!cel_call_knows(expr->name)) {
        return wrong(check, expr,
                     err_invalid("undeclared reference to '" STR_FMT "' (in container '')",
                                 STR_ARG(expr->name)));
    }
    bool fits = false;
    for (size_t i = 0; i < expr->function_count && !fits; i++)
        fits = row_fits(expr->functions[i], expr);
    if (!fits) return no_overload(check, expr);
    expr->type = type_of_call(expr);
    expr->item = item_of(expr);
    return NULL;
}

static err *visit(struct check *check, const struct scope *scope, struct cel_expr *expr)
{
    switch (expr->form) {
    case CEL_FORM_LITERAL:
        expr->type = expr->value.type;
        return NULL;
    case CEL_FORM_NAME:
        return visit_name(check, scope, expr);
    case CEL_FORM_SELECT:
    case CEL_FORM_HAS:
        return visit_select(check, scope, expr);
    case CEL_FORM_INDEX:
        return visit_index(check, scope, expr);
    case CEL_FORM_CALL:
        return visit_call(check, scope, expr);
    case CEL_FORM_LIST:
    case CEL_FORM_MAP:
        return visit_items(check, scope, expr);
    case CEL_FORM_AND:
    case CEL_FORM_OR:
        return visit_logic(check, scope, expr);
    case CEL_FORM_CHOICE:
        return visit_choice(check, scope, expr);
    case CEL_FORM_EQUAL:
    case CEL_FORM_UNEQUAL:
    case CEL_FORM_IN:
        return visit_comparison(check, scope, expr);
    case CEL_FORM_ALL:
    case CEL_FORM_EXISTS:
    case CEL_FORM_EXISTS_ONE:
    case CEL_FORM_EACH:
    case CEL_FORM_FILTER:
    case CEL_FORM_OPT_MAP:
    case CEL_FORM_OPT_FLAT_MAP:
        return visit_macro(check, scope, expr);
    }
    return NULL;
}

err *cel_check(arena *a, str source, struct cel_expr *root, const char *const *variables)
{
    struct check check = {a, source, variables};
    return visit(&check, NULL, root);
}
