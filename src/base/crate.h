#pragma once
/*
 * A folder that is being filled with files whose names come from outside: an
 * archive, a Git tree. Nothing that goes into a crate lands outside of it, and
 * what goes in is counted: files, bytes and depth are bounded.
 *
 * A crate holds folders and regular files only, readable and removable by us.
 * One thread at a time.
 */
#include "base/err.h"

struct crate {
    int root;          /* open folder; 0: closed */
    size_t file_count; /* folders included */
    int64_t size_bytes;
};

/* The folder has to exist; nothing below it may be a link. */
MUST_USE err *crate_open(str folder, struct crate *out);
void crate_close(struct crate *crate);

/* Is the name fit to be a path below a folder: relative, no empty part, no "..", no NUL, no "\"?
 * "." parts are fine. INVALID says what is wrong. */
MUST_USE err *crate_check(str name);

/* Makes the folder and those above it; fine when it is there. */
MUST_USE err *crate_make_dir(struct crate *crate, str name);
/* A new, empty file, or an emptied one; the folders above it are made. The caller closes *fd_out.
 */
MUST_USE err *crate_create(struct crate *crate, str name, bool executable, int *fd_out);
/* Appends to a file that came from crate_create; `name` is for errors. */
MUST_USE err *crate_write(struct crate *crate, int fd, str name, str bytes);
/* A whole file. */
MUST_USE err *crate_put(struct crate *crate, str name, bool executable, str content);
