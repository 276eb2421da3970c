#include "doc/cel_parse.h"

#include "doc/cel_lex.h"

struct parser {
    arena *a;
    struct cel_lex lex;
    int depth;
};

static err *parse_expr(struct parser *parser, struct cel_expr **out);

static err *wrong(const struct parser *parser, size_t at, err *e)
{
    return cel_lex_place(parser->lex.source, at, e);
}

static err *unexpected(const struct parser *parser, const char *wanted)
{
    const struct cel_lex *lex = &parser->lex;
    str text = str_slice(lex->source, lex->from, MIN(lex->at, lex->from + 40));
    err *e = lex->token == CEL_END
                 ? err_invalid("syntax error: the expression ends where %s is expected", wanted)
                 : err_invalid("syntax error: '" STR_FMT "' stands where %s is expected",
                               STR_ARG(text), wanted);
    return wrong(parser, lex->from, e);
}

static err *expect(struct parser *parser, const char *sign, const char *wanted)
{
    if (!cel_lex_is_sign(&parser->lex, sign)) return unexpected(parser, wanted);
    return cel_lex_next(&parser->lex);
}

static err *deepen(struct parser *parser)
{
    if (++parser->depth <= LIMIT_CEL_DEPTH) return NULL;
    return wrong(
        parser, parser->lex.from,
        err_invalid("the expression is nested deeper than the limit of %d", LIMIT_CEL_DEPTH));
}

static struct cel_expr *form(struct parser *parser, enum cel_form which, size_t at)
{
    struct cel_expr *expr = NEW(parser->a, struct cel_expr);
    expr->form = which;
    expr->at = (uint32_t)at;
    expr->depth = 1;
    return expr;
}

static err *add(struct parser *parser, struct cel_expr *expr, struct cel_expr *arg)
{
    size_t count = expr->count, room = expr->room;
    *ARENA_PUSH(parser->a, expr->args, count, room) = arg;
    expr->count = (uint32_t)count;
    expr->room = (uint32_t)room;
    expr->depth = MAX(expr->depth, arg->depth + 1);
    if (expr->depth <= LIMIT_CEL_DEPTH) return NULL;
    return wrong(
        parser, expr->at,
        err_invalid("the expression is nested deeper than the limit of %d", LIMIT_CEL_DEPTH));
}

static err *call(struct parser *parser, size_t at, const char *name, struct cel_expr *left,
                 struct cel_expr *right, struct cel_expr **out)
{
    struct cel_expr *expr = form(parser, CEL_FORM_CALL, at);
    expr->name = str_of(name);
    TRY(add(parser, expr, left));
    if (right) TRY(add(parser, expr, right));
    *out = expr;
    return NULL;
}

/* ---- names ---- */

static bool is_word(str name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(name, words[i])) return true;
    }
    return false;
}

static bool is_reserved(str name)
{
    static const char *const words[] = {
        "as",  "break", "const",   "continue",  "else",   "for", "function", "if",    "import",
        "let", "loop",  "package", "namespace", "return", "var", "void",     "while", "in"};
    return is_word(name, words, COUNT(words));
}

static err *parse_field(struct parser *parser, str *out)
{
    static const char *const words[] = {"true", "false", "null", "in"};
    if (parser->lex.token != CEL_NAME || is_word(parser->lex.text, words, COUNT(words)))
        return unexpected(parser, "the name of a field");
    *out = parser->lex.text;
    return cel_lex_next(&parser->lex);
}

/* ---- calls and macros ---- */

static err *parse_args(struct parser *parser, struct cel_expr *expr)
{
    TRY(cel_lex_next(&parser->lex)); /* "(" */
    while (!cel_lex_is_sign(&parser->lex, ")")) {
        struct cel_expr *arg;
        TRY(parse_expr(parser, &arg));
        TRY(add(parser, expr, arg));
        if (!cel_lex_is_sign(&parser->lex, ",")) break;
        TRY(cel_lex_next(&parser->lex));
        if (cel_lex_is_sign(&parser->lex, ")")) return unexpected(parser, "another argument");
    }
    return expect(parser, ")", "')' or ','");
}

static const struct macro {
    const char *name;
    uint32_t least, most;
    enum cel_form form;
} macros[] = {
    {"all", 2, 2, CEL_FORM_ALL},
    {"exists", 2, 2, CEL_FORM_EXISTS},
    {"exists_one", 2, 2, CEL_FORM_EXISTS_ONE},
    {"existsOne", 2, 2, CEL_FORM_EXISTS_ONE},
    {"map", 2, 3, CEL_FORM_EACH},
    {"filter", 2, 2, CEL_FORM_FILTER},
    {"optMap", 2, 2, CEL_FORM_OPT_MAP},
    {"optFlatMap", 2, 2, CEL_FORM_OPT_FLAT_MAP},
};

