#include "base/str.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

str str_of(const char *text)
{
    return (str){text ? text : "", text ? strlen(text) : 0};
}

str str_from(const char *data, size_t len)
{
    return (str){data, len};
}

str str_head(str s, size_t count)
{
    return (str){s.data, MIN(count, s.len)};
}

str str_head_utf8(str s, size_t count)
{
    if (s.len <= count) return s;
    while (count > 0 && ((unsigned char)s.data[count] & 0xc0) == 0x80)
        count--;
    return str_head(s, count);
}

str str_tail(str s, size_t count)
{
    count = MIN(count, s.len);
    return (str){s.data + (s.len - count), count};
}

str str_skip(str s, size_t count)
{
    count = MIN(count, s.len);
    if (!count) return s; /* an empty text may have no address to count from */
    return (str){s.data + count, s.len - count};
}

str str_slice(str s, size_t from, size_t to)
{
    return str_skip(str_head(s, to), from);
}

str str_trim_right(str s)
{
    while (s.len && is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

str str_trim(str s)
{
    while (s.len && is_space(s.data[0]))
        s = str_skip(s, 1);
    return str_trim_right(s);
}

str str_trim_char(str s, char c)
{
    while (s.len && s.data[0] == c)
        s = str_skip(s, 1);
    while (s.len && s.data[s.len - 1] == c)
        s.len--;
    return s;
}

bool str_eq(str a, str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool str_is(str a, const char *text)
{
    return str_eq(a, str_of(text));
}

bool str_eq_fold(str a, str b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    }
    return true;
}

int str_cmp(str a, str b)
{
    size_t common = MIN(a.len, b.len);
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order) return order;
    return (a.len > b.len) - (a.len < b.len);
}

int str_order(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

bool str_starts(str s, str prefix)
{
    return s.len >= prefix.len && str_eq(str_head(s, prefix.len), prefix);
}

bool str_ends(str s, str suffix)
{
    return s.len >= suffix.len && str_eq(str_tail(s, suffix.len), suffix);
}

/* memmem prepares tables first, which only a long text pays back. */
static const char *find_short(str s, str needle)
{
    const char *end = s.data + s.len - needle.len + 1;
    for (const char *at = s.data; at < end; at++) {
        at = memchr(at, needle.data[0], (size_t)(end - at));
        if (!at || !memcmp(at, needle.data, needle.len)) return at;
    }
    return NULL;
}

ptrdiff_t str_find(str s, str needle)
{
    if (needle.len == 0) return 0;
    if (s.len < needle.len) return -1;
    const char *at =
        s.len < 256 ? find_short(s, needle) : memmem(s.data, s.len, needle.data, needle.len);
    return at ? at - s.data : -1;
}

ptrdiff_t str_find_char(str s, char c)
{
    const char *at = s.len ? memchr(s.data, c, s.len) : NULL;
    return at ? at - s.data : -1;
}

ptrdiff_t str_rfind_char(str s, char c)
{
    const char *at = s.len ? memrchr(s.data, c, s.len) : NULL;
    return at ? at - s.data : -1;
}

bool str_has_char(str s, char c)
{
    return str_find_char(s, c) >= 0;
}

static bool cut_at(str s, ptrdiff_t at, str *before, str *after)
{
    *before = at < 0 ? s : str_head(s, (size_t)at);
    *after = str_skip(s, at < 0 ? s.len : (size_t)at + 1);
    return at >= 0;
}

bool str_cut(str s, char separator, str *before, str *after)
{
    return cut_at(s, str_find_char(s, separator), before, after);
}

bool str_cut_last(str s, char separator, str *before, str *after)
{
    return cut_at(s, str_rfind_char(s, separator), before, after);
}

bool str_strip_prefix(str *s, str prefix)
{
    if (!str_starts(*s, prefix)) return false;
    *s = str_skip(*s, prefix.len);
    return true;
}

bool str_strip_suffix(str *s, str suffix)
{
    if (!str_ends(*s, suffix)) return false;
    s->len -= suffix.len;
    return true;
}

bool str_next(str *rest, char separator, str *piece)
{
    if (!rest->data) return false;
    if (!str_cut(*rest, separator, piece, rest)) *rest = (str){0};
    return true;
}

bool str_next_line(str *rest, str *line)
{
    if (rest->len == 0) return false;
    str_cut(*rest, '\n', line, rest);
    str_strip_suffix(line, STR("\r"));
    return true;
}

bool str_to_uint(str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
        if (__builtin_mul_overflow(value, 10u, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(s.data[i] - '0'), &value)) return false;
    }
    *out = value;
    return true;
}

bool str_to_int(str s, int64_t *out)
{
    bool negative = s.len && s.data[0] == '-';
    if (s.len && (s.data[0] == '-' || s.data[0] == '+')) s = str_skip(s, 1);
    uint64_t magnitude;
    if (!str_to_uint(s, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

str str_dup(struct arena *a, str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len) memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return (str){copy, s.len};
}

char *str_z(struct arena *a, str s)
{
    return (char *)str_dup(a, s).data;
}

str str_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    must(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, args);
    return (str){text, (size_t)len};
}

str str_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    str text = str_vprintf(a, format, args);
    va_end(args);
    return text;
}

str str_concat(struct arena *a, str first, str second)
{
    char *text = arena_alloc(a, first.len + second.len + 1);
    if (first.len) memcpy(text, first.data, first.len);
    if (second.len) memcpy(text + first.len, second.data, second.len);
    text[first.len + second.len] = '\0';
    return (str){text, first.len + second.len};
}

static str mapped(struct arena *a, str s, char (*change)(char))
{
    char *text = arena_alloc(a, s.len + 1);
    for (size_t i = 0; i < s.len; i++)
        text[i] = change(s.data[i]);
    text[s.len] = '\0';
    return (str){text, s.len};
}

str str_lower(struct arena *a, str s)
{
    return mapped(a, s, lower);
}

str str_upper(struct arena *a, str s)
{
    return mapped(a, s, upper);
}

str str_join(struct arena *a, const str *parts, size_t count, str separator)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len + (i ? separator.len : 0);
    char *text = arena_alloc(a, len + 1), *at = text;
    for (size_t i = 0; i < count; i++) {
        if (i) at = mempcpy(at, separator.data, separator.len);
        if (parts[i].len) at = mempcpy(at, parts[i].data, parts[i].len);
    }
    *at = '\0';
    return (str){text, len};
}

