#pragma once
/*
 * A commit of ours, made in a mirror without a work tree: only what changes is
 * written, so it does not matter how large the repository is. [worker]
 */
#include "git/mirror.h"

struct change_file {
    str path, content; /* of a file that is in the parent */
    bool executable;
};

/* The signature of a commit's text, armored, to go into its header. */
typedef err *change_sign_fn(void *context, arena *a, str text, str *out);

struct change {
    str parent; /* sha of a commit that the mirror has */
    const struct change_file *files;
    size_t file_count;
    str name, email; /* of author and committer; checked by change_check_person */
    int64_t wall_ns;
    str message;          /* verbatim */
    change_sign_fn *sign; /* NULL: no signature */
    void *sign_context;
};

MUST_USE err *change_commit(struct mirror *mirror, arena *a, const struct change *change,
                            str *sha_out);

/* INVALID for what would break a commit's header: line breaks, control characters, "<" and ">". */
MUST_USE err *change_check_person(str text);
