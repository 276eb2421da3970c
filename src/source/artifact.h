#pragma once
/*
 * Artifacts: what a source gave us, once as a file that is served to whoever
 * asks, and once as an unpacked folder that our own reconcilers read.
 *
 * Below the storage folder:
 *     gitrepository/NAMESPACE/NAME/FILE   the files; the path of status.artifact
 *     tree/DIGEST/                        unpacked: one per digest, shared by all that use it
 *     temp/                               what is half made; emptied at start
 * All of it is a cache: what is missing is made again.
 *
 * A tree is read-only for everybody: no one writes below it after it was made.
 * Any thread; calls that read or write files are for workers.
 */
#include <stdatomic.h>

#include "doc/doc.h"
#include "net/http.h"
#include "source/artifact_tree.h"

struct artifacts; /* the storage */

struct artifacts_options {
    str folder;        /* --storage-path; made when it is missing */
    str address;       /* advertised host[:port], or with "http://" or "https://" in front */
    struct http *http; /* for artifacts made by others; NULL: only our own can be had */
    int64_t retention_ttl_ns;
    int retention_records;
};

MUST_USE err *artifact_open(struct artifacts_options options, struct artifacts **out);
void artifact_close(struct artifacts *store); /* no tree may be in use */

/* The object `status.artifact`. */
struct artifact {
    str revision, digest, path, url;
    int64_t updated_wall_ns; /* lastUpdateTime */
    int64_t size_bytes;
};

/* From status.artifact, texts borrowed from the node; false when it is NULL or lacks what is
 * required. */
bool artifact_from_node(const node *value, struct artifact *out);
node *artifact_to_node(arena *a, const struct artifact *artifact);
struct artifact artifact_copy(arena *a, const struct artifact *artifact); /* texts too */

/* Whose artifact it is. */
struct artifact_owner {
    str kind, namespace, name; /* "GitRepository" */
};

/* ---- Making one ---- */

/* A new empty folder on the same file system, to be filled and given to artifact_put_tree. */
MUST_USE err *artifact_stage(struct artifacts *store, arena *a, str *folder_out);
/* Packs the folder into FILE (reproducible tar.gz) and takes the folder over as its tree: on
 * success it is moved or removed, on failure it is left to the caller. */
MUST_USE err *artifact_put_tree(struct artifacts *store, arena *a, struct artifact_owner owner,
                                str file, str revision, str folder, struct artifact *out);
/* Stores the bytes as FILE. */
MUST_USE err *artifact_put_file(struct artifacts *store, arena *a, struct artifact_owner owner,
                                str file, str revision, str content, struct artifact *out);

/* ---- Keeping house ---- */

/* Is the file of an artifact of ours there, and is it what the digest says? NOT_FOUND when it is
 * missing; INVALID when it is another, which is then removed: "computed digest doesn't match ...".
 * A file that was verified and has not been touched since is not read again. */
MUST_USE err *artifact_verify(struct artifacts *store, const struct artifact *artifact);
/* Removes files of the owner that are not `current`, by age and number; counts them. */
MUST_USE err *artifact_collect(struct artifacts *store, struct artifact_owner owner,
                               const struct artifact *current, int *removed_out);
/* The file of this path is in use: artifact_collect leaves it, whatever its age. One for each user;
 * empty: none any more. */
void artifact_hold(struct artifacts *store, str user, str path);
/* The owner is gone: removes all that it had. */
MUST_USE err *artifact_remove(struct artifacts *store, struct artifact_owner owner);
/* The URL under which a path is served from here. */
str artifact_url(const struct artifacts *store, arena *a, str path);
/* [any] The file for a path that came over HTTP ("/gitrepository/ns/name/x.tar.gz"); NOT_FOUND for
 * whatever is not a file of an artifact: folders, caches, links, "..". */
MUST_USE err *artifact_locate(const struct artifacts *store, arena *a, str path, str *file_out);

/* ---- Using one ---- */

/*
 * The unpacked folder of an artifact, ours or another's; artifact_tree_unref gives it back. What is
 * not here is fetched from the URL and verified. Errors: NOT_FOUND (the server answers 404),
 * INVALID (digest, archive), TRANSIENT, CANCELED.
 */
MUST_USE err *artifact_tree(struct artifacts *store, const struct artifact *artifact,
                            const atomic_bool *cancel, struct artifact_tree **out);

/* The bytes of an artifact that is one file (a chart), ours or another's, verified. */
MUST_USE err *artifact_bytes(struct artifacts *store, arena *a, const struct artifact *artifact,
                             size_t limit_bytes, const atomic_bool *cancel, str *out);
