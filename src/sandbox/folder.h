#pragma once
/*
 * A folder of the user's machine as a branch of a Git repository of our own:
 * whatever its files are becomes a commit. The folder is only read, and need
 * not be under Git; what is named ".git" in it is passed over, and so are
 * symbolic links, as they are in every source. The same files, of the same age,
 * are the same first commit. One user at a time. [worker]
 */
#include "base/arena.h"
#include "base/err.h"

#define FOLDER_BRANCH "main"

struct folder;

/* The repository is made; what is there goes. */
MUST_USE err *folder_open(str path, str repository, struct folder **out);
void folder_close(struct folder *folder);
str folder_path(const struct folder *folder);

struct folder_commit {
    str sha;
    bool changed; /* it is new: the files are not what they were at the last call */
    size_t file_count, link_count;
};

/*
 * What the files are now. The inotify descriptor is told of each folder before
 * that is read, so no change is missed; below 0: there is none. INVALID, when
 * the folder is too large, and NOT_FOUND name the folder; they leave the last
 * commit as it is.
 */
MUST_USE err *folder_commit(struct folder *folder, arena *a, int inotify_fd,
                            struct folder_commit *out);
