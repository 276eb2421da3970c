#include "doc/cel_lex.h"

#include "base/buf.h"
#include "doc/number.h"

err *cel_lex_place(str source, size_t at, err *e)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < MIN(at, source.len); i++) {
        if (source.data[i] == '\n') {
            line++;
            column = 1;
        } else if ((source.data[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return err_wrap(e, "%zu:%zu", line, column);
}

bool cel_lex_is_sign(const struct cel_lex *lex, const char *sign)
{
    return lex->token == CEL_SIGN && str_is(lex->text, sign);
}

bool cel_lex_is_word(const struct cel_lex *lex, const char *word)
{
    return lex->token == CEL_NAME && str_is(lex->text, word);
}

static err *wrong(const struct cel_lex *lex, size_t at, const char *what)
{
    return cel_lex_place(lex->source, at, err_invalid("syntax error: %s", what));
}

static char peek(const struct cel_lex *lex, size_t ahead)
{
    return lex->at + ahead < lex->source.len ? lex->source.data[lex->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_of(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void skip_blanks(struct cel_lex *lex)
{
    for (;;) {
        char c = peek(lex, 0);
        if (lex->at < lex->source.len && (c == ' ' || (c >= '\t' && c <= '\r'))) {
            lex->at++;
        } else if (c == '/' && peek(lex, 1) == '/') {
            while (lex->at < lex->source.len && peek(lex, 0) != '\n')
                lex->at++;
        } else {
            return;
        }
    }
}

/* ---- numbers ---- */

static err *read_hex(struct cel_lex *lex)
{
    uint64_t value = 0;
    size_t from = lex->at += 2;
    for (; hex_of(peek(lex, 0)) >= 0; lex->at++) {
        if (value >> 60) return wrong(lex, lex->from, "the number does not fit 64 bits");
        value = value << 4 | (uint64_t)hex_of(peek(lex, 0));
    }
    if (lex->at == from) return wrong(lex, lex->from, "digits are missing after 0x");
    lex->value = (struct cel_value){.type = CEL_INT, .natural = value};
    return NULL;
}

static void skip_digits(struct cel_lex *lex)
{
    while (is_digit(peek(lex, 0)))
        lex->at++;
}

static err *read_decimal(struct cel_lex *lex)
{
    bool real = false;
    skip_digits(lex);
    if (peek(lex, 0) == '.' && is_digit(peek(lex, 1))) {
        real = true;
        lex->at++;
        skip_digits(lex);
    }
    char c = peek(lex, 0);
    size_t sign = peek(lex, 1) == '+' || peek(lex, 1) == '-' ? 2 : 1;
    if ((c == 'e' || c == 'E') && is_digit(peek(lex, sign))) {
        real = true;
        lex->at += sign;
        skip_digits(lex);
    }
    str text = str_slice(lex->source, lex->from, lex->at);
    if (real) {
        struct number number;
        if (text.data[0] == '.') text = str_concat(lex->a, STR("0"), text);
        number_read(text, false, &number);
        lex->value = (struct cel_value){.type = CEL_DOUBLE, .real = number_to_double(&number)};
        return NULL;
    }
    lex->value = (struct cel_value){.type = CEL_INT};
    if (!str_to_uint(text, &lex->value.natural))
        return wrong(lex, lex->from, "the number does not fit 64 bits");
    return NULL;
}

/* The parser knows whether a '-' stands in front: it checks that an int fits. */
static err *read_number(struct cel_lex *lex)
{
    bool hex = peek(lex, 0) == '0' && (peek(lex, 1) == 'x' || peek(lex, 1) == 'X');
    lex->token = CEL_LITERAL;
    TRY(hex ? read_hex(lex) : read_decimal(lex));
    if (lex->value.type == CEL_INT && (peek(lex, 0) == 'u' || peek(lex, 0) == 'U')) {
        lex->value.type = CEL_UINT;
        lex->at++;
    }
    if (is_letter(peek(lex, 0)) || is_digit(peek(lex, 0)))
        return wrong(lex, lex->from, "this is no number");
    return NULL;
}

/* ---- texts ---- */

static bool take_digits(struct cel_lex *lex, int count, int base, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < count; i++) {
        int digit = hex_of(peek(lex, 0));
        if (digit < 0 || digit >= base) return false;
        *out = *out * (uint32_t)base + (uint32_t)digit;
        lex->at++;
    }
    return true;
}

static bool add_rune(buf *b, uint32_t rune)
{
    char bytes[4];
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return false;
    buf_add_bytes(b, bytes, str_put_rune(bytes, rune));
    return true;
}

static bool read_code(struct cel_lex *lex, bool is_bytes, char c, buf *b)
{
    uint32_t code;
    if (c == 'u' || c == 'U') {
        return !is_bytes && take_digits(lex, c == 'u' ? 4 : 8, 16, &code) && add_rune(b, code);
    }
    if (c == 'x' || c == 'X') {
        if (!take_digits(lex, 2, 16, &code)) return false;
    } else {
        lex->at--;
        if (c < '0' || c > '3' || !take_digits(lex, 3, 8, &code)) return false;
    }
    if (!is_bytes) return add_rune(b, code);
    buf_add_char(b, (char)code);
    return true;
}

static err *read_escape(struct cel_lex *lex, bool is_bytes, buf *b)
{
    static const char from[] = "abfnrtv\\?\"'`", to[] = "\a\b\f\n\r\t\v\\?\"'`";
    size_t at = lex->at++;
    char c = peek(lex, 0);
    lex->at++;
    for (size_t i = 0; i < sizeof(from) - 1; i++) {
        if (c != from[i]) continue;
        buf_add_char(b, to[i]);
        return NULL;
    }
    if (!read_code(lex, is_bytes, c, b)) return wrong(lex, at, "this escape sequence is unknown");
    return NULL;
}

static bool is_closed(struct cel_lex *lex, char quote, size_t quotes)
{
    for (size_t i = 0; i < quotes; i++) {
        if (peek(lex, i) != quote) return false;
    }
    lex->at += quotes;
    return true;
}

static err *read_text(struct cel_lex *lex, bool raw, bool is_bytes)
{
    char quote = peek(lex, 0);
    size_t quotes = peek(lex, 1) == quote && peek(lex, 2) == quote ? 3 : 1;
    buf b = BUF(lex->a);
    lex->at += quotes;
    while (!is_closed(lex, quote, quotes)) {
        char c = peek(lex, 0);
        if (lex->at >= lex->source.len || (quotes == 1 && (c == '\n' || c == '\r')))
            return wrong(lex, lex->from, "the closing quote is missing");
        if (c == '\\' && !raw) {
            TRY(read_escape(lex, is_bytes, &b));
            continue;
        }
        buf_add_char(&b, c);
        lex->at++;
    }
    lex->token = CEL_LITERAL;
    lex->value = cel_value_str(buf_str(&b));
    if (is_bytes) lex->value.type = CEL_BYTES;
    return NULL;
}

/* Is this r"...", b"...", br"..." or a plain quote? */
static bool begins_text(struct cel_lex *lex, bool *raw, bool *is_bytes)
{
    size_t at = 0;
    *raw = *is_bytes = false;
    for (; at < 2; at++) {
        char c = peek(lex, at);
        bool *flag = c == 'r' || c == 'R' ? raw : c == 'b' || c == 'B' ? is_bytes : NULL;
        if (!flag || *flag) break;
        *flag = true;
    }
    if (peek(lex, at) != '"' && peek(lex, at) != '\'') return false;
    lex->at += at;
    return true;
}

/* ---- tokens ---- */

static err *read_sign(struct cel_lex *lex)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "&&", "||", ".?", "[?", "<",
                                        ">",  "!",  "-",  "+",  "*",  "/",  "%",  "?",  ":",
                                        ".",  ",",  "(",  ")",  "[",  "]",  "{",  "}"};
    str rest = str_skip(lex->source, lex->at);
    for (size_t i = 0; i < COUNT(signs); i++) {
        if (!str_starts(rest, str_of(signs[i]))) continue;
        lex->token = CEL_SIGN;
        lex->text = str_of(signs[i]);
        lex->at += lex->text.len;
        return NULL;
    }
    return wrong(lex, lex->at, "this character has no meaning here");
}

err *cel_lex_next(struct cel_lex *lex)
{
    bool raw, is_bytes;
    skip_blanks(lex);
    lex->from = lex->at;
    lex->text = (str){0};
    if (lex->at >= lex->source.len) {
        lex->token = CEL_END;
        return NULL;
    }
    char c = peek(lex, 0);
    if (begins_text(lex, &raw, &is_bytes)) return read_text(lex, raw, is_bytes);
    if (is_digit(c) || (c == '.' && is_digit(peek(lex, 1)))) return read_number(lex);
    if (!is_letter(c)) return read_sign(lex);
    while (is_letter(peek(lex, 0)) || is_digit(peek(lex, 0)))
        lex->at++;
    lex->token = CEL_NAME;
    lex->text = str_slice(lex->source, lex->from, lex->at);
    return NULL;
}
