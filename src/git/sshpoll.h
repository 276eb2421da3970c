#pragma once
/*
 * Lists the references of servers over SSH: a connection for each poll, no git
 * program. ssh runs git-upload-pack there; the command ls-refs of protocol 2 is
 * sent ahead, so that the answer comes without another round trip. A server of
 * protocol 0 lists everything at once and takes the command amiss, when its list
 * is here already.
 *
 * Each poll has a thread while it is under way: LIMIT_GIT_SSH_POLLS at one host,
 * so that one that hangs is in nobody's way and one that counts its callers does
 * not send us off; LIMIT_GIT_SSH_THREADS altogether. The others queue up. [any]
 */
#include "git/reflist.h"
#include "git/remote.h"

struct sshpolls; /* all of them */

struct sshpolls *sshpoll_new(void);
void sshpoll_free(struct sshpolls *polls); /* waits for those under way, which it cancels */

struct sshpoll { /* the caller's, until `done` */
    arena *a;
    const struct remote *remote; /* checked; ssh:// */
    str command;                 /* of protocol 2, with its flush */
    int64_t timeout_ns;          /* from when the server is asked */
    /* On a thread of ours. Errors: those of gitrun_do and ssh_error; INVALID for an answer that is
     * not Git's. The list, NULL after an error, lives in the arena. */
    void (*done)(void *context, err *e, const struct reflist *list);
    void *context;
    /* Ours: */
    str host;
    struct sshpoll *next;
};

void sshpoll_start(struct sshpolls *polls, struct sshpoll *poll);

/* What came from the server, in any protocol. For the above and tests. */
MUST_USE err *sshpoll_parse(arena *a, str bytes, struct reflist *out);
