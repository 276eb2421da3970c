#pragma once
/*
 * tar.gz archives, and gzip alone (the only user of libarchive). Written so that the same
 * files give the same bytes; read as if an enemy had written them: names cannot
 * lead out, only files and folders are taken, and what is unpacked is bounded
 * while it is unpacked, whatever the headers say.
 * Any thread; for workers, since it reads and writes files.
 */
#include "base/arena.h"
#include "base/crate.h"
#include "base/hash.h"

/*
 * Packs the folders and regular files below `folder` into `fd`; everything else is left out. Names
 * are sorted, owner and times are zero, modes are 0750, 0600 and 0700. The digest, if not NULL,
 * sees every byte that is written.
 */
MUST_USE err *tar_pack(str folder, int fd, struct hash_state *digest, int64_t *size_out);

struct tar_options {
    bool skip_links;        /* symbolic links are passed over; else they are an error */
    int64_t max_bytes;      /* unpacked, all headers included; 0: LIMIT_TREE_BYTES */
    int64_t max_file_bytes; /* of one file; 0: max_bytes */
};

struct tar_entry {
    str name; /* checked with crate_check */
    bool is_dir, executable;
    int64_t size_bytes;
};

/* Each file and folder in turn. take reads content, if it wants to, with tar_content; an error ends
 * the walk. The archive is gzip (RFC 1952) and nothing else. */
struct tar_reader;
typedef err *tar_take_fn(void *context, struct tar_reader *reader, const struct tar_entry *entry);
MUST_USE err *tar_each(str archive, const struct tar_options *options, tar_take_fn *take,
                       void *context);
MUST_USE err *tar_content(struct tar_reader *reader, arena *a, str *out);

/* All of an archive into the crate. */
MUST_USE err *tar_unpack(str archive, const struct tar_options *options, struct crate *crate);
/* The same from a file. */
MUST_USE err *tar_unpack_file(str path, const struct tar_options *options, struct crate *crate);

/* Bytes as one gzip member (RFC 1952) without name and time, and fast rather than small. */
str tar_gzip(arena *a, str bytes);
