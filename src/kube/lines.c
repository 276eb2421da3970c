#include "kube/lines.h"

void lines_done(struct lines *lines)
{
    buf_done(&lines->pending);
}

static err *check(size_t len, size_t limit_bytes)
{
    if (len <= limit_bytes) return NULL;
    return err_invalid("a line of the stream is longer than %zu bytes", limit_bytes);
}

err *lines_feed(struct lines *lines, str bytes, size_t limit_bytes,
                err *(*fn)(void *context, str line), void *context)
{
    for (ptrdiff_t end; (end = str_find_char(bytes, '\n')) >= 0;) {
        str line = str_head(bytes, (size_t)end);
        TRY(check(lines->pending.len + line.len, limit_bytes));
        if (lines->pending.len) {
            buf_add(&lines->pending, line);
            line = buf_str(&lines->pending);
        }
        line = str_trim_right(line);
        if (line.len) TRY(fn(context, line));
        bytes = str_skip(bytes, (size_t)end + 1);
        buf_done(&lines->pending); /* a quiet stream holds no memory */
    }
    TRY(check(lines->pending.len + bytes.len, limit_bytes));
    if (bytes.len) buf_add(&lines->pending, bytes);
    return NULL;
}
