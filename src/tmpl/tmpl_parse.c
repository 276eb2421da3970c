#include "tmpl/tmpl_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "doc/number.h"
#include "tmpl/call.h"
#include "tmpl/tmpl_lex.h"

struct parser {
    struct tmpl *set;
    arena *a;
    const struct tmpl_file *file;
    struct tmpl_token *tokens;
    size_t count, at;
    int depth, ranges;
    str *variables; /* in scope */
    size_t variable_count, variable_room;
};

/* How a list ended. */
enum ending { END_TEXT, END_END, END_ELSE };

struct tmpl *tmpl_parse_new(arena *a)
{
    struct tmpl *set = NEW(a, struct tmpl);
    set->arena = a;
    return set;
}

const struct tmpl_body *tmpl_parse_find(const struct tmpl *set, str name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (str_eq(set->bodies[i].name, name)) return &set->bodies[i];
    }
    return NULL;
}

static err *fail_at(const struct parser *p, size_t at, const char *format, ...) PRINTF(3, 4);
static err *fail_at(const struct parser *p, size_t at, const char *format, ...)
{
    arena scratch AUTO(arena_done) = {0};
    va_list args;
    va_start(args, format);
    str text = str_vprintf(&scratch, format, args);
    va_end(args);
    size_t line = 1;
    for (size_t i = 0; i < at && i < p->file->text.len; i++)
        line += p->file->text.data[i] == '\n';
    return err_invalid("template: " STR_FMT ":%zu: " STR_FMT, STR_ARG(p->file->name), line,
                       STR_ARG(text));
}

static const struct tmpl_token *peek(const struct parser *p)
{
    return &p->tokens[p->at];
}

static const struct tmpl_token *take(struct parser *p)
{
    const struct tmpl_token *token = &p->tokens[p->at];
    if (token->kind != TMPL_END) p->at++;
    return token;
}

static bool is_word(const struct tmpl_token *token, const char *word)
{
    return token->kind == TMPL_IDENT && str_is(token->text, word);
}

static err *unexpected(const struct parser *p, const struct tmpl_token *token, const char *where)
{
    if (token->kind == TMPL_END) return fail_at(p, token->at, "unexpected EOF");
    str text = str_slice(p->file->text, token->at, token->end);
    return fail_at(p, token->at, "unexpected <" STR_FMT "> in %s", STR_ARG(text), where);
}

static err *enter(struct parser *p)
{
    if (++p->depth <= LIMIT_TEMPLATE_DEPTH) return NULL;
    return fail_at(p, peek(p)->at, "nested deeper than the limit of %d levels",
                   LIMIT_TEMPLATE_DEPTH);
}

/* ---- Literals ---- */

static err *parse_integer(const struct parser *p, const struct tmpl_token *token, str text,
                          struct tmpl_value *out)
{
    struct number number;
    int64_t value;
    if (!number_is_integer(text, true))
        return fail_at(p, token->at, "bad number syntax: \"" STR_FMT "\"", STR_ARG(token->text));
    number_read(text, true, &number);
    if (!number_to_int(&number, &value))
        return fail_at(p, token->at, STR_FMT " overflows int", STR_ARG(token->text));
    *out = tmpl_int(value);
    return NULL;
}

static err *parse_number(struct parser *p, const struct tmpl_token *token, struct tmpl_value *out)
{
    char *text = str_z(p->a, str_replace(p->a, token->text, STR("_"), (str){0})), *end;
    bool hex = strchr(text, 'x') || strchr(text, 'X');
    bool real = strchr(text, '.') || (hex ? strpbrk(text, "pP") : strpbrk(text, "eE"));
    if (!real) return parse_integer(p, token, str_of(text), out);
    double value = strtod(text, &end);
    if (*end || isinf(value))
        return fail_at(p, token->at, "bad number syntax: \"" STR_FMT "\"", STR_ARG(token->text));
    *out = tmpl_float(value);
    return NULL;
}

/* ---- Pipelines ---- */

static err *parse_pipe(struct parser *p, const char *where, enum tmpl_token_kind end,
                       const struct tmpl_pipe **out);

static err *check_variable(const struct parser *p, const struct tmpl_token *token)
{
    for (size_t i = p->variable_count; i > 0; i--) {
        if (str_eq(p->variables[i - 1], token->text)) return NULL;
    }
    if (str_is(token->text, "$")) return NULL;
    return fail_at(p, token->at, "undefined variable \"" STR_FMT "\"", STR_ARG(token->text));
}

