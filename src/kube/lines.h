#pragma once
/*
 * Cuts a stream of bytes, which comes torn anywhere, into lines: the events of
 * a watch. A line that lies in one piece is not copied. One thread.
 */
#include "base/buf.h"
#include "base/err.h"

struct lines {
    buf pending; /* the beginning of a line whose end has not come yet */
};

void lines_done(struct lines *lines);

/* Calls fn for each line that is complete now, without its end; blank lines are left out. Stops at
 * the first error of fn and returns it; INVALID when a line is longer than limit_bytes. After an
 * error the stream is of no further use. */
MUST_USE err *lines_feed(struct lines *lines, str bytes, size_t limit_bytes,
                         err *(*fn)(void *context, str line), void *context);
