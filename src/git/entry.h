#pragma once
/*
 * What is in a Git tree, and which names may come out of it. Pure; texts are
 * borrowed from the listing.
 */
#include "base/arena.h"
#include "base/err.h"

enum entry_kind {
    ENTRY_FILE,
    ENTRY_DIR,
    ENTRY_LINK, /* a symbolic link */
    ENTRY_SUBMODULE,
};

struct entry {
    str path; /* from the root; folders come before what is in them */
    str sha;
    enum entry_kind kind;
    bool executable;
};

/* Reads the output of `git ls-tree -r -t -z`. INVALID for a name that must not be written to disk.
 */
MUST_USE err *entry_list(arena *a, str listing, struct entry **out, size_t *count_out);
/* Is it the name of one entry, and none that some file system takes for ".git" or ".."? */
bool entry_name_is_safe(str name);
