#pragma once
/*
 * Mirrors: one bare repository per remote, shared by all who use the remote
 * with the same credentials. It holds what was asked for and no history.
 * A mirror is a cache: one that is damaged, or full of old objects, is made
 * anew by the next fetch. One user at a time. [worker]
 */
#include <stdatomic.h>

#include "base/crate.h"
#include "git/commit.h"
#include "git/entry.h"
#include "git/remote.h"

struct mirrors; /* all of them */
struct mirror;  /* one, taken */

struct mirror_options {
    str folder; /* made when it is missing; mirrors of an earlier process are used on */
    str git;    /* the program; empty: "git" from PATH */
};

MUST_USE err *mirror_open(struct mirror_options options, struct mirrors **out);
void mirror_close(struct mirrors *mirrors); /* none may be taken */

/* What bounds the work on a mirror. */
struct mirror_until {
    int64_t due_ns;            /* clock_now_ns */
    const atomic_bool *cancel; /* may be NULL */
};

/* Takes the mirror of a remote, which is borrowed until it is given back. Waits a little for
 * whoever has it; after LIMIT_GIT_WAIT_NS, CONFLICT with the reason "Busy". */
MUST_USE err *mirror_take(struct mirrors *mirrors, const struct remote *remote,
                          struct mirror_until until, struct mirror **out);
void mirror_give(struct mirror *mirror);
void mirror_given(struct mirror **mirror); /* for AUTO */
/* Somebody still polls this remote: its mirror, if there is one, is not dropped as unused. */
void mirror_touch(struct mirrors *mirrors, const struct remote *remote);

/*
 * The commit: out of the mirror when it is there, else fetched by its reference ("refs/heads/main";
 * what that points to by now) or, when `ref` is empty, by its sha. Then `branch`, if not empty, is
 * where to look for it on servers that do not give out a commit by its sha.
 * NOT_FOUND: "object not found".
 */
MUST_USE err *mirror_fetch(struct mirror *mirror, arena *a, str ref, str sha, str branch,
                           struct commit *out);

/* All entries of a commit's tree. */
MUST_USE err *mirror_list(struct mirror *mirror, arena *a, str sha, struct entry **out,
                          size_t *count_out);
/* The contents of small files, in the order asked for; INVALID when one is larger than limit_bytes.
 */
MUST_USE err *mirror_read(struct mirror *mirror, arena *a, const struct entry *const *files,
                          size_t count, size_t limit_bytes, str *contents_out);
/* Writes files and folders into the crate, byte for byte as they are in Git: no filter, no
 * attribute and no hook has a say. Links are left out, a submodule is an empty folder. */
MUST_USE err *mirror_write(struct mirror *mirror, arena *a, const struct entry *const *entries,
                           size_t count, struct crate *crate);

/* The contents of files in the order given, those of more than limit_bytes left out; content lasts
 * until the next one. An error ends the reading. */
typedef err *mirror_take_fn(void *context, size_t index, str content);
MUST_USE err *mirror_each(struct mirror *mirror, arena *a, const struct entry *const *files,
                          size_t count, size_t limit_bytes, mirror_take_fn *take, void *context);

/* ---- For change.c and push.c ---- */

struct mirror_run {
    const char *const *args; /* after "git"; ends with NULL */
    str input;
    bool network;                           /* "origin" may be talked to */
    err *(*take)(void *context, str bytes); /* NULL: output is gathered */
    void *context;
};
/* Runs git in the mirror. */
MUST_USE err *mirror_run(struct mirror *mirror, arena *a, const struct mirror_run *run, str *out);
/* The reference is at a commit that the mirror has: the next fetch begins there. */
MUST_USE err *mirror_keep(struct mirror *mirror, str ref, str sha);
