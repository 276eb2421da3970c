#pragma once
/*
 * The tags of repositories as last scanned, a file each in the storage folder,
 * so that a restart knows them at once. A cache: what is lost is scanned again.
 * Written whole or not at all. Any thread; one writer per repository.
 */
#include "base/arena.h"
#include "base/err.h"

struct tag_list {
    str *items; /* descending, in the order of bytes */
    size_t count;
    str revision; /* "sha256:..." of the list: the same for the same tags */
    str etag;     /* of the registry, for the list before anything was taken out; may be empty */
};

/* The tags in the order they are kept; repeated ones once. Sorts `tags` in place. */
struct tag_list tag_store_order(arena *a, str *tags, size_t count);

MUST_USE err *tag_store_save(str storage, str namespace, str name, const struct tag_list *list);
/* An empty list when nothing is kept, or when what is kept is damaged. */
MUST_USE err *tag_store_load(arena *a, str storage, str namespace, str name, struct tag_list *out);
MUST_USE err *tag_store_remove(str storage, str namespace, str name);
