/* Straight recursion over the tree; every step and every nested call is counted. */
#include "tmpl/tmpl_exec.h"

#include "base/limits.h"
#include "tmpl/call.h"

struct variable {
    str name;
    struct tmpl_value value;
};

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct exec {
    const struct tmpl *set;
    const struct tmpl_body *body;
    arena *a;
    buf out;
    size_t output_limit;
    uint64_t steps, budget;
    int depth;
    struct variable *variables;
    size_t variable_count, variable_room, scope; /* scope: where those of this body begin */
    enum flow flow;
};

static err *fail_at(const struct exec *x, struct tmpl_place place, const char *format, ...)
    PRINTF(3, 4);
static err *fail_at(const struct exec *x, struct tmpl_place place, const char *format, ...)
{
    arena scratch AUTO(arena_done) = {0};
    va_list args;
    va_start(args, format);
    str text = str_vprintf(&scratch, format, args);
    va_end(args);
    const struct tmpl_file *file = x->body->file;
    size_t line = 1, column = 0;
    for (size_t i = 0; i < place.from && i < file->text.len; i++) {
        bool ends = file->text.data[i] == '\n';
        line += ends;
        column = ends ? 0 : column + 1;
    }
    str what = str_slice(file->text, place.from, place.to);
    if (what.len > 20) what = str_printf(&scratch, STR_FMT "...", STR_ARG(str_head_utf8(what, 20)));
    return err_invalid(
        "template: " STR_FMT ":%zu:%zu: executing \"" STR_FMT "\" at <" STR_FMT ">: " STR_FMT,
        STR_ARG(file->name), line, column, STR_ARG(x->body->name), STR_ARG(what), STR_ARG(text));
}

static err *at_place(const struct exec *x, struct tmpl_place place, err *e)
{
    if (!e) return NULL;
    err *placed = fail_at(x, place, "%s", e->message);
    err_free(e);
    return placed;
}

static err *step(struct exec *x, struct tmpl_place place)
{
    if (x->steps-- > 0) return NULL;
    x->steps = 0;
    return fail_at(x, place, "more steps than the limit of %d", LIMIT_TEMPLATE_STEPS);
}

static err *check_output(const struct exec *x, struct tmpl_place place)
{
    if (x->out.len <= x->output_limit) return NULL;
    return fail_at(x, place, "more output than the limit of %zu bytes", x->output_limit);
}

static err *eval_pipe(struct exec *x, const struct tmpl_pipe *pipe, struct tmpl_value dot,
                      struct tmpl_value *out);

/* ---- Variables ---- */

static void declare(struct exec *x, str name, struct tmpl_value value)
{
    *ARENA_PUSH(x->a, x->variables, x->variable_count, x->variable_room) =
        (struct variable){name, value};
}

static struct variable *find_variable(struct exec *x, str name)
{
    for (size_t i = x->variable_count; i > x->scope; i--) {
        if (str_eq(x->variables[i - 1].name, name)) return &x->variables[i - 1];
    }
    return NULL;
}

static err *set_variable(struct exec *x, const struct tmpl_pipe *pipe, str name,
                         struct tmpl_value value)
{
    if (!pipe->assigns) {
        declare(x, name, value);
        return NULL;
    }
    struct variable *variable = find_variable(x, name);
    if (!variable) return fail_at(x, pipe->place, "undefined variable: " STR_FMT, STR_ARG(name));
    variable->value = value;
    return NULL;
}

/* ---- Operands ---- */

static err *get_field(const struct exec *x, const struct tmpl_operand *operand, size_t index,
                      struct tmpl_value from, struct tmpl_value *out)
{
    str name = operand->fields[index];
    const struct tmpl_value *found = tmpl_get(from, name);
    *out = tmpl_nil();
    if (found) {
        *out = *found;
    } else if (from.kind == TMPL_MAP && !from.map->type) {
        out->missing = true;
    } else if (from.kind == TMPL_NIL) {
        bool first = index == 0 && operand->kind != TMPL_IS_VARIABLE;
        if (first) return NULL;
        return fail_at(x, operand->place, "nil pointer evaluating interface {}." STR_FMT,
                       STR_ARG(name));
    } else {
        return fail_at(x, operand->place, "can't evaluate field " STR_FMT " in type %s",
                       STR_ARG(name),
                       from.kind == TMPL_MAP ? from.map->type
                       : index               ? "interface {}"
                                             : tmpl_type_name(from));
    }
    return NULL;
}

