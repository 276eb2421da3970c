#pragma once
/*
 * Part of another artifact, on its way into a tree that is being made. [worker]
 */
#include "base/crate.h"
#include "source/ignore.h"

struct include_file {
    str path; /* in the new tree */
    str from; /* on disk; empty for a folder */
    bool executable;
};

struct include_list { /* in an arena */
    struct include_file *files;
    size_t count, room;
};

/* Adds all that is at `from_path` of the unpacked artifact `folder`, under `to_path`. Neither path
 * can lead out: ".." stops at the root. NOT_FOUND when there is nothing. */
MUST_USE err *include_add(arena *a, str folder, str from_path, str to_path,
                          struct include_list *list);
/* Adds the rules of the .sourceignore files among them. */
MUST_USE err *include_read_ignores(arena *a, const struct include_list *list,
                                   struct ignore *ignore);
/* Copies what is not ignored. */
MUST_USE err *include_copy(const struct include_list *list, const struct ignore *ignore,
                           struct crate *crate);