static err *parse_word(struct parser *p, const struct tmpl_token *token, struct tmpl_operand *out)
{
    out->kind = TMPL_IS_VALUE;
    if (str_is(token->text, "true") || str_is(token->text, "false")) {
        out->value = tmpl_bool(str_is(token->text, "true"));
        return NULL;
    }
    out->kind = TMPL_IS_NIL;
    if (str_is(token->text, "nil")) return NULL;
    out->kind = TMPL_IS_FUNCTION;
    out->name = token->text;
    out->func = call_find(token->text);
    if (out->func) return NULL;
    return fail_at(p, token->at, "function \"" STR_FMT "\" not defined", STR_ARG(token->text));
}

/* .a.b, $v.a, (pipe).a: fields that follow without white space. */
static void parse_fields(struct parser *p, struct tmpl_operand *out)
{
    while (peek(p)->kind == TMPL_FIELD && !peek(p)->apart) {
        *ARENA_PUSH(p->a, out->fields, out->field_count, out->field_room) = peek(p)->text;
        out->place.to = take(p)->end;
    }
}

static err *parse_operand(struct parser *p, const char *where, struct tmpl_operand *out)
{
    const struct tmpl_token *token = take(p);
    uint32_t rune = 0;
    *out = (struct tmpl_operand){.kind = TMPL_IS_VALUE, .place = {token->at, token->end}};
    switch (token->kind) {
    case TMPL_DOT:
        out->kind = TMPL_IS_DOT;
        return NULL;
    case TMPL_FIELD:
        out->kind = TMPL_IS_FIELD;
        *ARENA_PUSH(p->a, out->fields, out->field_count, out->field_room) = token->text;
        parse_fields(p, out);
        return NULL;
    case TMPL_VARIABLE:
        out->kind = TMPL_IS_VARIABLE;
        out->name = token->text;
        TRY(check_variable(p, token));
        parse_fields(p, out);
        return NULL;
    case TMPL_IDENT:
        return parse_word(p, token, out);
    case TMPL_NUMBER:
        return parse_number(p, token, &out->value);
    case TMPL_STRING:
        out->value = tmpl_str(token->text);
        return NULL;
    case TMPL_CHAR:
        str_rune(token->text, &rune);
        out->value = tmpl_int(rune);
        return NULL;
    case TMPL_LEFT:
        out->kind = TMPL_IS_PIPE;
        TRY(parse_pipe(p, "parenthesized pipeline", TMPL_RIGHT, &out->pipe));
        out->place.to = p->tokens[p->at - 1].end;
        parse_fields(p, out);
        return NULL;
    default:
        return unexpected(p, token, where);
    }
}

static err *parse_command(struct parser *p, const char *where, enum tmpl_token_kind end,
                          struct tmpl_command *out)
{
    *out = (struct tmpl_command){.place = {peek(p)->at, peek(p)->end}};
    while (peek(p)->kind != end && peek(p)->kind != TMPL_PIPE) {
        struct tmpl_operand operand;
        if (out->count && !peek(p)->apart && peek(p)->kind != TMPL_LEFT)
            return unexpected(p, peek(p), "operand");
        TRY(parse_operand(p, where, &operand));
        *ARENA_PUSH(p->a, out->operands, out->count, out->room) = operand;
        out->place.to = operand.place.to;
    }
    return out->count ? NULL : fail_at(p, peek(p)->at, "missing value for %s", where);
}

/* "$v :=", "$i, $v :=" (only of a range), "$v =". */
static err *parse_declaration(struct parser *p, const char *where, struct tmpl_pipe *pipe)
{
    size_t at = p->at;
    bool is_range = str_is(str_of(where), "range");
    while (p->tokens[at].kind == TMPL_VARIABLE && pipe->name_count < 2) {
        const struct tmpl_token *behind = &p->tokens[at + 1];
        bool assigns = behind->kind == TMPL_ASSIGN, ends = assigns || behind->kind == TMPL_DECLARE;
        if (!ends && !(behind->kind == TMPL_COMMA && is_range && pipe->name_count == 0)) break;
        pipe->names[pipe->name_count++] = p->tokens[at].text;
        at += 2;
        if (!ends) continue;
        pipe->assigns = assigns;
        p->at = at;
        for (int i = 0; i < pipe->name_count && !assigns; i++) {
            *ARENA_PUSH(p->a, p->variables, p->variable_count, p->variable_room) = pipe->names[i];
        }
        return NULL;
    }
    pipe->name_count = 0;
    return NULL;
}

/* What a value is piped into has to be able to take it. */
static err *check_stages(const struct parser *p, const struct tmpl_pipe *pipe)
{
    for (size_t i = 1; i < pipe->count; i++) {
        enum tmpl_operand_kind kind = pipe->commands[i].operands[0].kind;
        if (kind == TMPL_IS_VALUE || kind == TMPL_IS_NIL || kind == TMPL_IS_DOT) {
            return fail_at(p, pipe->commands[i].place.from,
                           "non executable command in pipeline stage %zu", i + 1);
        }
    }
    return NULL;
}