static err *get_fields(const struct exec *x, const struct tmpl_operand *operand,
                       struct tmpl_value from, struct tmpl_value *out)
{
    *out = from;
    for (size_t i = 0; i < operand->field_count; i++)
        TRY(get_field(x, operand, i, *out, out));
    return NULL;
}

static err *call_func(struct exec *x, const struct tmpl_operand *operand,
                      const struct tmpl_value *args, size_t count, struct tmpl_value *out)
{
    const struct func *func = operand->func;
    struct call call = {
        .a = x->a, .name = func->name, .args = args, .count = count, .budget = &x->budget};
    bool open = func->most >= CALL_MANY;
    if ((int)count < func->least || (!open && (int)count > func->most)) {
        return fail_at(x, operand->place, "wrong number of args for %s: want %s%d got %zu",
                       func->name, open ? "at least " : "", func->least, count);
    }
    TRY(at_place(x, operand->place, call_charge(&call, 64)));
    err *e = func->run(&call);
    *out = call.result;
    if (!e) return NULL;
    bool typed = str_starts(err_text(e), STR("wrong type")) ||
                 str_starts(err_text(e), STR("invalid value")) ||
                 str_starts(err_text(e), STR("error calling"));
    if (!typed) e = err_wrap(e, "error calling %s", func->name);
    return at_place(x, operand->place, e);
}

static err *eval_operand(struct exec *x, const struct tmpl_operand *operand, struct tmpl_value dot,
                         struct tmpl_value *out)
{
    const struct variable *variable;
    struct tmpl_value value;
    TRY(step(x, operand->place));
    switch (operand->kind) {
    case TMPL_IS_DOT:
        *out = dot;
        return NULL;
    case TMPL_IS_FIELD:
        return get_fields(x, operand, dot, out);
    case TMPL_IS_VARIABLE:
        variable = find_variable(x, operand->name);
        if (!variable) {
            return fail_at(x, operand->place, "undefined variable: " STR_FMT,
                           STR_ARG(operand->name));
        }
        return get_fields(x, operand, variable->value, out);
    case TMPL_IS_FUNCTION:
        return call_func(x, operand, NULL, 0, out);
    case TMPL_IS_PIPE:
        TRY(eval_pipe(x, operand->pipe, dot, &value));
        return get_fields(x, operand, value, out);
    case TMPL_IS_NIL:
        *out = tmpl_nil();
        return NULL;
    default:
        *out = operand->value;
        return NULL;
    }
}

/* and, or: the first argument that decides is the result, and those behind it are not looked at. */
static err *eval_logic(struct exec *x, const struct tmpl_command *command, bool stops_at,
                       struct tmpl_value dot, const struct tmpl_value *piped,
                       struct tmpl_value *out)
{
    const struct tmpl_operand *name = &command->operands[0];
    if (command->count == 1 && !piped) {
        return fail_at(x, name->place, "wrong number of args for %s: want at least 1 got 0",
                       name->func->name);
    }
    for (size_t i = 1; i < command->count; i++) {
        TRY(eval_operand(x, &command->operands[i], dot, out));
        if (tmpl_truth(*out) == stops_at) return NULL;
    }
    if (piped) *out = *piped;
    return NULL;
}

