#include "tmpl/tmpl_lex.h"

#include "base/buf.h"
#include "base/limits.h"

struct lexer {
    arena *a;
    str text;
    size_t at;
    bool apart, trims; /* trims: white space after the last }} goes */
    int parens;
    struct tmpl_token *tokens;
    size_t count, room;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           (c & 0x80);
}

static char peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.data[l->at + ahead] : 0;
}

static bool starts(const struct lexer *l, const char *what)
{
    return str_starts(str_skip(l->text, l->at), str_of(what));
}

static void emit(struct lexer *l, enum tmpl_token_kind kind, str text, size_t from)
{
    *ARENA_PUSH(l->a, l->tokens, l->count, l->room) =
        (struct tmpl_token){kind, text, from, l->at, l->apart};
    l->apart = false;
}

/* Up to the next "{{", without the white space that trim markers take. */
static void lex_text(struct lexer *l)
{
    size_t from = l->at;
    ptrdiff_t len = str_find(str_skip(l->text, l->at), STR("{{"));
    size_t end = len < 0 ? l->text.len : l->at + (size_t)len, to = end;
    while (l->trims && from < end && is_space(l->text.data[from]))
        from++;
    l->trims = false;
    l->at = end;
    if (starts(l, "{{-") && is_space(peek(l, 3))) {
        while (to > from && is_space(l->text.data[to - 1]))
            to--;
    }
    if (to > from) emit(l, TMPL_TEXT, str_slice(l->text, from, to), from);
}

/* At "}}" or " -}}". */
static bool take_close(struct lexer *l)
{
    bool trims = l->apart && starts(l, "-}}");
    if (!trims && !starts(l, "}}")) return false;
    size_t from = l->at;
    l->at += trims ? 3 : 2;
    l->trims = trims;
    emit(l, TMPL_CLOSE, (str){0}, from);
    return true;
}

/* A comment is all of its action. */
static err *lex_comment(struct lexer *l)
{
    ptrdiff_t len = str_find(str_skip(l->text, l->at), STR("*/"));
    if (len < 0) return err_invalid("unclosed comment");
    l->at += (size_t)len + 2;
    if (starts(l, "}}")) {
        l->at += 2;
        return NULL;
    }
    bool trims = is_space(peek(l, 0)) && str_starts(str_skip(l->text, l->at + 1), STR("-}}"));
    if (!trims) return err_invalid("comment ends before closing delimiter");
    l->at += 4;
    l->trims = true;
    return NULL;
}

/* ---- Quoted texts ---- */

static int hex_of(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number of an escape: `digits` of them to the base. */
static bool read_digits(struct lexer *l, int digits, int base, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++) {
        int digit = hex_of(peek(l, 0));
        if (digit < 0 || digit >= base) return false;
        *out = *out * (uint32_t)base + (uint32_t)digit;
        l->at++;
    }
    return true;
}

