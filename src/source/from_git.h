#pragma once
/*
 * A Git repository becomes an artifact, in two steps so that the caller can
 * report between them:
 *
 *     from_git_resolve  asks the server what the reference is now: one request, no fetch,
 *                       and nobody waits for the answer
 *     from_git_build    fetches, writes the files that are not ignored, packs them
 *
 * Both are for workers; the second one blocks. Errors have the texts and reasons of Flux:
 * URLInvalid cannot be helped by trying again; AuthenticationFailed,
 * GitOperationFailed, EmptyGitRepository, ArchiveOperationFailed, CopyFailure
 * and IllegalPath are tried again with back-off.
 * CONFLICT with the reason "Busy": other workers have waited for this URL for a
 * while; look again soon, without a report. CANCELED is no report either.
 */
#include <stdatomic.h>

#include "git/remote.h"
#include "source/artifact.h"

struct from_git; /* what is kept between runs: connections, mirrors */

struct from_git_options {
    struct loop *loop;
    struct artifacts *store;
    str folder;                             /* of mirrors: STORAGE/mirror */
    str git;                                /* the program; empty: "git" from PATH */
    void (*wake)(void *context, str waker); /* what a resolver waits for may be there; any thread */
    void *context;
};

MUST_USE err *from_git_new(struct from_git_options options, struct from_git **out);
void from_git_free(struct from_git *git);
struct mirrors *from_git_mirrors(struct from_git *git); /* for those who write, too */

/* Another artifact that is copied into the tree. */
struct from_git_include {
    str name; /* of the GitRepository, for errors */
    struct artifact artifact;
    str from_path, to_path; /* empty: the root; the name */
};

struct from_git_spec {
    struct remote remote; /* checked by remote_check */
    struct {
        str branch, tag, semver, name, commit;
    } ref;
    str ignore;        /* patterns of spec.ignore */
    const str *sparse; /* folders; none: all */
    size_t sparse_count;
    const struct from_git_include *includes;
    size_t include_count;
    int64_t timeout_ns;        /* of each step */
    str have_revision;         /* of the artifact that is there; legacy forms are understood */
    str waker;                 /* who resolves */
    const atomic_bool *cancel; /* of who waits; may be NULL */
};

/* What the reference is on the server. */
struct from_git_target {
    str revision;         /* "main@sha1:<hash>", "sha1:<hash>", "refs/heads/x@sha1:<hash>" */
    str sha;              /* of the commit */
    str label;            /* what stands before "@" in the revision; may be empty */
    str ref;              /* to fetch: "refs/heads/main"; empty for a bare commit */
    bool unchanged;       /* the revision is have_revision */
    struct remote remote; /* where the server sent us to */
};

/* What a resolver has asked servers, between its runs. */
struct from_git_question;
void from_git_forget(struct from_git_question *question);

/*
 * "Pending" (talk_is_pending) until the server has answered: then the waker is called, and the same
 * call goes on. *question, NULL at first, is kept until there is an answer or an error.
 */
MUST_USE err *from_git_resolve(struct from_git *git, arena *a, const struct from_git_spec *spec,
                               struct from_git_question **question, struct from_git_target *out);
/* The same for a worker that has more to do with the repository and may wait. */
MUST_USE err *from_git_resolve_wait(struct from_git *git, arena *a,
                                    const struct from_git_spec *spec, struct from_git_target *out);

struct from_git_result {
    struct artifact artifact;
    str sha;
    str message; /* of the commit, all of it */
    str author;  /* "Name <mail>" */
    int64_t author_wall_ns;
};

/* What was fetched decides: when the reference moved meanwhile, the revision is the newer one. */
MUST_USE err *from_git_build(struct from_git *git, arena *a, const struct from_git_spec *spec,
                             const struct from_git_target *target, struct artifact_owner owner,
                             struct from_git_result *out);
