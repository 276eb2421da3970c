#pragma once
/* Shell patterns by the rules of Go's filepath.Match: * ? [a-z] [^a-z] and "\" before a character.
 */
#include "base/str.h"

/* Does the pattern match all of the name? "*" and "?" do not match "/". A malformed pattern matches
 * nothing. Steps grow with the product of the lengths at worst. */
bool glob_match(str pattern, str name);
/* False for "[", "[]", "[a-", "a\" and the like. */
bool glob_is_valid(str pattern);
