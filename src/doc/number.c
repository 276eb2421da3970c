#include "doc/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* No exponent within the largest text we read comes near; sums of two stay within int64. */
#define EXPONENT_MAX ((int64_t)1 << 60)
/* 767 digits decide how any decimal rounds to a double; whether more follow is one digit. */
enum { DOUBLE_DIGITS = 800 };

/* ------------------------------------------------------------------ reading */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int digit_value(char c)
{
    if (is_digit(c)) return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static str skip_underscores(str text)
{
    while (text.len && text.data[0] == '_')
        text = str_skip(text, 1);
    return text;
}

/* The base of an integer literal, its prefix taken off *text. */
static int take_base(str *text)
{
    str rest = skip_underscores(*text);
    if (rest.len == 0 || rest.data[0] != '0') return 10;
    rest = skip_underscores(str_skip(rest, 1));
    if (rest.len == 0) return 10;
    char mark = rest.data[0] | 0x20;
    int base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    *text = str_skip(rest, mark == 'x' || mark == 'b' || mark == 'o');
    return base;
}

static uint64_t based_value(str text, int base)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_value(text.data[i]);
        if (digit < base) value = value * (uint64_t)base + (uint64_t)digit;
    }
    return value;
}

static int64_t exponent_of(str text)
{
    bool negative = str_has_char(text, '-');
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (is_digit(text.data[i]) && value < EXPONENT_MAX / 16) {
            value = value * 10 + (text.data[i] - '0');
        }
    }
    return negative ? -value : value;
}

static void trim_to_digits(str *text)
{
    while (text->len && (text->data[0] < '1' || text->data[0] > '9'))
        *text = str_skip(*text, 1);
    while (text->len && (text->data[text->len - 1] < '1' || text->data[text->len - 1] > '9')) {
        text->len--;
    }
}

/* Places the point: how many digits stand left of it, or minus the zeros right of it. */
static int64_t point_of(str mantissa, str digits)
{
    const char *point = mantissa.len ? memchr(mantissa.data, '.', mantissa.len) : NULL;
    if (!point) point = mantissa.data + mantissa.len;
    const char *from = MIN(digits.data, point), *to = MAX(digits.data, point);
    int64_t count = 0;
    for (const char *p = from; p < to; p++)
        count += is_digit(*p);
    return point >= digits.data ? count : -count;
}

void number_read(str text, bool integer, struct number *out)
{
    *out = (struct number){.integer = integer};
    str rest = text;
    if (rest.len && (rest.data[0] == '-' || rest.data[0] == '+')) {
        out->negative = rest.data[0] == '-';
        rest = str_skip(rest, 1);
    }
    if (rest.len == 4 && rest.data[0] == '.' && !is_digit(rest.data[1])) {
        out->class = (rest.data[1] | 0x20) == 'i' ? NUMBER_INF : NUMBER_NAN;
        return;
    }
    int base = integer ? take_base(&rest) : 10;
    if (base != 10) {
        if (str_has_char(rest, '-')) out->negative = true; /* compat: go-yaml takes 0b-1 */
        int len = snprintf(out->decimal, sizeof out->decimal, "%llu",
                           (unsigned long long)based_value(rest, base));
        rest = str_from(out->decimal, (size_t)len);
    }
    str mantissa = rest;
    int64_t exponent = 0;
    for (size_t i = 0; i < rest.len; i++) {
        if ((rest.data[i] | 0x20) != 'e') continue;
        mantissa = str_head(rest, i);
        exponent = exponent_of(str_skip(rest, i + 1));
        break;
    }
    out->digits = mantissa;
    trim_to_digits(&out->digits);
    if (out->digits.len == 0) {
        out->negative = false;
        return;
    }
    out->exponent = point_of(mantissa, out->digits) + exponent;
}

/* The next digit at or after *at, or -1 at the end. */
static int next_digit(str digits, size_t *at)
{
    while (*at < digits.len) {
        char c = digits.data[(*at)++];
        if (is_digit(c)) return c - '0';
    }
    return -1;
}

bool number_equal(const struct number *a, const struct number *b)
{
    if (a->class != b->class) return false;
    if (a->class == NUMBER_NAN) return true;
    if (a->negative != b->negative || a->exponent != b->exponent) return false;
    size_t at = 0, bt = 0;
    int x, y;
    do {
        x = next_digit(a->digits, &at);
        y = next_digit(b->digits, &bt);
    } while (x == y && x >= 0);
    return x == y;
}

