#include "doc/keyorder.h"

#include <pthread.h>

#include "base/regex.h"

/* Unicode's classes, from the tables of the regular expressions. */
static struct regex *letter, *digit;

static void compile(void)
{
    must(!regex_compile(STR("^\\p{L}"), &letter) && !regex_compile(STR("^\\p{Nd}"), &digit));
}

static bool is_in(struct regex **class, str text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, compile);
    return regex_match(*class, text);
}

/* Both look at the first character of a text. */
static bool is_letter(str text)
{
    unsigned char c = text.len ? (unsigned char)text.data[0] : 0;
    if (c < 0x80) return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    return is_in(&letter, text);
}

static bool is_digit(str text)
{
    unsigned char c = text.len ? (unsigned char)text.data[0] : 0;
    if (c < 0x80) return c >= '0' && c <= '9';
    return is_in(&digit, text);
}

static uint32_t rune_at(str text, size_t *len)
{
    uint32_t rune = 0xfffd;
    size_t bytes = str_rune(text, &rune);
    *len = bytes ? bytes : 1;
    return rune;
}

static size_t rune_start(str text, size_t at)
{
    while (at > 0 && at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* The number at the front of the text, continued from `value`, and how many digits it has. Go lets
 * it overflow, and subtracts '0' from any digit of Unicode. */
static int64_t number_at(str text, uint64_t value, size_t *digits)
{
    for (*digits = 0; is_digit(text); ++*digits) {
        size_t len;
        value = value * 10 + (uint64_t)((int64_t)rune_at(text, &len) - '0');
        text = str_skip(text, len);
    }
    return (int64_t)value;
}

/* The digits in front of the place at hand hold one that is not 0. */
static bool continues_number(str before)
{
    while (before.len) {
        size_t start = rune_start(before, before.len - 1);
        if (!is_digit(str_skip(before, start))) return false;
        if (before.data[start] != '0') return true;
        before.len = start;
    }
    return false;
}

static int sign(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int cmp_from(str before, str a, str b)
{
    size_t len;
    int by_rune = sign(rune_at(a, &len), rune_at(b, &len));
    bool a_letter = is_letter(a), b_letter = is_letter(b);
    if (a_letter && b_letter) return by_rune;
    if (a_letter || b_letter) return a_letter ? 1 : -1;
    bool zero = a.data[0] == '0' || b.data[0] == '0';
    uint64_t from = zero && continues_number(before);
    size_t a_digits, b_digits;
    int64_t a_number = number_at(a, from, &a_digits), b_number = number_at(b, from, &b_digits);
    if (a_number != b_number) return sign(a_number, b_number);
    if (a_digits != b_digits) return a_digits < b_digits ? -1 : 1;
    return by_rune;
}

int keyorder_cmp(str a, str b)
{
    size_t at = 0, common = MIN(a.len, b.len);
    while (at < common && a.data[at] == b.data[at])
        at++;
    at = rune_start(a.len < b.len ? b : a, at);
    if (at >= common) return sign((int64_t)a.len, (int64_t)b.len);
    return cmp_from(str_head(a, at), str_skip(a, at), str_skip(b, at));
}
