#pragma once
/*
 * Asks a server what its references are, over smart HTTP and on connections
 * that are kept: protocol 2 where the server speaks it, else the advertisement
 * of protocol 0. What a server is able to do is remembered, so that a poll is
 * one request. [worker]
 */
#include <stdatomic.h>

#include "base/loop.h"
#include "git/remote.h"

struct lsrefs; /* connections, and what is known of servers */

struct lsrefs *lsrefs_new(struct loop *loop);
void lsrefs_free(struct lsrefs *lsrefs);

struct lsrefs_ref {
    str name;   /* "refs/heads/main", "HEAD" */
    str sha;    /* 40 hex digits */
    str peeled; /* what an annotated tag points to; else empty */
    str target; /* of a symbolic reference; else empty */
};

struct lsrefs_request {
    const struct remote *remote; /* checked */
    const str *prefixes;         /* of the names that are wanted; none: all */
    size_t prefix_count;
    int64_t due_ns;            /* clock_now_ns */
    const atomic_bool *cancel; /* may be NULL */
};

struct lsrefs_answer {
    struct remote remote; /* where the server sent us to, without credentials if it is another's */
    struct lsrefs_ref *refs; /* as the server orders them */
    size_t count;
};

/*
 * Errors have the texts of the reference: DENIED "authentication required: <answer>" and
 * "authorization failed: <answer>", NOT_FOUND "repository not found: <answer>"; INVALID when the
 * answer is not Git's or in a form that we do not take; CONFLICT with the reason "Busy" when
 * LIMIT_GIT_POLLS workers ask this remote and get no answer; TRANSIENT, CANCELED.
 */
MUST_USE err *lsrefs_do(struct lsrefs *lsrefs, arena *a, const struct lsrefs_request *request,
                        struct lsrefs_answer *out);

/* ---- The two forms of a listing; for lsrefs_do and tests ---- */

struct lsrefs_listing {
    struct lsrefs_ref *refs;
    size_t count, room;
    bool version_2;     /* an advertisement without references: they have to be asked for */
    bool object_format; /* the server wants to be told the format of objects */
};

/* The answer to GET info/refs, in protocol 0, 1 or 2. */
MUST_USE err *lsrefs_parse_advertisement(arena *a, str body, struct lsrefs_listing *out);
/* The answer to the command ls-refs of protocol 2. */
MUST_USE err *lsrefs_parse_answer(arena *a, str body, struct lsrefs_listing *out);
