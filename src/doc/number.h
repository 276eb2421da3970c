#pragma once
/*
 * What the text of a number means: JSON numbers, and what YAML adds to them
 * (sign, underscores, 0x 0o 0b and leading 0, bare points, .inf and .nan).
 * Values compare exactly, whatever the count of digits; only number_to_double
 * and the printing of floats go through a double. Any thread.
 */
#include "base/buf.h"

enum number_class { NUMBER_FINITE, NUMBER_INF, NUMBER_NAN };

/* 0.DIGITS * 10^exponent. The digits point into the text (or into `decimal`), begin and end with
 * one that is not 0, and may hold '_' and one '.' between; zero has none. */
struct number {
    enum number_class class;
    bool negative;
    bool integer; /* as given to number_read */
    str digits;
    int64_t exponent;
    char decimal[24]; /* of an integer that is written in another base */
};

/* `integer` says how a leading 0 is read: 010 is 8 as an integer, and 10 as a float. The text must
 * outlive the number. *out is not to be copied: it may point into itself. */
void number_read(str text, bool integer, struct number *out);

bool number_equal(const struct number *a, const struct number *b); /* NaN equals itself */
uint64_t number_hash(const struct number *n);
bool number_to_int(const struct number *n, int64_t *out);
bool number_to_uint(const struct number *n, uint64_t *out);
double number_to_double(const struct number *n); /* beyond the largest double: an infinity */

bool number_is_json(str text);
/* What go-yaml takes for a number, when it is the text of a plain scalar. An integer is a literal
 * as Go reads it with base 0, which fits 64 bits; behind 0b, and in v3 behind 0o, may be a sign. A
 * float is finite. */
bool number_is_integer(str text, bool v3);
bool number_is_float(str text);

/* As Go tools print: an integer of at most 64 bits in full, anything else as a double: without a
 * point when its shortest digits, filled up with zeros, fit 64 bits, else the shortest text that
 * reads back the same, with an exponent below 1e-4 and from 1e6 on. False, and nothing written, for
 * infinities and NaN, which have no such text. */
bool number_write(buf *b, const struct number *n);
/* A finite double the way Go's strconv prints it: the shortest text that reads back the same, with
 * an exponent below 10^low and from 10^high on (-4 and 6 in YAML, -6 and 21 in JSON). */
void number_write_double(buf *b, double value, int low, int high);