static err *eval_command(struct exec *x, const struct tmpl_command *command, struct tmpl_value dot,
                         const struct tmpl_value *piped, struct tmpl_value *out)
{
    const struct tmpl_operand *first = &command->operands[0];
    if (first->kind == TMPL_IS_FUNCTION) {
        bool is_and = str_is(first->name, "and"), is_or = str_is(first->name, "or");
        if (is_and || is_or) return eval_logic(x, command, is_or, dot, piped, out);
        struct tmpl_value *args = NEW_ARRAY(x->a, struct tmpl_value, command->count);
        size_t count = command->count - 1;
        for (size_t i = 0; i < count; i++)
            TRY(eval_operand(x, &command->operands[i + 1], dot, &args[i]));
        if (piped) args[count++] = *piped;
        return call_func(x, first, args, count, out);
    }
    if (command->count > 1 || piped) {
        str text = str_slice(x->body->file->text, first->place.from, first->place.to);
        if (first->kind == TMPL_IS_FIELD || first->field_count) {
            return fail_at(x, first->place, STR_FMT " is not a method but has arguments",
                           STR_ARG(first->fields[first->field_count - 1]));
        }
        return fail_at(x, first->place, "can't give argument to non-function " STR_FMT,
                       STR_ARG(text));
    }
    if (first->kind == TMPL_IS_NIL) return fail_at(x, first->place, "nil is not a command");
    return eval_operand(x, first, dot, out);
}

static err *eval_pipe(struct exec *x, const struct tmpl_pipe *pipe, struct tmpl_value dot,
                      struct tmpl_value *out)
{
    struct tmpl_value value = tmpl_nil(), before;
    for (size_t i = 0; i < pipe->count; i++) {
        before = value;
        TRY(eval_command(x, &pipe->commands[i], dot, i ? &before : NULL, &value));
    }
    *out = value;
    return NULL;
}

/* The variables of the pipeline, too; a range sets its own. */
static err *eval_and_set(struct exec *x, const struct tmpl_pipe *pipe, struct tmpl_value dot,
                         struct tmpl_value *out)
{
    TRY(eval_pipe(x, pipe, dot, out));
    for (int i = 0; i < pipe->name_count; i++)
        TRY(set_variable(x, pipe, pipe->names[i], *out));
    return NULL;
}

/* ---- Actions ---- */

static err *run_list(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value dot);

static err *run_range_once(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value key,
                           struct tmpl_value value, bool *stops_out)
{
    const struct tmpl_pipe *pipe = tree->pipe;
    size_t mark = x->variable_count;
    TRY(step(x, tree->place));
    if (pipe->name_count == 1) TRY(set_variable(x, pipe, pipe->names[0], value));
    if (pipe->name_count == 2) {
        TRY(set_variable(x, pipe, pipe->names[0], key));
        TRY(set_variable(x, pipe, pipe->names[1], value));
    }
    TRY(run_list(x, tree->body, value));
    x->variable_count = mark;
    *stops_out = x->flow == FLOW_BREAK;
    x->flow = FLOW_ON;
    return NULL;
}

static err *run_range(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value dot)
{
    struct tmpl_value over;
    bool stops = false;
    int64_t count = 0;
    TRY(eval_pipe(x, tree->pipe, dot, &over));
    if (over.kind == TMPL_INT) {
        if (tree->pipe->name_count == 2) {
            return fail_at(x, tree->pipe->place,
                           "can't use %lld to iterate over more than one variable",
                           (long long)over.integer);
        }
        count = MAX(over.integer, (int64_t)0);
    } else if (over.kind == TMPL_LIST) {
        count = (int64_t)over.list->count;
    } else if (over.kind == TMPL_MAP && !over.map->type) {
        count = (int64_t)over.map->count;
    } else if (over.kind != TMPL_NIL) {
        buf shown = BUF(x->a);
        tmpl_print(&shown, over);
        return fail_at(x, tree->pipe->place, "range can't iterate over " STR_FMT,
                       STR_ARG(str_head_utf8(buf_str(&shown), 100)));
    }
    const struct tmpl_pair **pairs =
        over.kind == TMPL_MAP && count ? tmpl_sorted(x->a, over) : NULL;
    for (int64_t i = 0; i < count && !stops; i++) {
        struct tmpl_value key = pairs ? pairs[i]->key : tmpl_int(i), value = tmpl_int(i);
        if (pairs) value = pairs[i]->value;
        if (over.kind == TMPL_LIST) value = over.list->items[i];
        TRY(run_range_once(x, tree, key, value, &stops));
    }
    return count ? NULL : run_list(x, tree->otherwise, dot);
}

