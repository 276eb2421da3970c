#include "doc/cel_eval.h"

#include "doc/cel_call.h"
#include "doc/cel_lex.h"

/* A variable of a macro, while its body runs. */
struct scope {
    const struct scope *outer;
    str name;
    struct cel_value value;
};

struct run {
    arena *a;
    str source;
    const struct cel_variable *variables;
    size_t count;
    struct cel_budget budget;
    struct cel_regexes regexes;
};

static err *eval(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                 struct cel_value *out);

static err *wrong(const struct run *run, const struct cel_expr *expr, err *e)
{
    return e ? cel_lex_place(run->source, expr->at, e) : NULL;
}

/* Each step goes through here: the usual case has no call in it. */
static inline err *spend(struct run *run, const struct cel_expr *expr, uint64_t cost)
{
    run->budget.cost += cost;
    if (run->budget.cost <= LIMIT_CEL_COST) return NULL;
    return wrong(run, expr, cel_value_spend(&run->budget, 0));
}

/* Once the budget is gone, nothing absorbs the error any more. */
static bool is_spent(const struct run *run)
{
    return run->budget.cost > LIMIT_CEL_COST;
}

static err *no_overload(const struct run *run, const struct cel_expr *expr, const char *name,
                        const struct cel_value *value)
{
    return wrong(run, expr,
                 err_invalid("no such overload: %s(%s)", name,
                             cel_value_type_name((enum cel_type)value->type)));
}

/* ---- names ---- */

/* Names have at least one letter; most that differ do so in the first or in length. */
static inline bool is_named(str name, str wanted)
{
    return name.len == wanted.len && name.data[0] == wanted.data[0] && str_eq(name, wanted);
}

static err *eval_name(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                      struct cel_value *out)
{
    enum cel_type named;
    for (; scope; scope = scope->outer) {
        if (!is_named(scope->name, expr->name)) continue;
        *out = scope->value;
        return NULL;
    }
    if (run->count >= 10) TRY(spend(run, expr, run->count / 10));
    for (size_t i = 0; i < run->count; i++) {
        if (!str_eq(run->variables[i].name, expr->name)) continue;
        *out = run->variables[i].value;
        return NULL;
    }
    if (cel_value_type_of(expr->name, &named)) {
        *out = (struct cel_value){.type = CEL_TYPE, .named = named};
        return NULL;
    }
    return wrong(run, expr, err_invalid("no such attribute(s): " STR_FMT, STR_ARG(expr->name)));
}

/* ---- optional values ---- */

static struct cel_value some(struct run *run, struct cel_value value)
{
    struct cel_value *inner = NEW(run->a, struct cel_value);
    *inner = value;
    return (struct cel_value){.type = CEL_OPTIONAL, .inner = inner};
}

static const struct cel_value none = {.type = CEL_OPTIONAL};

/* ---- fields and indexes ---- */

static err *find_field(struct run *run, const struct cel_expr *expr, const struct cel_value *map,
                       str name, struct cel_value *out, bool *found)
{
    struct cel_value key = cel_value_str(name);
    if (map->type != CEL_MAP) return no_overload(run, expr, "select", map);
    TRY(spend(run, expr, cel_value_size(map) / 16));
    *found = cel_value_find(map, &key, out);
    return NULL;
}

static err *eval_select(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                        struct cel_value *out)
{
    struct cel_value subject, field;
    bool found = false;
    TRY(eval(run, scope, expr->args[0], &subject));
    bool optional = expr->is_optional || subject.type == CEL_OPTIONAL;
    bool absent = subject.type == CEL_OPTIONAL && !subject.inner;
    if (subject.type == CEL_OPTIONAL && subject.inner) subject = *subject.inner;
    if (absent) {
        *out = expr->form == CEL_FORM_HAS ? cel_value_bool(false) : none;
        return NULL;
    }
    TRY(find_field(run, expr, &subject, expr->name, &field, &found));
    if (expr->form == CEL_FORM_HAS) {
        *out = cel_value_bool(found);
    } else if (optional) {
        *out = found ? some(run, field) : none;
    } else if (found) {
        *out = field;
    } else {
        return wrong(run, expr, err_invalid("no such key: " STR_FMT, STR_ARG(expr->name)));
    }
    return NULL;
}

