#pragma once
/*
 * Runs the git program: without a shell, without the user's or the system's
 * settings, without hooks, helpers or prompts, over HTTP(S) and SSH only, with bounds on
 * time, memory, files and output. Secrets reach it through its environment or
 * through open descriptors, never through arguments or files. [worker]
 */
#include <stdatomic.h>

#include "git/remote.h"
#include "git/ssh.h"

/* The path under which the program reads `key`; its mode is 0600. */
#define GITRUN_KEY "/proc/self/fd/9"

struct gitrun {
    str git;                      /* the program; empty: "git" from PATH */
    str folder;                   /* a bare repository, or an empty folder for `init` */
    const char *const *args;      /* after "git"; ends with NULL */
    const struct remote *remote;  /* is "origin" then; NULL: no network at all */
    const struct ssh *ssh;        /* to that remote; NULL: opened for the run when it needs one */
    str input;                    /* of the program */
    str key;                      /* a file that exists in memory only: GITRUN_KEY to the program */
    const char *const *variables; /* more of its environment, "NAME=value"; ends with NULL */
    /* Output in pieces as it comes; an error ends the program. NULL: it is gathered. */
    err *(*take)(void *context, str bytes);
    void *context;
    size_t output_limit;       /* when gathered; 0: LIMIT_GIT_OUTPUT_BYTES */
    int64_t due_ns;            /* clock_now_ns at which it is killed; 0: never */
    const atomic_bool *cancel; /* may be NULL */
};

/*
 * Errors: CANCELED; TRANSIENT with the reason "Timeout"; INVALID when a bound was crossed; INTERNAL
 * when the program cannot be started; otherwise TRANSIENT with what git says, without secrets,
 * paths of ours, progress, and all that differs from one run to the next. out may be NULL.
 */
MUST_USE err *gitrun_do(arena *a, const struct gitrun *run, str *out);
