#pragma once
/*
 * The folder of one kustomization and what it may read: files by paths
 * relative to it, and other folders. A loader knows who asked for its folder,
 * so a cycle is found; with `root_only` files outside of the folder are
 * refused. Remote files and repositories are refused always: nothing is ever
 * fetched. Error texts are the reference's.
 */
#include "base/arena.h"
#include "base/tree.h"

/* What the loaders of one build share. */
struct loading {
    struct tree *tree;
    bool root_only;
    size_t bytes, folders; /* read and entered so far, against limits.h */
};

struct loader {
    struct loading *shared;
    const struct loader *referrer; /* NULL for the folder that is built */
    str root;                      /* real path in the tree, with a leading "/" */
    uint32_t depth;
};

/* The folder to build; `path` is as the user wrote it, relative to `working_dir`. */
MUST_USE err *loader_open(arena *a, struct loading *shared, str working_dir, str path,
                          const struct loader **out);
/* A folder that the kustomization of `from` names. */
MUST_USE err *loader_enter(arena *a, const struct loader *from, str path,
                           const struct loader **out);
/* A file. */
MUST_USE err *loader_read(arena *a, const struct loader *loader, str path, str *out);
/* The path begins like a URL, so it is neither a file nor a folder here. */
bool loader_is_remote(str path);
/* The kustomization file of the folder and its name. */
MUST_USE err *loader_read_kustomization(arena *a, const struct loader *loader, str *name_out,
                                        str *text_out);
str loader_root(const struct loader *loader); /* as messages say it */