static err *find_item(struct run *run, const struct cel_expr *expr, const struct cel_value *subject,
                      const struct cel_value *key, struct cel_value *out, err **missing)
{
    int64_t index;
    *missing = NULL;
    if (subject->type == CEL_LIST) {
        if (!cel_value_integer(key, &index)) return no_overload(run, expr, "_[_]", key);
        if (index >= 0 && index < cel_value_size(subject))
            *out = cel_value_item(subject, (uint32_t)index);
        else
            *missing = err_invalid("index out of bounds: %lld", (long long)index);
        return NULL;
    }
    if (subject->type != CEL_MAP) return no_overload(run, expr, "_[_]", subject);
    TRY(spend(run, expr, cel_value_size(subject) / 16));
    if (cel_value_find(subject, key, out)) return NULL;
    str text = key->type == CEL_STRING ? key->text : str_of(cel_value_type_name(key->type));
    *missing = err_invalid("no such key: " STR_FMT, STR_ARG(text));
    return NULL;
}

static err *eval_index(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                       struct cel_value *out)
{
    struct cel_value subject, key, item = {0};
    err *missing = NULL;
    TRY(eval(run, scope, expr->args[0], &subject));
    TRY(eval(run, scope, expr->args[1], &key));
    bool optional = expr->is_optional || subject.type == CEL_OPTIONAL;
    if (subject.type == CEL_OPTIONAL) {
        if (!subject.inner) {
            *out = none;
            return NULL;
        }
        subject = *subject.inner;
    }
    TRY(find_item(run, expr, &subject, &key, &item, &missing));
    if (!optional) {
        *out = item;
        return wrong(run, expr, missing);
    }
    *out = missing ? none : some(run, item);
    err_free(missing);
    return NULL;
}

/* ---- collections ---- */

/* The value of an item; *skip for an empty optional in a marked place. */
static err *eval_marked(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                        bool marked, struct cel_value *out, bool *skip)
{
    *skip = false;
    TRY(eval(run, scope, expr, out));
    if (!marked) return NULL;
    if (out->type != CEL_OPTIONAL) return no_overload(run, expr, "optional", out);
    *skip = !out->inner;
    if (out->inner) *out = *out->inner;
    return NULL;
}

static err *eval_list(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                      struct cel_value *out)
{
    struct cel_value *items = NEW_ARRAY(run->a, struct cel_value, expr->count);
    size_t count = 0;
    for (uint32_t i = 0; i < expr->count; i++) {
        bool skip;
        TRY(eval_marked(run, scope, expr->args[i], expr->args[i]->is_marked, &items[count], &skip));
        count += !skip;
    }
    *out = cel_value_list(items, count);
    return NULL;
}

static err *eval_map(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                     struct cel_value *out)
{
    struct cel_pair *pairs = NEW_ARRAY(run->a, struct cel_pair, expr->count / 2);
    *out = (struct cel_value){.type = CEL_MAP, .pairs = pairs};
    for (uint32_t i = 0; i < expr->count; i += 2) {
        const struct cel_expr *key = expr->args[i];
        struct cel_pair *pair = &pairs[out->count];
        struct cel_value twin;
        bool skip;
        TRY(eval(run, scope, key, &pair->key));
        if (pair->key.type != CEL_BOOL && pair->key.type != CEL_INT && pair->key.type != CEL_UINT &&
            pair->key.type != CEL_STRING)
            return wrong(
                run, key,
                err_invalid("unsupported key type: %s", cel_value_type_name(pair->key.type)));
        TRY(eval_marked(run, scope, expr->args[i + 1], key->is_marked, &pair->value, &skip));
        if (skip) continue;
        TRY(spend(run, expr, out->count / 10));
        if (cel_value_find(out, &pair->key, &twin))
            return wrong(run, key, err_invalid("a key of the map is repeated"));
        out->count++;
    }
    return NULL;
}

/* ---- logic ---- */

/* One that decides wins over errors of the others, as the standard says. */
static err *eval_logic(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                       struct cel_value *out)
{
    bool decisive = expr->form == CEL_FORM_OR;
    err *first = NULL;
    for (uint32_t i = 0; i < expr->count; i++) {
        struct cel_value value;
        err *e = eval(run, scope, expr->args[i], &value);
        if (!e && value.type != CEL_BOOL)
            e = no_overload(run, expr->args[i], decisive ? "_||_" : "_&&_", &value);
        if (!e && value.truth == decisive) {
            err_free(first);
            *out = value;
            return NULL;
        }
        if (!e) continue;
        if (first && !is_spent(run)) {
            err_free(e);
            continue;
        }
        err_free(first);
        first = e;
        if (is_spent(run)) return first;
    }
    *out = cel_value_bool(!decisive);
    return first;
}