str str_replace(struct arena *a, str s, str from, str to)
{
    must(from.len > 0);
    size_t hits = 0;
    for (str rest = s; str_find(rest, from) >= 0; hits++) {
        rest = str_skip(rest, (size_t)str_find(rest, from) + from.len);
    }
    if (hits == 0) return s;
    size_t len = s.len - hits * from.len + hits * to.len;
    char *text = arena_alloc(a, len + 1), *at = text;
    for (ptrdiff_t found; (found = str_find(s, from)) >= 0;) {
        at = mempcpy(at, s.data, (size_t)found);
        if (to.len) at = mempcpy(at, to.data, to.len);
        s = str_skip(s, (size_t)found + from.len);
    }
    if (s.len) at = mempcpy(at, s.data, s.len);
    *at = '\0';
    return (str){text, len};
}

size_t str_rune(str s, uint32_t *rune)
{
    if (s.len == 0) return 0;
    const unsigned char *p = (const unsigned char *)s.data;
    if (p[0] < 0x80) {
        *rune = p[0];
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len) return 0;
    uint32_t value = p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    *rune = value;
    return len;
}

size_t str_put_rune(char out[4], uint32_t rune)
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    size_t len = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (rune & 0x3f));
        rune >>= 6;
    }
    out[0] = (char)((0xf00u >> len) | rune);
    return len;
}

bool str_valid_utf8(str s)
{
    uint32_t rune;
    while (s.len) {
        size_t len = str_rune(s, &rune);
        if (len == 0) return false;
        s = str_skip(s, len);
    }
    return true;
}