/* target.all(x, body) arrives as a call with the arguments target, x, body. */
static err *expand(struct parser *parser, struct cel_expr *expr)
{
    for (size_t i = 0; i < COUNT(macros); i++) {
        const struct macro *macro = &macros[i];
        if (!str_is(expr->name, macro->name)) continue;
        if (expr->count - 1 < macro->least || expr->count - 1 > macro->most) return NULL;
        if (expr->args[1]->form != CEL_FORM_NAME) {
            return wrong(
                parser, expr->args[1]->at,
                err_invalid("the first argument of %s is the name of a variable", macro->name));
        }
        expr->form = macro->form;
        expr->name = expr->args[1]->name;
        bool filtered = expr->count == 4;
        struct cel_expr *body = expr->args[filtered ? 3 : 2];
        expr->args[1] = body;
        expr->count = filtered ? 3 : 2;
        return NULL;
    }
    return NULL;
}

static err *make_has(struct parser *parser, struct cel_expr *expr)
{
    struct cel_expr *field = expr->count == 1 ? expr->args[0] : NULL;
    if (!field || field->form != CEL_FORM_SELECT || field->is_optional) {
        return wrong(parser, expr->at,
                     err_invalid("invalid argument to has() macro: it takes one field, as in "
                                 "has(object.field)"));
    }
    expr->form = CEL_FORM_HAS;
    expr->name = field->name;
    expr->args[0] = field->args[0];
    return NULL;
}

/* optional.of(x), base64.encode(x): the name of the function has a point in it. */
static bool is_family(const struct cel_expr *target)
{
    static const char *const families[] = {"optional", "base64", "sets", "strings"};
    return target->form == CEL_FORM_NAME && is_word(target->name, families, COUNT(families));
}

static err *parse_method(struct parser *parser, struct cel_expr *target, str name, size_t at,
                         struct cel_expr **out)
{
    struct cel_expr *expr = form(parser, CEL_FORM_CALL, at);
    bool family = is_family(target);
    expr->name =
        family ? str_printf(parser->a, STR_FMT "." STR_FMT, STR_ARG(target->name), STR_ARG(name))
               : name;
    expr->is_member = !family;
    if (!family) TRY(add(parser, expr, target));
    TRY(parse_args(parser, expr));
    if (!family) TRY(expand(parser, expr));
    *out = expr;
    return NULL;
}

/* ---- collections ---- */

/* [?x] and {?key: x} leave out what is an empty optional. */
static err *take_mark(struct parser *parser, bool *out)
{
    *out = cel_lex_is_sign(&parser->lex, "?");
    return *out ? cel_lex_next(&parser->lex) : NULL;
}

static err *parse_list(struct parser *parser, struct cel_expr **out)
{
    struct cel_expr *expr = form(parser, CEL_FORM_LIST, parser->lex.from);
    bool marked = cel_lex_is_sign(&parser->lex, "[?");
    TRY(cel_lex_next(&parser->lex));
    while (!cel_lex_is_sign(&parser->lex, "]")) {
        struct cel_expr *item;
        if (!marked) TRY(take_mark(parser, &marked));
        TRY(parse_expr(parser, &item));
        item->is_marked = marked;
        TRY(add(parser, expr, item));
        marked = false;
        if (!cel_lex_is_sign(&parser->lex, ",")) break;
        TRY(cel_lex_next(&parser->lex));
    }
    if (marked) return unexpected(parser, "an item");
    *out = expr;
    return expect(parser, "]", "']' or ','");
}

static err *parse_map(struct parser *parser, struct cel_expr **out)
{
    struct cel_expr *expr = form(parser, CEL_FORM_MAP, parser->lex.from);
    TRY(cel_lex_next(&parser->lex));
    while (!cel_lex_is_sign(&parser->lex, "}")) {
        struct cel_expr *key, *value;
        bool marked;
        TRY(take_mark(parser, &marked));
        TRY(parse_expr(parser, &key));
        TRY(expect(parser, ":", "':'"));
        TRY(parse_expr(parser, &value));
        key->is_marked = marked;
        TRY(add(parser, expr, key));
        TRY(add(parser, expr, value));
        if (!cel_lex_is_sign(&parser->lex, ",")) break;
        TRY(cel_lex_next(&parser->lex));
    }
    *out = expr;
    return expect(parser, "}", "'}' or ','");
}

/* ---- what stands alone ---- */

static struct cel_expr *literal(struct parser *parser, size_t at, struct cel_value value)
{
    struct cel_expr *expr = form(parser, CEL_FORM_LITERAL, at);
    expr->value = value;
    return expr;
}