static err *eval_choice(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                        struct cel_value *out)
{
    struct cel_value truth;
    TRY(eval(run, scope, expr->args[0], &truth));
    if (truth.type != CEL_BOOL) return no_overload(run, expr, "_?_:_", &truth);
    return eval(run, scope, expr->args[truth.truth ? 1 : 2], out);
}

static err *eval_equal(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                       struct cel_value *out)
{
    struct cel_value left, right;
    bool equal = false;
    TRY(eval(run, scope, expr->args[0], &left));
    TRY(eval(run, scope, expr->args[1], &right));
    TRY(wrong(run, expr, cel_value_equal(&run->budget, &left, &right, &equal)));
    *out = cel_value_bool(equal == (expr->form == CEL_FORM_EQUAL));
    return NULL;
}

static err *eval_in(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                    struct cel_value *out)
{
    struct cel_value left, right, ignored;
    bool found = false;
    TRY(eval(run, scope, expr->args[0], &left));
    TRY(eval(run, scope, expr->args[1], &right));
    if (right.type != CEL_LIST && right.type != CEL_MAP)
        return no_overload(run, expr, "@in", &right);
    uint32_t count = cel_value_size(&right);
    if (right.type == CEL_MAP) {
        TRY(spend(run, expr, count / 16));
        found = cel_value_find(&right, &left, &ignored);
        count = 0;
    }
    for (uint32_t i = 0; i < count && !found; i++) {
        struct cel_value item = cel_value_item(&right, i);
        TRY(wrong(run, expr, cel_value_equal(&run->budget, &left, &item, &found)));
    }
    *out = cel_value_bool(found);
    return NULL;
}

static err *eval_call(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                      struct cel_value *out)
{
    struct cel_value args[CEL_ARGS_MAX];
    if (expr->count > COUNT(args) || !expr->function_count) {
        return wrong(run, expr, err_invalid("no such overload: " STR_FMT, STR_ARG(expr->name)));
    }
    for (uint32_t i = 0; i < expr->count; i++)
        TRY(eval(run, scope, expr->args[i], &args[i]));
    struct cel_call call = {run->a, &run->budget, &run->regexes, args, expr->count};
    return wrong(run, expr,
                 cel_call_run(&call, expr->name, expr->functions, expr->function_count, out));
}

/* ---- macros ---- */

struct sweep {
    struct cel_value range;
    uint32_t count, hits;
    err *error;
    struct cel_value *items; /* EACH, FILTER */
};

static err *eval_bool(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                      bool *out)
{
    struct cel_value value;
    TRY(eval(run, scope, expr, &value));
    if (value.type != CEL_BOOL) return no_overload(run, expr, "bool", &value);
    *out = value.truth;
    return NULL;
}

/* map and filter: one item. */
static err *gather(struct run *run, const struct cel_expr *expr, const struct scope *inner,
                   struct sweep *sweep)
{
    bool keep = true;
    struct cel_value value = inner->value;
    if (expr->form == CEL_FORM_FILTER) {
        TRY(eval_bool(run, inner, expr->args[1], &keep));
    } else {
        if (expr->count == 3) TRY(eval_bool(run, inner, expr->args[2], &keep));
        if (keep) TRY(eval(run, inner, expr->args[1], &value));
    }
    if (keep) sweep->items[sweep->hits++] = value;
    return NULL;
}

/* all, exists, exists_one: one item. *done once nothing can change the answer. */
static err *test(struct run *run, const struct cel_expr *expr, const struct scope *inner,
                 struct sweep *sweep, bool *done)
{
    bool truth = false;
    err *e = eval_bool(run, inner, expr->args[1], &truth);
    if (e && (is_spent(run) || expr->form == CEL_FORM_EXISTS_ONE)) return e;
    if (e && sweep->error)
        err_free(e);
    else if (e)
        sweep->error = e;
    if (!e) sweep->hits += truth;
    *done =
        !e && ((expr->form == CEL_FORM_ALL && !truth) || (expr->form == CEL_FORM_EXISTS && truth));
    return NULL;
}

static struct cel_value item_at(const struct cel_value *range, uint32_t index)
{
    struct cel_value key, value;
    if (range->type == CEL_LIST) return cel_value_item(range, index);
    cel_value_pair(range, index, &key, &value);
    return key;
}