static err *parse_pipe(struct parser *p, const char *where, enum tmpl_token_kind end,
                       const struct tmpl_pipe **out)
{
    struct tmpl_pipe *pipe = NEW(p->a, struct tmpl_pipe);
    TRY(enter(p));
    pipe->place.from = peek(p)->at;
    TRY(parse_declaration(p, where, pipe));
    for (bool more = true; more;) {
        struct tmpl_command command;
        TRY(parse_command(p, where, end, &command));
        *ARENA_PUSH(p->a, pipe->commands, pipe->count, pipe->room) = command;
        pipe->place.to = command.place.to;
        more = take(p)->kind == TMPL_PIPE;
    }
    p->depth--;
    *out = pipe;
    return check_stages(p, pipe);
}

/* ---- Actions ---- */

static err *parse_list(struct parser *p, const struct tmpl_tree **out, enum ending *end);

static err *take_close(struct parser *p, const char *where)
{
    const struct tmpl_token *token = take(p);
    return token->kind == TMPL_CLOSE ? NULL : unexpected(p, token, where);
}

static err *parse_control(struct parser *p, enum tmpl_tree_kind kind, struct tmpl_tree *tree);

/* Behind "{{else": more of the same, or the last branch. */
static err *parse_else(struct parser *p, struct tmpl_tree *tree)
{
    const char *word = tree->kind == TMPL_DO_IF ? "if" : "with";
    const struct tmpl_token *token = peek(p);
    if (is_word(token, word) && tree->kind != TMPL_DO_RANGE) {
        struct tmpl_tree *nested = NEW(p->a, struct tmpl_tree);
        nested->place = (struct tmpl_place){token->at, token->end};
        take(p);
        TRY(enter(p));
        TRY(parse_control(p, tree->kind, nested)); /* takes the end of us both */
        p->depth--;
        tree->otherwise = nested;
        return NULL;
    }
    TRY(take_close(p, "else"));
    enum ending end;
    TRY(parse_list(p, &tree->otherwise, &end));
    if (end == END_END) return take_close(p, "end");
    if (end == END_ELSE) return fail_at(p, peek(p)->at, "expected end; found {{else}}");
    return fail_at(p, peek(p)->at, "unexpected EOF");
}

static err *parse_control(struct parser *p, enum tmpl_tree_kind kind, struct tmpl_tree *tree)
{
    static const char *const words[] = {
        [TMPL_DO_IF] = "if", [TMPL_DO_WITH] = "with", [TMPL_DO_RANGE] = "range"};
    size_t scope = p->variable_count;
    enum ending end;
    tree->kind = kind;
    TRY(parse_pipe(p, words[kind], TMPL_CLOSE, &tree->pipe));
    p->ranges += kind == TMPL_DO_RANGE;
    TRY(parse_list(p, &tree->body, &end));
    p->ranges -= kind == TMPL_DO_RANGE;
    if (end == END_TEXT) return fail_at(p, peek(p)->at, "unexpected EOF");
    err *e = end == END_ELSE ? parse_else(p, tree) : take_close(p, "end");
    p->variable_count = scope;
    return e;
}

static err *parse_name(struct parser *p, const char *where, str *out)
{
    const struct tmpl_token *token = take(p);
    if (token->kind != TMPL_STRING) return unexpected(p, token, where);
    *out = token->text;
    return NULL;
}

static bool is_blank(const struct tmpl_tree *tree)
{
    for (; tree; tree = tree->next) {
        if (tree->kind != TMPL_DO_TEXT || str_trim(tree->text).len) return false;
    }
    return true;
}

/* compat: a body of nothing but white space does not replace one with content. */
static void define(struct parser *p, str name, const struct tmpl_tree *tree)
{
    struct tmpl *set = p->set;
    struct tmpl_body body = {name, p->file, tree, is_blank(tree)};
    struct tmpl_body *old = (struct tmpl_body *)tmpl_parse_find(set, name);
    if (!old)
        *ARENA_PUSH(p->a, set->bodies, set->count, set->room) = body;
    else if (!body.is_blank || old->is_blank)
        *old = body;
}

/* The body of a define or a block, whose variables are its own. */
static err *parse_body(struct parser *p, str name)
{
    const struct tmpl_tree *tree;
    enum ending end;
    size_t scope = p->variable_count;
    int ranges = p->ranges;
    p->ranges = 0;
    p->variable_count = 0;
    TRY(parse_list(p, &tree, &end));
    p->variable_count = scope;
    p->ranges = ranges;
    if (end == END_TEXT) return fail_at(p, peek(p)->at, "unexpected EOF");
    if (end == END_ELSE) return fail_at(p, peek(p)->at, "unexpected {{else}} in define clause");
    define(p, name, tree);
    return take_close(p, "end");
}