uint64_t number_hash(const struct number *n)
{
    uint64_t hash = (uint64_t)n->class << 1 | (n->negative && n->class != NUMBER_NAN);
    hash = hash_mix(hash, (uint64_t)n->exponent);
    size_t at = 0;
    for (int digit; (digit = next_digit(n->digits, &at)) >= 0;) {
        hash = hash * 0x100000001b3u + (uint64_t)digit + 1;
    }
    return hash_mix(hash, 0);
}

bool number_to_uint(const struct number *n, uint64_t *out)
{
    if (n->class != NUMBER_FINITE || n->negative || n->exponent > 20) return false;
    uint64_t value = 0;
    size_t at = 0;
    for (int64_t i = 0; i < n->exponent; i++) {
        int digit = MAX(next_digit(n->digits, &at), 0);
        if (__builtin_mul_overflow(value, 10u, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)digit, &value)) return false;
    }
    if (next_digit(n->digits, &at) >= 0) return false;
    *out = value;
    return true;
}

bool number_to_int(const struct number *n, int64_t *out)
{
    struct number magnitude = *n;
    magnitude.negative = false;
    uint64_t value;
    if (!number_to_uint(&magnitude, &value)) return false;
    if (value > (uint64_t)INT64_MAX + n->negative) return false;
    *out = n->negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

double number_to_double(const struct number *n)
{
    if (n->class == NUMBER_NAN) return NAN;
    if (n->class == NUMBER_INF) return n->negative ? -INFINITY : INFINITY;
    char text[DOUBLE_DIGITS + 40], *at = text;
    if (n->negative) *at++ = '-';
    *at++ = '0';
    *at++ = '.';
    size_t from = 0;
    int digit;
    for (int i = 0; i < DOUBLE_DIGITS && (digit = next_digit(n->digits, &from)) >= 0; i++) {
        *at++ = (char)('0' + digit);
    }
    if (next_digit(n->digits, &from) >= 0) *at++ = '1';
    int64_t exponent = MAX(MIN(n->exponent, (int64_t)100000), (int64_t)-100000);
    snprintf(at, 24, "e%lld", (long long)exponent);
    return strtod(text, NULL);
}

/* ------------------------------------------------------------------ what is a number */

/* The next character of a number, which may hold '_' anywhere; 0 at the end. */
static char peek(str *rest)
{
    while (rest->len && rest->data[0] == '_')
        *rest = str_skip(*rest, 1);
    return rest->len ? rest->data[0] : 0;
}

static char next(str *rest)
{
    char c = peek(rest);
    *rest = str_skip(*rest, 1);
    return c;
}

static size_t skip_digits(str *rest)
{
    size_t count = 0;
    for (; is_digit(peek(rest)); count++)
        next(rest);
    return count;
}

bool number_is_integer(str text, bool v3)
{
    char sign = peek(&text);
    if (sign == '-' || sign == '+')
        next(&text);
    else
        sign = 0;
    unsigned base = 10;
    bool digits = false;
    if (peek(&text) == '0') {
        next(&text);
        char mark = peek(&text) | 0x20;
        base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
        digits = mark != 'x' && mark != 'b' && mark != 'o';
        if (!digits) next(&text);
        bool late = base == 2 || (base == 8 && !digits && v3);
        if (!sign && late && (peek(&text) == '-' || peek(&text) == '+')) sign = next(&text);
    }
    uint64_t value = 0;
    for (; peek(&text) || text.len; digits = true) {
        char c = next(&text);
        unsigned digit = is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
        if (digit >= base) return false;
        if (__builtin_mul_overflow(value, base, &value)) return false;
        if (__builtin_add_overflow(value, digit, &value)) return false;
    }
    return digits && (!sign || value <= (uint64_t)INT64_MAX + (sign == '-'));
}

/* Each '_' stands between two digits: what Go asks of a number that begins with a point. */
static bool separates_digits(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '_') continue;
        if (i == 0 || i + 1 == text.len || !is_digit(text.data[i - 1])) return false;
        if (!is_digit(text.data[i + 1])) return false;
    }
    return true;
}