static err *parse_name(struct parser *parser, struct cel_expr **out)
{
    size_t at = parser->lex.from;
    str name = parser->lex.text;
    if (is_reserved(name)) {
        return wrong(parser, at,
                     err_invalid("syntax error: '" STR_FMT "' is a reserved word", STR_ARG(name)));
    }
    TRY(cel_lex_next(&parser->lex));
    if (str_is(name, "true") || str_is(name, "false")) {
        *out = literal(parser, at, cel_value_bool(str_is(name, "true")));
        return NULL;
    }
    if (str_is(name, "null")) {
        *out = literal(parser, at, (struct cel_value){.type = CEL_NULL});
        return NULL;
    }
    bool calls = cel_lex_is_sign(&parser->lex, "(");
    struct cel_expr *expr = form(parser, calls ? CEL_FORM_CALL : CEL_FORM_NAME, at);
    expr->name = name;
    *out = expr;
    if (!calls) return NULL;
    TRY(parse_args(parser, expr));
    return str_is(name, "has") ? make_has(parser, expr) : NULL;
}

static err *parse_literal(struct parser *parser, struct cel_expr **out)
{
    struct cel_value value = parser->lex.value;
    if (value.type == CEL_INT && value.natural > INT64_MAX) {
        return wrong(parser, parser->lex.from,
                     err_invalid("syntax error: the number does not fit an int"));
    }
    *out = literal(parser, parser->lex.from, value);
    return cel_lex_next(&parser->lex);
}

static err *parse_primary(struct parser *parser, struct cel_expr **out)
{
    if (cel_lex_is_sign(&parser->lex, ".")) { /* .name: from the root, which is where we are */
        TRY(cel_lex_next(&parser->lex));
        if (parser->lex.token != CEL_NAME) return unexpected(parser, "a name");
    }
    if (parser->lex.token == CEL_NAME) return parse_name(parser, out);
    if (parser->lex.token == CEL_LITERAL) return parse_literal(parser, out);
    if (cel_lex_is_sign(&parser->lex, "[") || cel_lex_is_sign(&parser->lex, "[?"))
        return parse_list(parser, out);
    if (cel_lex_is_sign(&parser->lex, "{")) return parse_map(parser, out);
    if (!cel_lex_is_sign(&parser->lex, "(")) return unexpected(parser, "a value");
    TRY(cel_lex_next(&parser->lex));
    TRY(parse_expr(parser, out));
    /* A group of && within && stays one, so that errors are absorbed as they are written. */
    return expect(parser, ")", "')'");
}

/* ---- fields, calls, indexes ---- */

static err *parse_selection(struct parser *parser, struct cel_expr **subject)
{
    bool optional = cel_lex_is_sign(&parser->lex, ".?");
    size_t at = parser->lex.from;
    str name;
    TRY(cel_lex_next(&parser->lex));
    TRY(parse_field(parser, &name));
    if (!optional && cel_lex_is_sign(&parser->lex, "("))
        return parse_method(parser, *subject, name, at, subject);
    struct cel_expr *expr = form(parser, CEL_FORM_SELECT, at);
    expr->name = name;
    expr->is_optional = optional;
    TRY(add(parser, expr, *subject));
    *subject = expr;
    return NULL;
}

static err *parse_index(struct parser *parser, struct cel_expr **subject)
{
    struct cel_expr *expr = form(parser, CEL_FORM_INDEX, parser->lex.from), *index;
    expr->is_optional = cel_lex_is_sign(&parser->lex, "[?");
    TRY(cel_lex_next(&parser->lex));
    TRY(parse_expr(parser, &index));
    TRY(add(parser, expr, *subject));
    TRY(add(parser, expr, index));
    *subject = expr;
    return expect(parser, "]", "']'");
}

static err *parse_member(struct parser *parser, struct cel_expr **out)
{
    TRY(parse_primary(parser, out));
    for (;;) {
        const struct cel_lex *lex = &parser->lex;
        if (cel_lex_is_sign(lex, ".") || cel_lex_is_sign(lex, ".?")) {
            TRY(parse_selection(parser, out));
        } else if (cel_lex_is_sign(lex, "[") || cel_lex_is_sign(lex, "[?")) {
            TRY(parse_index(parser, out));
        } else {
            return NULL;
        }
    }
}

/* ---- operators ---- */

static err *parse_minus(struct parser *parser, struct cel_expr **out)
{
    size_t at = parser->lex.from;
    TRY(cel_lex_next(&parser->lex));
    struct cel_value value = parser->lex.value;
    if (parser->lex.token == CEL_LITERAL && value.type == CEL_INT &&
        value.natural == (uint64_t)1 << 63) {
        *out = literal(parser, at, cel_value_int(INT64_MIN));
        return cel_lex_next(&parser->lex);
    }
    struct cel_expr *inner;
    TRY(parse_member(parser, &inner));
    return call(parser, at, "-_", inner, NULL, out);
}

