#pragma once
/*
 * The order in which go-yaml prints the keys of a map: letters by code point and
 * after everything else, numbers within a text by value. Any thread.
 */
#include "base/str.h"

/* As memcmp. It is not transitive for a few mixes of letters and numbers (a9, a10, a1B). */
int keyorder_cmp(str a, str b);
