#pragma once
/*
 * Files of our own: storage, mirrors, temporary folders. (Files of a Git
 * repository are read through render's loader and source's tree walk, which
 * cannot leave their root.) Paths are texts without NUL. Any thread.
 */
#include "base/err.h"

struct stat;

/* The whole file, at most limit_bytes. NOT_FOUND when it is missing. */
MUST_USE err *fs_read(struct arena *a, str path, size_t limit_bytes, str *out);
/* Writes beside the target, syncs, renames: a reader sees all of the old or all of the new. */
MUST_USE err *fs_write(str path, str content, int mode);
MUST_USE err *fs_make_dirs(str path, int mode); /* like mkdir -p */
MUST_USE err *fs_remove(str path);              /* a file; missing is fine */
MUST_USE err *fs_remove_tree(str path);         /* does not follow links; missing is fine */
MUST_USE err *fs_rename(str from, str to);
/* A new folder `dir/prefixXXXXXX`; an empty dir is $TMPDIR, else /tmp. */
MUST_USE err *fs_temp_dir(struct arena *a, str dir, str prefix, str *out);
bool fs_exists(str path);
bool fs_is_dir(str path);
/* Names in a folder, sorted bytewise, without "." and "..". */
MUST_USE err *fs_list(struct arena *a, str path, str **names_out, size_t *count_out);

/* dir + "/" + name. */
str fs_join(struct arena *a, str dir, str name);
/* Lexical clean-up as Go's path.Clean: no "//", ".", inner ".."; "" becomes ".". */
str fs_clean(struct arena *a, str path);
str fs_base(str path);
str fs_dir(str path); /* without the last part; "." when there is none */
/* Last errno as an error: "open 'path': no such file or directory". */
MUST_USE err *fs_error(const char *what, str path);
