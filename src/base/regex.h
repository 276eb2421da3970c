#pragma once
/*
 * Regular expressions in Go's syntax, in linear time (RE2). A text that is not
 * UTF-8 matches nothing. A compiled expression is immutable: any thread may
 * match with it.
 */
#include "base/err.h"

struct regex;

/* The error is Go's: "error parsing regexp: missing closing ]: `[a`". */
MUST_USE err *regex_compile(str pattern, struct regex **out);
/* The pattern has to match the whole text: ^(?:PATTERN)$, which is also what an error quotes. */
MUST_USE err *regex_compile_full(str pattern, struct regex **out);
void regex_free(struct regex *regex);
void regex_free_done(struct regex **regex); /* for AUTO */

/* The expression matches somewhere in the text. */
bool regex_match(const struct regex *regex, str text);

/* The first match at or after the byte `from`. groups[0] is the match, groups[i] group i; a group
 * that took no part has data == NULL. Groups beyond `groups_max` are not told. */
bool regex_find(const struct regex *regex, str text, size_t from, str *groups, size_t groups_max);
size_t regex_group_count(const struct regex *regex); /* without the whole match */
/* The number of the group (?P<name>...), or 0. */
size_t regex_group_index(const struct regex *regex, str name);

/* Go's Expand: $1, ${1}, $name and ${name} stand for groups, $$ for $; unknown groups for nothing. */
str regex_expand(struct arena *a, const struct regex *regex, str template, const str *groups,
                 size_t group_count);
/* Every match, not overlapping, replaced by the expanded template. */
str regex_replace(struct arena *a, const struct regex *regex, str text, str template);