static err *conclude(const struct cel_expr *expr, struct sweep *sweep, bool decided,
                     struct cel_value *out)
{
    if (sweep->items) {
        *out = cel_value_list(sweep->items, sweep->hits);
        return NULL;
    }
    if (sweep->error && !decided) return sweep->error;
    err_free(sweep->error);
    *out = cel_value_bool(expr->form == CEL_FORM_ALL      ? !decided
                          : expr->form == CEL_FORM_EXISTS ? decided
                                                          : sweep->hits == 1);
    return NULL;
}

static err *eval_macro(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                       struct cel_value *out)
{
    struct sweep sweep = {0};
    bool decided = false, gathers = expr->form == CEL_FORM_EACH || expr->form == CEL_FORM_FILTER;
    TRY(eval(run, scope, expr->args[0], &sweep.range));
    if (sweep.range.type != CEL_LIST && sweep.range.type != CEL_MAP)
        return no_overload(run, expr, "comprehension", &sweep.range);
    sweep.count = cel_value_size(&sweep.range);
    if (gathers) {
        TRY(spend(run, expr, sweep.count));
        sweep.items = NEW_ARRAY(run->a, struct cel_value, sweep.count + 1);
    }
    for (uint32_t i = 0; i < sweep.count && !decided; i++) {
        struct scope inner = {scope, expr->name, item_at(&sweep.range, i)};
        err *e =
            gathers ? gather(run, expr, &inner, &sweep) : test(run, expr, &inner, &sweep, &decided);
        if (!e) continue;
        err_free(sweep.error);
        return e;
    }
    return conclude(expr, &sweep, decided, out);
}

static err *eval_optional(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                          struct cel_value *out)
{
    struct cel_value subject, value;
    TRY(eval(run, scope, expr->args[0], &subject));
    if (subject.type != CEL_OPTIONAL) return no_overload(run, expr, "optMap", &subject);
    if (!subject.inner) {
        *out = none;
        return NULL;
    }
    struct scope inner = {scope, expr->name, *subject.inner};
    TRY(eval(run, &inner, expr->args[1], &value));
    if (expr->form == CEL_FORM_OPT_FLAT_MAP && value.type != CEL_OPTIONAL)
        return no_overload(run, expr, "optFlatMap", &value);
    *out = expr->form == CEL_FORM_OPT_MAP ? some(run, value) : value;
    return NULL;
}

static err *eval(struct run *run, const struct scope *scope, const struct cel_expr *expr,
                 struct cel_value *out)
{
    TRY(spend(run, expr, 1));
    switch (expr->form) {
    case CEL_FORM_LITERAL:
        *out = expr->value;
        return NULL;
    case CEL_FORM_NAME:
        return eval_name(run, scope, expr, out);
    case CEL_FORM_SELECT:
    case CEL_FORM_HAS:
        return eval_select(run, scope, expr, out);
    case CEL_FORM_INDEX:
        return eval_index(run, scope, expr, out);
    case CEL_FORM_CALL:
        return eval_call(run, scope, expr, out);
    case CEL_FORM_LIST:
        return eval_list(run, scope, expr, out);
    case CEL_FORM_MAP:
        return eval_map(run, scope, expr, out);
    case CEL_FORM_AND:
    case CEL_FORM_OR:
        return eval_logic(run, scope, expr, out);
    case CEL_FORM_CHOICE:
        return eval_choice(run, scope, expr, out);
    case CEL_FORM_EQUAL:
    case CEL_FORM_UNEQUAL:
        return eval_equal(run, scope, expr, out);
    case CEL_FORM_IN:
        return eval_in(run, scope, expr, out);
    case CEL_FORM_ALL:
    case CEL_FORM_EXISTS:
    case CEL_FORM_EXISTS_ONE:
    case CEL_FORM_EACH:
    case CEL_FORM_FILTER:
        return eval_macro(run, scope, expr, out);
    case CEL_FORM_OPT_MAP:
    case CEL_FORM_OPT_FLAT_MAP:
        return eval_optional(run, scope, expr, out);
    }
    return NULL;
}

err *cel_eval_tree(arena *a, str source, const struct cel_expr *root,
                   const struct cel_variable *variables, size_t count, struct cel_value *out,
                   uint64_t *cost_out)
{
    struct run run = {.a = a, .source = source, .variables = variables, .count = count};
    err *e = eval(&run, NULL, root, out);
    cel_call_done(&run.regexes);
    *cost_out = run.budget.cost;
    return e;
}
