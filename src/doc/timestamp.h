#pragma once
/*
 * Timestamps of YAML 1.1, as go-yaml reads plain scalars: "2001-12-14", with a
 * time after a space, or with 'T', a time and an offset. Any thread.
 */
#include "base/str.h"

/* Room for the longest normal form. */
enum { TIMESTAMP_BYTES = 48 };

bool timestamp_is(str text);
bool timestamp_has_clock(str text); /* of a timestamp: more than a date */
/* RFC 3339 with the zeros at the end of the fraction dropped, in `space`; a text that is no
 * timestamp comes back as it is. */
str timestamp_normal(str text, char space[TIMESTAMP_BYTES]);
