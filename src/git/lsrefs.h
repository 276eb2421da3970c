#pragma once
/*
 * Asks servers what their references are, over SSH (sshpoll), or over smart HTTP
 * and on connections that are kept: protocol 2 where the server speaks it, else the advertisement
 * of protocol 0. What a server is able to do is remembered, so that a poll is
 * one request.
 *
 * Nobody waits for a server: who asks gets a poll, comes back for the answer,
 * and is woken when there may be one. All who ask the same of a remote while it
 * is not yet being asked share a poll; a poll that is under way may be older
 * than the push that somebody asks because of, and is not joined. [any]
 */
#include "base/loop.h"
#include "git/reflist.h"
#include "git/remote.h"

struct lsrefs; /* connections, and what is known of servers */

struct lsrefs_options {
    struct loop *loop;
    void (*wake)(void *context, str waker); /* any thread */
    void *context;
};

struct lsrefs *lsrefs_new(struct lsrefs_options options);
void lsrefs_free(struct lsrefs *lsrefs); /* when all polls are dropped */

struct lsrefs_request {
    const struct remote *remote; /* checked; copied, as is the rest */
    str prefix;                  /* of the names that are wanted; empty: all */
    int64_t timeout_ns;          /* from when the server is asked */
};

struct lsrefs_answer {
    struct remote remote; /* where the server sent us to, without credentials if it is another's */
    struct reflist_ref *refs; /* as the server orders them */
    size_t count;
};

struct lsrefs_poll;

/* Sends nothing yet. AuthenticationFailed: the certificates cannot be used. */
MUST_USE err *lsrefs_ask(struct lsrefs *lsrefs, const struct lsrefs_request *request,
                         struct lsrefs_poll **out);
/*
 * The answer lives as long as the poll. "Pending" (talk_is_pending) while there is none: the waker
 * is called when it is worth to look again. Errors have the texts of the reference: DENIED
 * "authentication required: <answer>" and "authorization failed: <answer>", NOT_FOUND "repository
 * not found: <answer>"; INVALID when the answer is not Git's or in a form that we do not take;
 * TRANSIENT; CANCELED at the end.
 */
MUST_USE err *lsrefs_answer(struct lsrefs_poll *poll, str waker, struct lsrefs_answer *out);
void lsrefs_drop(struct lsrefs_poll *poll, str waker);
