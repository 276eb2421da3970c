#pragma once
/*
 * Pushes a commit of a mirror to its remote. Never by force: what somebody else
 * has pushed meanwhile is an answer, not an obstacle. [worker]
 */
#include "git/mirror.h"

struct push {
    str sha;            /* of the commit */
    str to;             /* "refs/heads/main" */
    bool force;         /* only where a refspec with "+" asks for it */
    const str *options; /* "key=value", for the server */
    size_t option_count;
};

/* CONFLICT with the reason "Moved": the reference is no longer where the commit begins; fetch and
 * do it again. Otherwise what the server, or git, says. */
MUST_USE err *push_do(struct mirror *mirror, arena *a, const struct push *push);

/* What one line of `git push --porcelain` says went wrong: false when nothing did. For push_do and
 * tests. */
bool push_read_line(str line, str *reason_out, bool *moved_out);
