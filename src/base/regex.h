#pragma once
/*
 * Regular expressions in Go's syntax, in linear time (RE2). In a text that is
 * not UTF-8 the bad bytes match no character. A compiled expression is
 * immutable: any thread may match with it.
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
 * that took no part, or that the expression does not have, has data == NULL. */
bool regex_find(const struct regex *regex, str text, size_t from, str *groups, size_t group_count);
size_t regex_groups(const struct regex *regex);            /* how many, without the whole match */
size_t regex_group(const struct regex *regex, str name);   /* the number of (?P<name>...), or 0 */

/* Go's Expand: $1, ${1}, $name and ${name} stand for groups, $$ for $; unknown groups for nothing.
 * `groups` are those of a match: the whole one and every group of the expression. */
str regex_expand(struct arena *a, const struct regex *regex, str form, const str *groups);
/* The same for one form and many matches: read once. Texts are borrowed from the form. */
struct regex_form;
struct regex_form *regex_form_read(struct arena *a, const struct regex *regex, str form);
str regex_form_expand(struct arena *a, const struct regex_form *form, const str *groups);
/* Every match, not overlapping, replaced by the expanded form. */
str regex_replace(struct arena *a, const struct regex *regex, str text, str form);
