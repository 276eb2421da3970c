#pragma once
/*
 * Text: a pointer and a length. A `str` borrows its bytes, is not terminated by
 * NUL and may hold any byte. A zeroed str is the empty text. Functions that
 * make new text take the arena that will own it.
 */
#include "base/lang.h"

#include <stdarg.h>

struct arena;

typedef struct str {
    const char *data;
    size_t len;
} str;

#define STR(literal) ((str){"" literal, sizeof(literal) - 1})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).data

/* Borrowing views. */
str str_of(const char *text); /* NULL gives the empty text */
str str_from(const char *data, size_t len);
str str_head(str s, size_t count);      /* at most the first count bytes */
str str_head_utf8(str s, size_t count); /* the same, and never ends within a character */
str str_tail(str s, size_t count);      /* at most the last count bytes */
str str_skip(str s, size_t count);      /* without the first count bytes */
str str_slice(str s, size_t from, size_t to);
str str_trim(str s); /* without ASCII white space at both ends */
str str_trim_char(str s, char c);
str str_trim_right(str s);

bool str_eq(str a, str b);
bool str_is(str a, const char *text);
bool str_eq_fold(str a, str b); /* ASCII letters compare without case */
int str_cmp(str a, str b);      /* bytewise, as memcmp; a prefix sorts first */
bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);
bool str_has_char(str s, char c);

/* Index of the first (last) occurrence, or -1. */
ptrdiff_t str_find(str s, str needle);
ptrdiff_t str_find_char(str s, char c);
ptrdiff_t str_rfind_char(str s, char c);

/* Splits at the first separator. False, with all of s in before, when there is none. */
bool str_cut(str s, char separator, str *before, str *after);
bool str_cut_last(str s, char separator, str *before, str *after);
bool str_strip_prefix(str *s, str prefix); /* true if it was there and is now gone */
bool str_strip_suffix(str *s, str suffix);

/* Takes the next piece up to a separator from *rest; false when there is none left. Begin with
 * *rest = text. "a,,b" gives "a", "", "b"; "" gives one empty piece; a zeroed str gives none. */
bool str_next(str *rest, char separator, str *piece);
/* The same over lines: "\n" and "\r\n" end a line and are not part of it. */
bool str_next_line(str *rest, str *line);

/* Decimal integer over the whole text, optional sign. False if it is anything else or overflows. */
bool str_to_int(str s, int64_t *out);
bool str_to_uint(str s, uint64_t *out);

/* New text in the arena. */
str str_dup(struct arena *a, str s);
char *str_z(struct arena *a, str s); /* terminated copy, for the libc border */
str str_printf(struct arena *a, const char *format, ...) PRINTF(2, 3);
str str_vprintf(struct arena *a, const char *format, va_list args) PRINTF(2, 0);
str str_concat(struct arena *a, str first, str second);
str str_lower(struct arena *a, str s); /* ASCII */
str str_upper(struct arena *a, str s);
str str_join(struct arena *a, const str *parts, size_t count, str separator);
str str_replace(struct arena *a, str s, str from, str to);

bool str_valid_utf8(str s);
/* Decodes the code point at the front of s; returns its length in bytes, 0 if s is empty or
 * invalid. */
size_t str_rune(str s, uint32_t *rune);
/* Writes the UTF-8 form of a code point; returns the bytes written (1 to 4). */
size_t str_put_rune(char out[4], uint32_t rune);

/* For qsort over an array of str. */
int str_order(const void *a, const void *b);
