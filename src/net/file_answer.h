#pragma once
/*
 * What to answer when a file is asked for: all of it, a part (RFC 9110 section
 * 14), or that the client's copy is still good (section 13). One range is
 * served; several, or one that cannot be read, get the whole file, as the RFC
 * allows. Dates are compared as texts: clients send back the one they were given.
 */
#include "base/err.h"

struct file_wanted {
    str range, if_range, if_none_match, if_modified_since; /* header values; empty: not sent */
};

struct file_answer {
    int status;           /* 200, 206, 304 or 416 */
    int fd;               /* -1 without content */
    uint64_t from, count; /* the bytes to send */
    str etag, last_modified;
    str content_range;    /* with 206 and 416 */
};

/* NOT_FOUND when there is no regular file, DENIED for a symbolic link. fd belongs to the caller. */
MUST_USE err *file_answer_open(struct arena *a, str path, const struct file_wanted *wanted,
                               struct file_answer *out);
