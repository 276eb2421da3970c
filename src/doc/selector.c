#include "doc/selector.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "doc/json.h"

/* ------------------------------------------------------------------ keys and values */

enum { NAME_BYTES_MAX = 63, PREFIX_BYTES_MAX = 253 };

#define NAME_FORM                                                                                  \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define VALUE_FORM                                                                                 \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "    \
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', " \
    " "                                                                                            \
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define PREFIX_FORM                                                                                \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is "                                                                           \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

static bool is_small(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c)
{
    return is_small(c) || (c >= 'A' && c <= 'Z');
}

static bool is_name(str text)
{
    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool inner = i > 0 && i + 1 < text.len && (c == '-' || c == '_' || c == '.');
        if (!inner && !is_alphanumeric(c)) return false;
    }
    return true;
}

static bool is_subdomain(str text)
{
    str label;
    while (str_next(&text, '.', &label)) {
        if (label.len == 0 || label.data[0] == '-' || label.data[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++) {
            if (!is_small(label.data[i]) && label.data[i] != '-') return false;
        }
    }
    return true;
}

/* Complaints of one text are joined by "; ". */
static void complain(buf *b, const char *part, const char *what)
{
    if (b->len) BUF_ADD(b, "; ");
    buf_printf(b, "%s%s", part, what);
}

static void check_prefix(buf *b, str prefix)
{
    if (prefix.len == 0) return complain(b, "prefix part ", "must be non-empty");
    if (prefix.len > PREFIX_BYTES_MAX) {
        complain(b, "prefix part ", "must be no more than 253 bytes");
    }
    if (!is_subdomain(prefix)) complain(b, "prefix part ", PREFIX_FORM);
}

static err *invalid(const char *field, str value, const buf *complaints)
{
    buf quoted AUTO(buf_done) = {0};
    json_write_str(&quoted, value, false);
    str text = buf_str(&quoted), why = buf_str(complaints);
    return err_invalid("%s: Invalid value: " STR_FMT ": " STR_FMT, field, STR_ARG(text),
                       STR_ARG(why));
}

/* [prefix/]name */
static err *check_key(const char *field, str key)
{
    buf complaints AUTO(buf_done) = {0};
    str prefix, name = key;
    if (str_cut(key, '/', &prefix, &name)) {
        if (str_has_char(name, '/')) {
            complain(&complaints, "a valid label key ",
                     NAME_FORM " with an optional DNS subdomain prefix and '/' (e.g. "
                               "'example.com/MyName')");
            return invalid(field, key, &complaints);
        }
        check_prefix(&complaints, prefix);
    } else {
        name = key;
    }
    if (name.len == 0) complain(&complaints, "name part ", "must be non-empty");
    if (name.len > NAME_BYTES_MAX) {
        complain(&complaints, "name part ", "must be no more than 63 bytes");
    }
    if (!is_name(name)) complain(&complaints, "name part ", NAME_FORM);
    return complaints.len ? invalid(field, key, &complaints) : NULL;
}

static err *check_value(const struct selector_term *term, size_t index)
{
    str value = term->values[index];
    buf complaints AUTO(buf_done) = {0}, field AUTO(buf_done) = {0};
    if (value.len > NAME_BYTES_MAX) complain(&complaints, "", "must be no more than 63 bytes");
    if (value.len && !is_name(value)) complain(&complaints, "", VALUE_FORM);
    if (!complaints.len) return NULL;
    buf_printf(&field, "values[%zu][" STR_FMT "]%c", index, STR_ARG(term->key), 0);
    return invalid(field.data, value, &complaints);
}

/* ------------------------------------------------------------------ terms */

static bool is_bound(const struct selector_term *term)
{
    return term->op == SELECTOR_MORE || term->op == SELECTOR_LESS;
}

static void sort_values(struct selector_term *term)
{
    if (term->value_count < 2) return;
    qsort(term->values, term->value_count, sizeof *term->values, str_order);
    size_t kept = 1;
    for (size_t i = 1; i < term->value_count; i++) {
        if (!str_eq(term->values[i], term->values[kept - 1]))
            term->values[kept++] = term->values[i];
    }
    term->value_count = kept;
}

static err *check_term(const struct selector_term *term)
{
    TRY(check_key("key", term->key));
    int64_t bound;
    if (is_bound(term) && !str_to_int(term->values[0], &bound)) {
        buf why AUTO(buf_done) = {0};
        complain(&why, "", "for 'Gt', 'Lt' operators, the value must be an integer");
        return invalid("values[0]", term->values[0], &why);
    }
    for (size_t i = 0; i < term->value_count; i++)
        TRY(check_value(term, i));
    return NULL;
}

static int term_order(const void *a, const void *b)
{
    const struct selector_term *x = a, *y = b;
    int order = str_cmp(x->key, y->key);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* ------------------------------------------------------------------ text */

enum kind { END, NAME, WORD_IN, WORD_NOTIN, SIGN };

struct token {
    enum kind kind;
    str text;
};

struct parser {
    arena *arena;
    str rest;
    const char *begin;
    struct token ahead;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_sign(char c)
{
    return c && memchr("=!(),><", c, 7);
}

static struct token scan(struct parser *p)
{
    while (p->rest.len && is_space(p->rest.data[0]))
        p->rest = str_skip(p->rest, 1);
    if (p->rest.len == 0 || p->rest.data[0] == '\0') return (struct token){END, STR("")};
    size_t len = 1;
    if (is_sign(p->rest.data[0])) {
        bool wide = str_starts(p->rest, STR("==")) || str_starts(p->rest, STR("!="));
        struct token token = {SIGN, str_head(p->rest, wide ? 2 : 1)};
        p->rest = str_skip(p->rest, token.text.len);
        return token;
    }
    while (len < p->rest.len && p->rest.data[len] && !is_sign(p->rest.data[len]) &&
           !is_space(p->rest.data[len])) {
        len++;
    }
    struct token token = {NAME, str_head(p->rest, len)};
    p->rest = str_skip(p->rest, len);
    if (str_is(token.text, "in")) token.kind = WORD_IN;
    if (str_is(token.text, "notin")) token.kind = WORD_NOTIN;
    return token;
}

static struct token take(struct parser *p)
{
    struct token token = p->ahead;
    p->ahead = scan(p);
    return token;
}

static bool is_name_token(struct token token)
{
    return token.kind == NAME || token.kind == WORD_IN || token.kind == WORD_NOTIN;
}

static bool is_text(struct token token, const char *text)
{
    return token.kind == SIGN && str_is(token.text, text);
}

static err *unexpected(struct token token, const char *separator, const char *expected)
{
    return err_invalid("found '" STR_FMT "'%s expected: %s", STR_ARG(token.text), separator,
                       expected);
}

static err *parse_operator(struct parser *p, struct selector_term *term)
{
    static const struct {
        const char *sign;
        enum selector_op op;
    } operators[] = {
        {"in", SELECTOR_IN},  {"notin", SELECTOR_NOT_IN}, {"=", SELECTOR_IN},
        {"==", SELECTOR_IN},  {"!=", SELECTOR_NOT_IN},    {">", SELECTOR_MORE},
        {"<", SELECTOR_LESS},
    };
    struct token token = take(p);
    for (size_t i = 0; i < COUNT(operators) && token.kind != NAME; i++) {
        if (!str_is(token.text, operators[i].sign)) continue;
        term->op = operators[i].op;
        term->sign = token.text;
        return NULL;
    }
    return unexpected(token, ",", "in, notin, =, ==, !=, gt, lt");
}

/* What stands in parentheses. Nothing between two commas, or beside one, is the empty value. */
static err *parse_values(struct parser *p, struct selector_term *term)
{
    size_t room = 0;
    struct token token = take(p);
    if (!is_text(token, "(")) return unexpected(token, "", "'('");
    bool value_due = true; /* where a value may stand, its absence counts as an empty one */
    if (!is_name_token(p->ahead) && !is_text(p->ahead, ",") && !is_text(p->ahead, ")")) {
        return unexpected(p->ahead, ",", "',', ')' or identifier");
    }
    for (;;) {
        token = p->ahead;
        bool name = is_name_token(token), comma = is_text(token, ","), close = is_text(token, ")");
        if (!value_due && !comma && !close) return unexpected(token, ",", "',' or ')'");
        if (value_due && !name && !comma && !close)
            return unexpected(token, ",", "',', or identifier");
        take(p);
        if (name || value_due) {
            *ARENA_PUSH(p->arena, term->values, term->value_count, room) =
                name ? token.text : STR("");
        }
        if (close) return NULL;
        value_due = comma;
    }
}

static err *parse_value(struct parser *p, struct selector_term *term)
{
    str value = STR("");
    if (p->ahead.kind != END && !is_text(p->ahead, ",")) {
        struct token token = take(p);
        if (!is_name_token(token)) return unexpected(token, ",", "identifier");
        value = token.text;
    }
    term->values = NEW(p->arena, str);
    term->values[0] = value;
    term->value_count = 1;
    return NULL;
}

static err *parse_term(struct parser *p, struct selector_term *term)
{
    bool negated = is_text(p->ahead, "!");
    if (negated) take(p);
    struct token key = take(p);
    if (!is_name_token(key)) return unexpected(key, ",", "identifier");
    TRY(check_key("<nil>", key.text));
    *term = (struct selector_term){.key = key.text, .at = (size_t)(key.text.data - p->begin)};
    term->op = negated ? SELECTOR_MISSING : SELECTOR_EXISTS;
    if (negated || p->ahead.kind == END || is_text(p->ahead, ",")) return NULL;
    TRY(parse_operator(p, term));
    bool set = str_is(term->sign, "in") || str_is(term->sign, "notin");
    TRY(set ? parse_values(p, term) : parse_value(p, term));
    sort_values(term);
    return check_term(term);
}

err *selector_parse(arena *a, str text, struct selector *out)
{
    struct parser p = {.arena = a, .rest = text, .begin = text.data};
    struct selector_term *terms = NULL, term;
    size_t count = 0, room = 0;
    take(&p);
    while (p.ahead.kind != END) {
        if (!is_name_token(p.ahead) && !is_text(p.ahead, "!")) {
            return unexpected(p.ahead, ",", "!, identifier, or 'end of string'");
        }
        err *e = parse_term(&p, &term);
        if (e) return err_wrap(e, "unable to parse requirement");
        *ARENA_PUSH(a, terms, count, room) = term;
        struct token token = take(&p);
        if (token.kind == END) break;
        if (!is_text(token, ",")) return unexpected(token, ",", "',' or 'end of string'");
        if (!is_name_token(p.ahead) && !is_text(p.ahead, "!")) {
            return unexpected(p.ahead, ",", "identifier after ','");
        }
    }
    if (count > 1) qsort(terms, count, sizeof *terms, term_order);
    *out = (struct selector){.terms = terms, .count = count};
    return NULL;
}

/* ------------------------------------------------------------------ fields */

static str text_of(const node *scalar)
{
    return node_is_scalar(scalar) && !node_is_null(scalar) ? scalar->text : STR("");
}

static err *term_of_label(arena *a, const struct node_pair *pair, struct selector_term *out)
{
    *out = (struct selector_term){.key = pair->key, .op = SELECTOR_IN, .sign = STR("=")};
    out->values = NEW(a, str);
    out->values[0] = text_of(pair->value);
    out->value_count = 1;
    return check_term(out);
}

static err *term_of_expression(arena *a, const node *n, struct selector_term *out)
{
    static const struct {
        const char *name, *sign;
        enum selector_op op;
    } operators[] = {
        {"In", "in", SELECTOR_IN},
        {"NotIn", "notin", SELECTOR_NOT_IN},
        {"Exists", "", SELECTOR_EXISTS},
        {"DoesNotExist", "", SELECTOR_MISSING},
    };
    str name = node_get_str(n, STR("operator"));
    size_t i = 0;
    while (i < COUNT(operators) && !str_is(name, operators[i].name))
        i++;
    if (i == COUNT(operators)) {
        return err_invalid("\"" STR_FMT "\" is not a valid label selector operator", STR_ARG(name));
    }
    *out = (struct selector_term){.key = node_get_str(n, STR("key")),
                                  .op = operators[i].op,
                                  .sign = str_of(operators[i].sign)};
    const node *values = node_get(n, STR("values"));
    size_t count = node_is_list(values) ? values->count : 0;
    bool set = out->op == SELECTOR_IN || out->op == SELECTOR_NOT_IN;
    if (set && count == 0) {
        return err_invalid("values: Invalid value: []: for 'in', 'notin' operators, values set "
                           "can't be empty");
    }
    if (!set && count > 0) {
        str shown = json_text(a, values);
        return err_invalid("values: Invalid value: " STR_FMT
                           ": values set must be empty for exists "
                           "and does not exist",
                           STR_ARG(shown));
    }
    out->values = count ? NEW_ARRAY(a, str, count) : NULL;
    NODE_EACH (values, value)
        out->values[out->value_count++] = text_of(value);
    sort_values(out);
    return check_term(out);
}

err *selector_from_node(arena *a, const node *n, struct selector *out)
{
    struct selector_term *terms = NULL, term;
    size_t count = 0, room = 0;
    const node *labels = node_get(n, STR("matchLabels"));
    const node *expressions = node_get(n, STR("matchExpressions"));
    PAIR_EACH (labels, pair) {
        TRY(term_of_label(a, pair, &term));
        term.at = count;
        *ARENA_PUSH(a, terms, count, room) = term;
    }
    NODE_EACH (expressions, expression) {
        TRY(term_of_expression(a, expression, &term));
        term.at = count;
        *ARENA_PUSH(a, terms, count, room) = term;
    }
    if (count > 1) qsort(terms, count, sizeof *terms, term_order);
    *out = (struct selector){.terms = terms, .count = count, .nothing = node_is_null(n)};
    return NULL;
}

/* ------------------------------------------------------------------ matching */

static bool has_value(const struct selector_term *term, str value)
{
    for (size_t i = 0; i < term->value_count; i++) {
        if (str_eq(term->values[i], value)) return true;
    }
    return false;
}

/* value is NULL where the label is missing. */
static bool term_holds(const struct selector_term *term, const str *value)
{
    int64_t bound, number;
    switch (term->op) {
    case SELECTOR_IN:
        return value && has_value(term, *value);
    case SELECTOR_NOT_IN:
        return !value || !has_value(term, *value);
    case SELECTOR_EXISTS:
        return value;
    case SELECTOR_MISSING:
        return !value;
    default:
        if (!value || !str_to_int(*value, &number)) return false;
        if (!str_to_int(term->values[0], &bound)) return false;
        return term->op == SELECTOR_MORE ? number > bound : number < bound;
    }
}

bool selector_match(const struct selector *selector, const node *labels)
{
    for (size_t i = 0; i < selector->count; i++) {
        const node *label = node_get(labels, selector->terms[i].key);
        str value = text_of(label);
        if (!term_holds(&selector->terms[i], label ? &value : NULL)) return false;
    }
    return !selector->nothing;
}

bool selector_match_pairs(const struct selector *selector, const struct selector_label *labels,
                          size_t count)
{
    for (size_t i = 0; i < selector->count; i++) {
        const str *value = NULL;
        for (size_t j = 0; j < count && !value; j++) {
            if (str_eq(labels[j].key, selector->terms[i].key)) value = &labels[j].value;
        }
        if (!term_holds(&selector->terms[i], value)) return false;
    }
    return !selector->nothing;
}

static void write_term(buf *b, const struct selector_term *term)
{
    bool set = str_is(term->sign, "in") || str_is(term->sign, "notin");
    if (term->op == SELECTOR_MISSING) buf_add_char(b, '!');
    buf_add(b, term->key);
    if (term->op == SELECTOR_EXISTS || term->op == SELECTOR_MISSING) return;
    if (set) buf_add_char(b, ' ');
    buf_add(b, term->sign);
    if (set) BUF_ADD(b, " (");
    for (size_t i = 0; i < term->value_count; i++) {
        if (i) buf_add_char(b, ',');
        buf_add(b, term->values[i]);
    }
    if (set) buf_add_char(b, ')');
}

str selector_text(arena *a, const struct selector *selector)
{
    buf b = BUF(a);
    for (size_t i = 0; i < selector->count; i++) {
        if (i) buf_add_char(&b, ',');
        write_term(&b, &selector->terms[i]);
    }
    return buf_str(&b);
}
