#pragma once
/*
 * Unpacked artifacts: one folder per digest, however many use it. A folder is
 * made once, also when many ask at a time; it is counted, and removed when no
 * one uses or holds it. Any thread; making and removing are for workers.
 */
#include "base/arena.h"
#include "base/err.h"

struct artifact_tree;  /* one of them, in use */
struct artifact_trees; /* all of them */

/* Both folders are emptied: what an earlier process unpacked cannot be verified. Trees on their way
 * out, and in, pass through `temp`, which is on the same file system. */
MUST_USE err *artifact_tree_open(str folder, str temp, struct artifact_trees **out);
void artifact_tree_close(struct artifact_trees *trees); /* none may be in use */

/* Fills a new folder. */
typedef err *artifact_tree_fn(void *context, str folder);
/* The tree of a digest; whoever comes first makes it, the others wait. An error is told to all who
 * waited, and the next one tries again. */
MUST_USE err *artifact_tree_get(struct artifact_trees *trees, str digest, artifact_tree_fn *make,
                                void *context, struct artifact_tree **out);
/* Takes the folder over as the tree of the digest: on success it is moved, or removed when there is
 * a tree already. */
MUST_USE err *artifact_tree_put(struct artifact_trees *trees, str digest, str folder);

/* A source has this digest as its newest: its tree stays while it is so. Counted; there need not be
 * a tree. Trees that were never held are kept for a while, LIMIT_TREES_IDLE of them. */
void artifact_tree_hold(struct artifact_trees *trees, str digest);
void artifact_tree_release(struct artifact_trees *trees, str digest);

str artifact_tree_folder(const struct artifact_tree *tree);
struct artifact_tree *artifact_tree_ref(struct artifact_tree *tree);
void artifact_tree_unref(struct artifact_tree *tree);
void artifact_tree_done(struct artifact_tree **tree); /* for AUTO */
