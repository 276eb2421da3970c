#pragma once
/*
 * The files of a commit with the images of policies written into them. Reads
 * the mirror, changes nothing. [worker]
 */
#include "git/change.h"
#include "image/setter.h"

/* What is known of files between runs: which contents have no marker. A file is its content's
 * digest, so this never goes out of date. */
struct image_edit_memory;
struct image_edit_memory *image_edit_new(void);
void image_edit_free(struct image_edit_memory *memory);

struct image_edit_file {
    str path; /* below the folder that was looked at */
    const struct setter_change *changes;
    size_t count;
};

struct image_edit {
    struct change_file *files;     /* to be committed */
    struct image_edit_file *edits; /* of the same files */
    size_t count;
    size_t markers; /* in all files */
    str *problems;  /* "path: what is wrong" of files with markers that cannot be read */
    size_t problem_count;
};

/* All that is below `folder` (empty: everything) in a commit. INVALID when the folder leads out,
 * NOT_FOUND when it is not there. */
MUST_USE err *image_edit_run(struct mirror *mirror, arena *a, str sha, str folder,
                             const struct setter_policies *policies,
                             struct image_edit_memory *memory, struct image_edit *out);
