#pragma once
/*
 * A tree of files that is only read and cannot be left: an unpacked artifact,
 * or the whole file system for a command on the user's machine. Every path is
 * looked up from an open folder, so neither "..", nor a symbolic link, nor a
 * rename under way leads out of it. Only files are ever read: a device, pipe
 * or socket is refused and never waited for.
 *
 * A path is taken from the root: "a/b", "/a/b" and "./a/b" are the same.
 * In the tree of "/" an absolute link is followed; in any other tree it leads
 * out and is refused. Messages say "/a/b" in the tree of "/" and "a/b" in any
 * other, so they do not depend on where it lies. Counted; any thread may read.
 */
#include "base/err.h"

struct tree;

enum tree_kind { TREE_FILE, TREE_DIR, TREE_OTHER };

struct tree_entry {
    str name;
    enum tree_kind kind; /* what the name leads to; TREE_OTHER when that is nowhere */
    bool link;           /* the name is a symbolic link */
};

MUST_USE err *tree_open(str path, struct tree **out);
struct tree *tree_ref(struct tree *tree);
void tree_unref(struct tree *tree);
void tree_unref_done(struct tree **tree); /* for AUTO */

/* Follows links. *real_out is the path without links, "." or "..", with a leading "/".
 * NOT_FOUND says which part is missing: "lstat /a/b: no such file or directory".
 * DENIED: the path leads out of the tree. */
MUST_USE err *tree_find(struct arena *a, struct tree *tree, str path, str *real_out,
                        enum tree_kind *kind_out);

/* The whole file. INVALID when it is not a file or has more than limit_bytes; NOT_FOUND. */
MUST_USE err *tree_read(struct arena *a, struct tree *tree, str path, size_t limit_bytes, str *out);

/* Names in a folder, sorted bytewise, without "." and "..". */
MUST_USE err *tree_list(struct arena *a, struct tree *tree, str path, struct tree_entry **out,
                        size_t *count_out);

/* A path from tree_find as messages say it. */
str tree_show(const struct tree *tree, str real);
bool tree_is_whole(const struct tree *tree); /* it is the tree of "/" */