/* "!" and "-" may be repeated, but not mixed. */
static err *parse_unary(struct parser *parser, struct cel_expr **out)
{
    bool minus = cel_lex_is_sign(&parser->lex, "-");
    size_t at = parser->lex.from;
    if (!minus && !cel_lex_is_sign(&parser->lex, "!")) return parse_member(parser, out);
    str rest = str_skip(parser->lex.source, parser->lex.at);
    if (minus && !str_starts(str_trim(rest), STR("-"))) return parse_minus(parser, out);
    struct cel_expr *inner;
    TRY(cel_lex_next(&parser->lex));
    TRY(deepen(parser));
    TRY(parse_unary(parser, &inner));
    parser->depth--;
    return call(parser, at, minus ? "-_" : "!_", inner, NULL, out);
}

static const struct binary {
    const char *sign, *function;
    enum cel_form form;
    int rank;
} binaries[] = {
    {"*", "_*_", CEL_FORM_CALL, 3},      {"/", "_/_", CEL_FORM_CALL, 3},
    {"%", "_%_", CEL_FORM_CALL, 3},      {"+", "_+_", CEL_FORM_CALL, 2},
    {"-", "_-_", CEL_FORM_CALL, 2},      {"==", "_==_", CEL_FORM_EQUAL, 1},
    {"!=", "_!=_", CEL_FORM_UNEQUAL, 1}, {"<=", "_<=_", CEL_FORM_CALL, 1},
    {">=", "_>=_", CEL_FORM_CALL, 1},    {"<", "_<_", CEL_FORM_CALL, 1},
    {">", "_>_", CEL_FORM_CALL, 1},      {"in", "@in", CEL_FORM_IN, 1},
};

static const struct binary *binary_at(const struct cel_lex *lex)
{
    for (size_t i = 0; i < COUNT(binaries); i++) {
        bool here = binaries[i].form == CEL_FORM_IN ? cel_lex_is_word(lex, "in")
                                                    : cel_lex_is_sign(lex, binaries[i].sign);
        if (here) return &binaries[i];
    }
    return NULL;
}

static err *parse_binary(struct parser *parser, int rank, struct cel_expr **out)
{
    TRY(parse_unary(parser, out));
    for (;;) {
        const struct binary *binary = binary_at(&parser->lex);
        if (!binary || binary->rank < rank) return NULL;
        size_t at = parser->lex.from;
        struct cel_expr *right, *expr = form(parser, binary->form, at);
        TRY(cel_lex_next(&parser->lex));
        TRY(parse_binary(parser, binary->rank + 1, &right));
        expr->name = str_of(binary->function);
        TRY(add(parser, expr, *out));
        TRY(add(parser, expr, right));
        *out = expr;
    }
}

/* a && b && c is one node, however long; so is a || b || c. */
static err *parse_chain(struct parser *parser, bool any, struct cel_expr **out)
{
    const char *sign = any ? "||" : "&&";
    struct cel_expr *chain = NULL;
    TRY(any ? parse_chain(parser, false, out) : parse_binary(parser, 1, out));
    while (cel_lex_is_sign(&parser->lex, sign)) {
        struct cel_expr *next;
        if (!chain) {
            chain = form(parser, any ? CEL_FORM_OR : CEL_FORM_AND, parser->lex.from);
            TRY(add(parser, chain, *out));
            *out = chain;
        }
        TRY(cel_lex_next(&parser->lex));
        TRY(any ? parse_chain(parser, false, &next) : parse_binary(parser, 1, &next));
        TRY(add(parser, chain, next));
    }
    return NULL;
}

static err *parse_expr(struct parser *parser, struct cel_expr **out)
{
    TRY(deepen(parser));
    TRY(parse_chain(parser, true, out));
    if (cel_lex_is_sign(&parser->lex, "?")) {
        struct cel_expr *expr = form(parser, CEL_FORM_CHOICE, parser->lex.from), *then, *other;
        TRY(cel_lex_next(&parser->lex));
        TRY(parse_chain(parser, true, &then));
        TRY(expect(parser, ":", "':'"));
        TRY(parse_expr(parser, &other));
        TRY(add(parser, expr, *out));
        TRY(add(parser, expr, then));
        TRY(add(parser, expr, other));
        *out = expr;
    }
    parser->depth--;
    return NULL;
}

err *cel_parse(arena *a, str source, struct cel_expr **out)
{
    struct parser parser = {.a = a, .lex = {.a = a, .source = source}};
    if (source.len > LIMIT_CEL_BYTES)
        return err_invalid("1:1: the expression is longer than the limit of %d bytes",
                           LIMIT_CEL_BYTES);
    if (!str_valid_utf8(source)) return err_invalid("1:1: the expression is not UTF-8");
    TRY(cel_lex_next(&parser.lex));
    TRY(parse_expr(&parser, out));
    return parser.lex.token == CEL_END ? NULL : unexpected(&parser, "an operator or the end");
}
