#pragma once
/*
 * A Git host with one repository, in memory: commits on one branch, smart HTTP
 * for those who ask where the branch is, and the twin of the git program
 * (git/gitrun), which fetches into a mirror and reads from it. Of a mirror, the
 * files that say what it has are on the disk, as with git.
 */
#include "base/str.h"

struct depot_file {
    str path, content;
};

/* Listens on a port, on a thread of the group. */
void depot_start(int group, int port);
/* A commit of all these files, whose paths are in order; the branch "main" is there now. Its parent
 * is of no interest to anybody. Returns its name. */
str depot_commit(const struct depot_file *files, size_t count, str message);
void depot_move(str sha); /* the branch is at a commit from before, as after a forced push */

/* Of the programs that talk to the host: so many in a thousand fail after a while. */
void depot_fail(int per_thousand);