/* Behind the backslash. */
static bool read_escape(struct lexer *l, char quote, buf *b)
{
    static const char letters[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
    char c = peek(l, 0), utf8[4];
    uint32_t code;
    for (size_t i = 0; letters[i]; i++) {
        if (c != letters[i]) continue;
        l->at++;
        buf_add_char(b, values[i]);
        return true;
    }
    if (c == quote) {
        l->at++;
        buf_add_char(b, c);
        return true;
    }
    if (c >= '0' && c <= '7') {
        if (!read_digits(l, 3, 8, &code) || code > 255) return false;
        buf_add_char(b, (char)code);
        return true;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    l->at++;
    if (!digits || !read_digits(l, digits, 16, &code)) return false;
    if (c == 'x') {
        buf_add_char(b, (char)code);
        return true;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    buf_add_bytes(b, utf8, str_put_rune(utf8, code));
    return true;
}

static err *lex_quoted(struct lexer *l, char quote)
{
    const char *unclosed =
        quote == '"' ? "unterminated quoted string" : "unterminated character constant";
    size_t from = l->at++;
    buf b = BUF(l->a);
    for (;;) {
        char c = peek(l, 0);
        if (l->at >= l->text.len || c == '\n') return err_invalid("%s", unclosed);
        l->at++;
        if (c == quote) break;
        if (c != '\\') {
            buf_add_char(&b, c);
        } else if (!read_escape(l, quote, &b)) {
            return err_invalid("invalid syntax");
        }
    }
    uint32_t rune;
    if (quote == '\'' && (str_rune(buf_str(&b), &rune) != b.len || !b.len))
        return err_invalid("malformed character constant: " STR_FMT,
                           STR_ARG(str_slice(l->text, from, l->at)));
    emit(l, quote == '"' ? TMPL_STRING : TMPL_CHAR, buf_str(&b), from);
    return NULL;
}

static err *lex_raw(struct lexer *l)
{
    size_t from = l->at;
    ptrdiff_t len = str_find_char(str_skip(l->text, l->at + 1), '`');
    if (len < 0) return err_invalid("unterminated raw quoted string");
    l->at += (size_t)len + 2;
    emit(l, TMPL_STRING, str_slice(l->text, from + 1, l->at - 1), from);
    return NULL;
}

/* ---- One token of an action ---- */

static err *bad_character(const struct lexer *l)
{
    uint32_t rune = (unsigned char)peek(l, 0);
    str_rune(str_skip(l->text, l->at), &rune);
    if (rune < 0x20 || rune == 0x7f) return err_invalid("bad character U+%04X", rune);
    char utf8[4];
    size_t len = str_put_rune(utf8, rune);
    return err_invalid("bad character U+%04X '%.*s'", rune, (int)len, utf8);
}

/* What may stand behind a name: anything else would be read as a part of it. */
static err *check_behind(const struct lexer *l)
{
    char c = peek(l, 0);
    bool fine = l->at >= l->text.len || is_space(c) || str_has_char(STR(".,|:)("), c) ||
                starts(l, "}}") || c == '=';
    return fine ? NULL : bad_character(l);
}

static err *lex_word(struct lexer *l, enum tmpl_token_kind kind, size_t skip)
{
    size_t from = l->at;
    l->at += skip;
    while (l->at < l->text.len && is_word(peek(l, 0)))
        l->at++;
    TRY(check_behind(l));
    bool variable = kind == TMPL_VARIABLE;
    emit(l, kind, str_slice(l->text, variable ? from : from + skip, l->at), from);
    return NULL;
}

static err *lex_number(struct lexer *l)
{
    size_t from = l->at;
    if (peek(l, 0) == '+' || peek(l, 0) == '-') l->at++;
    for (char before = 0; l->at < l->text.len; l->at++) {
        char c = peek(l, 0);
        bool exponent = (c == '+' || c == '-') &&
                        (before == 'e' || before == 'E' || before == 'p' || before == 'P');
        bool hex = str_starts(str_skip(l->text, from), STR("0x")) && exponent && before != 'p';
        if (!(is_word(c) || c == '.' || exponent) || hex) break;
        before = c;
    }
    emit(l, TMPL_NUMBER, str_slice(l->text, from, l->at), from);
    return NULL;
}

static err *lex_mark(struct lexer *l, enum tmpl_token_kind kind, size_t len)
{
    size_t from = l->at;
    l->at += len;
    emit(l, kind, str_slice(l->text, from, l->at), from);
    return NULL;
}

static err *lex_paren(struct lexer *l, char c)
{
    l->parens += c == '(' ? 1 : -1;
    if (l->parens < 0) return err_invalid("unexpected right paren");
    return lex_mark(l, c == '(' ? TMPL_LEFT : TMPL_RIGHT, 1);
}

static err *lex_token(struct lexer *l)
{
    char c = peek(l, 0), next = peek(l, 1);
    if (c == '"' || c == '\'') return lex_quoted(l, c);
    if (c == '`') return lex_raw(l);
    if (c == '$') return lex_word(l, TMPL_VARIABLE, 1);
    if (c == '.' && is_digit(next)) return lex_number(l);
    if (c == '.' && is_word(next)) return lex_word(l, TMPL_FIELD, 1);
    if (c == '.') return lex_mark(l, TMPL_DOT, 1);
    if (is_digit(c) || ((c == '+' || c == '-') && (is_digit(next) || next == '.')))
        return lex_number(l);
    if (is_word(c)) return lex_word(l, TMPL_IDENT, 0);
    if (c == '|') return lex_mark(l, TMPL_PIPE, 1);
    if (c == ',') return lex_mark(l, TMPL_COMMA, 1);
    if (c == ':' && next == '=') return lex_mark(l, TMPL_DECLARE, 2);
    if (c == ':') return err_invalid("expected :=");
    if (c == '=') return lex_mark(l, TMPL_ASSIGN, 1);
    if (c == '(' || c == ')') return lex_paren(l, c);
    err *e = bad_character(l);
    return err_wrap(e, "unexpected");
}

static err *lex_action(struct lexer *l)
{
    size_t from = l->at;
    bool trims = str_starts(str_skip(l->text, l->at), STR("{{-")) && is_space(peek(l, 3));
    l->at += trims ? 3 : 2;
    size_t inside = l->at;
    while (trims && is_space(peek(l, 0)))
        l->at++;
    if (starts(l, "/*")) return lex_comment(l);
    l->at = inside;
    l->parens = 0;
    l->apart = false;
    emit(l, TMPL_OPEN, (str){0}, from);
    for (;;) {
        while (l->at < l->text.len && is_space(peek(l, 0))) {
            l->at++;
            l->apart = true;
        }
        if (l->at >= l->text.len) return err_invalid("unclosed action");
        if (take_close(l)) break;
        TRY(lex_token(l));
    }
    return l->parens ? err_invalid("unclosed left paren") : NULL;
}

err *tmpl_lex(arena *a, str text, struct tmpl_token **out, size_t *count_out, size_t *at_out)
{
    struct lexer lexer = {.a = a, .text = text};
    while (lexer.at < text.len) {
        lex_text(&lexer);
        if (lexer.at >= text.len) break;
        err *e = lex_action(&lexer);
        *at_out = MIN(lexer.at, text.len);
        if (e) return e;
    }
    lexer.at = text.len;
    emit(&lexer, TMPL_END, (str){0}, text.len);
    *out = lexer.tokens;
    *count_out = lexer.count;
    return NULL;
}
