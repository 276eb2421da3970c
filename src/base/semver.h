#pragma once
/*
 * Semantic versions and ranges in the dialect of the reference (Masterminds
 * semver v3): leading "v", missing parts and leading zeros are fine when loose;
 * build metadata has no rank. Pure; any thread. Versions borrow their text.
 */
#include "base/err.h"

struct semver {
    uint64_t major, minor, patch;
    str pre, meta; /* without "-" and "+" */
    str original;
};

/* "v1.2", "1", "01.2.3-rc.1+x". The errors are the reference's: "invalid semantic version", ... */
MUST_USE err *semver_parse(str text, struct semver *out);
/* As semver.org has it: all three numbers, no "v", no leading zeros. */
MUST_USE err *semver_parse_strict(str text, struct semver *out);
/* A tag of a repository: loose, but with at least two dots. False when it is not a version. */
bool semver_parse_tag(str text, struct semver *out);

/* By precedence: < 0, 0, > 0. Metadata does not count. */
int semver_cmp(const struct semver *a, const struct semver *b);
/* "1.2.3-rc.1+x", without the leading "v" and zeros. */
str semver_text(struct arena *a, const struct semver *v);

/* A range such as ">=1.2 <2 || ~3.1 || 4.x || 5 - 6". */
struct semver_range;
/* In the arena. The errors are the reference's: `improper constraint: ">a"`; the empty text is one.
 */
MUST_USE err *semver_range_parse(struct arena *a, str text, struct semver_range **out);
bool semver_range_has(const struct semver_range *range, const struct semver *version);