static err *run_branch(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value dot)
{
    struct tmpl_value value;
    TRY(eval_and_set(x, tree->pipe, dot, &value));
    if (!tmpl_truth(value)) return run_list(x, tree->otherwise, dot);
    return run_list(x, tree->body, tree->kind == TMPL_DO_WITH ? value : dot);
}

static err *run_body(struct exec *x, const struct tmpl_body *body, struct tmpl_value dot)
{
    const struct tmpl_body *outer = x->body;
    size_t scope = x->scope, mark = x->variable_count;
    x->body = body;
    x->scope = mark;
    declare(x, STR("$"), dot);
    TRY(run_list(x, body->tree, dot));
    x->body = outer;
    x->scope = scope;
    x->variable_count = mark;
    return NULL;
}

static err *run_template(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value dot)
{
    const struct tmpl_body *body = tmpl_parse_find(x->set, tree->text);
    struct tmpl_value data = tmpl_nil();
    if (!body) {
        return fail_at(x, tree->place, "template \"" STR_FMT "\" not defined", STR_ARG(tree->text));
    }
    if (tree->pipe) TRY(eval_and_set(x, tree->pipe, dot, &data));
    return run_body(x, body, data);
}

static err *run_print(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value dot)
{
    struct tmpl_value value;
    TRY(eval_and_set(x, tree->pipe, dot, &value));
    if (tree->pipe->name_count) return NULL;
    if (value.kind == TMPL_NIL)
        BUF_ADD(&x->out, "<no value>");
    else
        tmpl_print(&x->out, value);
    return check_output(x, tree->place);
}

static err *run_one(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value dot)
{
    switch (tree->kind) {
    case TMPL_DO_TEXT:
        buf_add(&x->out, tree->text);
        return check_output(x, tree->place);
    case TMPL_DO_PRINT:
        return run_print(x, tree, dot);
    case TMPL_DO_RANGE:
        return run_range(x, tree, dot);
    case TMPL_DO_TEMPLATE:
        return run_template(x, tree, dot);
    case TMPL_DO_BREAK:
    case TMPL_DO_CONTINUE:
        x->flow = tree->kind == TMPL_DO_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
        return NULL;
    default:
        return run_branch(x, tree, dot);
    }
}

static err *run_list(struct exec *x, const struct tmpl_tree *tree, struct tmpl_value dot)
{
    size_t mark = x->variable_count;
    if (++x->depth > LIMIT_TEMPLATE_DEPTH) {
        return fail_at(x, tree ? tree->place : (struct tmpl_place){0},
                       "nested deeper than the limit of %d levels", LIMIT_TEMPLATE_DEPTH);
    }
    for (; tree && x->flow == FLOW_ON; tree = tree->next) {
        bool keeps = tree->kind == TMPL_DO_PRINT;
        size_t before = x->variable_count;
        TRY(step(x, tree->place));
        TRY(run_one(x, tree, dot));
        if (!keeps) x->variable_count = before;
    }
    x->depth--;
    x->variable_count = mark;
    return NULL;
}

err *tmpl_exec(const struct tmpl *set, arena *a, const struct tmpl_run *run, str *out)
{
    const struct tmpl_body *body = tmpl_parse_find(set, run->name);
    if (!body) return err_invalid("template: no template \"" STR_FMT "\"", STR_ARG(run->name));
    struct exec exec = {
        .set = set,
        .a = a,
        .out = BUF(a),
        .output_limit = run->output_limit ? run->output_limit : LIMIT_TEMPLATE_BYTES,
        .steps = LIMIT_TEMPLATE_STEPS,
        .budget = LIMIT_TEMPLATE_VALUES,
    };
    TRY(run_body(&exec, body, run->data));
    *out = buf_str(&exec.out);
    return NULL;
}