bool number_is_float(str text)
{
    if (text.len && text.data[0] == '.' && !separates_digits(text)) return false;
    str rest = text;
    if (peek(&rest) == '-' || peek(&rest) == '+') next(&rest);
    size_t digits = skip_digits(&rest);
    if (peek(&rest) == '.') {
        next(&rest);
        digits += skip_digits(&rest);
    }
    if (digits == 0) return false;
    bool exponent = (peek(&rest) | 0x20) == 'e';
    if (exponent) {
        next(&rest);
        if (peek(&rest) == '-' || peek(&rest) == '+') next(&rest);
        if (skip_digits(&rest) == 0) return false;
    }
    if (peek(&rest) || rest.len) return false;
    if (!exponent && digits < 300) return true;
    struct number number;
    number_read(text, false, &number);
    return isfinite(number_to_double(&number));
}

bool number_is_json(str text)
{
    const char *p = text.data, *end = text.data + text.len;
    if (p < end && *p == '-') p++;
    if (p == end || !is_digit(*p)) return false;
    if (*p == '0' && p + 1 < end && is_digit(p[1])) return false;
    while (p < end && is_digit(*p))
        p++;
    if (p < end && *p == '.') {
        if (++p == end || !is_digit(*p)) return false;
        while (p < end && is_digit(*p))
            p++;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        if (p == end || !is_digit(*p)) return false;
        while (p < end && is_digit(*p))
            p++;
    }
    return p == end;
}

/* ------------------------------------------------------------------ printing */

/* The fewest digits that read back as the same double, "ddd", and the power of ten of the first. */
static str shortest(double value, char text[40], int64_t *power)
{
    for (int places = 0; places <= 16; places++) {
        snprintf(text, 40, "%.*e", places, value);
        if (strtod(text, NULL) == value) break;
    }
    str mantissa, tail;
    must(str_cut(str_of(text), 'e', &mantissa, &tail) && str_to_int(tail, power));
    if (mantissa.len > 1) { /* "d.dd": the first digit takes the place of the point */
        text[1] = text[0];
        mantissa = str_skip(mantissa, 1);
    }
    return mantissa;
}

static void write_with_exponent(buf *b, str digits, int64_t power)
{
    buf_add(b, str_head(digits, 1));
    if (digits.len > 1) buf_add_char(b, '.');
    buf_add(b, str_skip(digits, 1));
    buf_printf(b, "e%c%02d", power < 0 ? '-' : '+', (int)(power < 0 ? -power : power));
}

static void write_with_point(buf *b, str digits, int64_t power)
{
    if (power < 0) {
        BUF_ADD(b, "0.");
        buf_fill(b, '0', (size_t)(-power - 1));
        buf_add(b, digits);
        return;
    }
    size_t whole = (size_t)power + 1;
    buf_add(b, str_head(digits, whole));
    if (whole >= digits.len) return buf_fill(b, '0', whole - digits.len);
    buf_add_char(b, '.');
    buf_add(b, str_skip(digits, whole));
}

static bool fits_64_bits(const struct number *n)
{
    int64_t small;
    uint64_t large;
    return number_to_int(n, &small) || number_to_uint(n, &large);
}

bool number_write(buf *b, const struct number *n)
{
    bool exact = n->integer && fits_64_bits(n);
    double value = exact ? 0 : number_to_double(n);
    if (!isfinite(value)) return false;
    if (n->digits.len == 0 || (!exact && value == 0)) return buf_add_char(b, '0'), true;

    if (n->negative) buf_add_char(b, '-');
    if (exact) {
        struct number magnitude = *n;
        magnitude.negative = false;
        uint64_t whole;
        must(number_to_uint(&magnitude, &whole));
        return buf_printf(b, "%llu", (unsigned long long)whole), true;
    }
    char text[40];
    int64_t power;
    str digits = shortest(fabs(value), text, &power);
    struct number rounded = {.negative = n->negative, .digits = digits, .exponent = power + 1};
    bool integral = power >= (int64_t)digits.len - 1 && fits_64_bits(&rounded);
    if (!integral && (power < -4 || power >= 6))
        write_with_exponent(b, digits, power);
    else
        write_with_point(b, digits, power);
    return true;
}

void number_write_double(buf *b, double value, int low, int high)
{
    char text[40];
    int64_t power;
    if (signbit(value)) buf_add_char(b, '-');
    str digits = value == 0 ? STR("0") : shortest(fabs(value), text, &power);
    if (value == 0) power = 0;
    if (power < low || power >= high)
        write_with_exponent(b, digits, power);
    else
        write_with_point(b, digits, power);
}