/* {{template "name" pipe}}, and what {{block}} leaves behind. */
static err *parse_call(struct parser *p, const char *where, struct tmpl_tree *tree)
{
    tree->kind = TMPL_DO_TEMPLATE;
    TRY(parse_name(p, where, &tree->text));
    if (peek(p)->kind == TMPL_CLOSE) return take_close(p, where);
    return parse_pipe(p, where, TMPL_CLOSE, &tree->pipe);
}

static err *parse_jump(struct parser *p, enum tmpl_tree_kind kind, const char *word,
                       struct tmpl_tree *tree)
{
    tree->kind = kind;
    if (!p->ranges) return fail_at(p, tree->place.from, "{{%s}} outside {{range}}", word);
    return take_close(p, word);
}

static err *parse_block(struct parser *p, struct tmpl_tree *tree)
{
    TRY(parse_call(p, "block clause", tree));
    return parse_body(p, tree->text);
}

/* Behind "{{". A definition leaves nothing where it stands: *gone_out. */
static err *parse_action(struct parser *p, struct tmpl_tree *tree, bool *gone_out)
{
    const struct tmpl_token *token = peek(p);
    static const struct {
        const char *word;
        enum tmpl_tree_kind kind;
    } controls[] = {{"if", TMPL_DO_IF}, {"with", TMPL_DO_WITH}, {"range", TMPL_DO_RANGE}};
    tree->place = (struct tmpl_place){token->at, token->end};
    for (size_t i = 0; i < COUNT(controls); i++) {
        if (!is_word(token, controls[i].word)) continue;
        take(p);
        return parse_control(p, controls[i].kind, tree);
    }
    tree->kind = TMPL_DO_PRINT;
    *gone_out = is_word(token, "define");
    if (!*gone_out && !is_word(token, "template") && !is_word(token, "block") &&
        !is_word(token, "break") && !is_word(token, "continue")) {
        return parse_pipe(p, "command", TMPL_CLOSE, &tree->pipe);
    }
    take(p);
    if (is_word(token, "template")) return parse_call(p, "template clause", tree);
    if (is_word(token, "block")) return parse_block(p, tree);
    if (is_word(token, "break")) return parse_jump(p, TMPL_DO_BREAK, "break", tree);
    if (is_word(token, "continue")) return parse_jump(p, TMPL_DO_CONTINUE, "continue", tree);
    str name;
    if (p->depth > 1) return fail_at(p, token->at, "unexpected {{define}}");
    TRY(parse_name(p, "define clause", &name));
    TRY(take_close(p, "define clause"));
    return parse_body(p, name);
}

static err *parse_list(struct parser *p, const struct tmpl_tree **out, enum ending *end)
{
    const struct tmpl_tree **last = out;
    *out = NULL;
    TRY(enter(p));
    for (;;) {
        const struct tmpl_token *token = take(p);
        struct tmpl_tree *tree = NEW(p->a, struct tmpl_tree);
        bool gone = false;
        *end = END_TEXT;
        if (token->kind == TMPL_END) break;
        if (token->kind == TMPL_TEXT) {
            *tree = (struct tmpl_tree){.kind = TMPL_DO_TEXT, .text = token->text};
        } else {
            *end = is_word(peek(p), "end") ? END_END : is_word(peek(p), "else") ? END_ELSE : *end;
            if (*end != END_TEXT) {
                take(p);
                break;
            }
            TRY(parse_action(p, tree, &gone));
        }
        if (gone) continue;
        *last = tree;
        last = &tree->next;
    }
    p->depth--;
    return NULL;
}

err *tmpl_parse(struct tmpl *set, str name, str text)
{
    struct tmpl_file *file = NEW(set->arena, struct tmpl_file);
    *file = (struct tmpl_file){str_dup(set->arena, name), str_dup(set->arena, text)};
    struct parser parser = {.set = set, .a = set->arena, .file = file};
    const struct tmpl_tree *tree;
    enum ending end;
    size_t at = 0;
    if (text.len > LIMIT_TEMPLATE_TEXT)
        return fail_at(&parser, 0, "it has more than %u bytes, the limit", LIMIT_TEMPLATE_TEXT);
    err *e = tmpl_lex(set->arena, file->text, &parser.tokens, &parser.count, &at);
    if (e) {
        err *placed = fail_at(&parser, at, "%s", e->message);
        err_free(e);
        return placed;
    }
    TRY(parse_list(&parser, &tree, &end));
    const char *word = end == END_END ? "end" : "else";
    if (end != END_TEXT)
        return fail_at(&parser, parser.tokens[parser.at - 1].at, "unexpected {{%s}}", word);
    define(&parser, file->name, tree);
    return NULL;
}
