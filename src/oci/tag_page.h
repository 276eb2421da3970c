#pragma once
/* One page of a registry's list of tags: {"name": "app", "tags": ["1.0.0", ...]}. Pure. */
#include "base/arena.h"
#include "base/err.h"

struct tag_page {
    str *tags;
    size_t count, room;
};

/* Adds the page's tags, which point into body. What no tag may be is passed over. INVALID when it
 * is no such page, or with more than LIMIT_OCI_TAGS in all. */
MUST_USE err *tag_page_read(arena *a, str body, struct tag_page *all);
