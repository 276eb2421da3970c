#pragma once
/*
 * Which of many tags is the one to run. Pure; any thread.
 */
#include "base/arena.h"
#include "base/err.h"

enum policy_rank { POLICY_SEMVER, POLICY_ALPHABETICAL, POLICY_NUMERICAL };

struct policy {
    enum policy_rank rank;
    str range;   /* POLICY_SEMVER */
    bool lowest; /* the others: the first instead of the last */
    str pattern; /* empty: every tag is looked at */
    str extract; /* what is ranked, made of the pattern's groups; empty: the tag */
};

/* `tags` in the order of tag_store.h. *out is one of them. Errors are the reference's: INVALID with
 * the reason InvalidPolicy when the policy itself is wrong, NOT_FOUND when no tag fits, INVALID
 * when one cannot be ranked. */
MUST_USE err *policy_choose(arena *a, const struct policy *policy, const str *tags, size_t count,
                            str *out);
