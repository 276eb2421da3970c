#include "git/batch.h"

#include "git/remote.h"

enum { HEADER_MAX = 512 };

struct batch {
    const struct batch_events *events;
    void *context;
    size_t count, index;
    char header[HEADER_MAX]; /* "<sha> <type> <size>", as far as it has come */
    size_t header_len;
    bool in_content, at_end; /* at_end: only the newline after the content is left */
    uint64_t left;
};

struct batch *batch_new(arena *a, size_t count, const struct batch_events *events, void *context)
{
    struct batch *batch = NEW(a, struct batch);
    batch->events = events;
    batch->context = context;
    batch->count = count;
    return batch;
}

static err *unexpected(void)
{
    return err_transient("git printed an object in a form that is not expected");
}

static err *read_header(struct batch *batch)
{
    str header = str_from(batch->header, batch->header_len), sha, type, size, rest;
    if (str_ends(header, STR(" missing"))) return err_not_found("object not found");
    if (batch->index == batch->count || !str_cut(header, ' ', &sha, &rest) ||
        !str_cut(rest, ' ', &type, &size) || !remote_sha_is_valid(sha) ||
        !str_to_uint(size, &batch->left)) {
        return unexpected();
    }
    batch->in_content = true;
    batch->at_end = batch->left == 0;
    batch->header_len = 0;
    return batch->events->begin(batch->context, batch->index, sha, batch->left);
}

static err *take_header(struct batch *batch, str *bytes)
{
    str line, rest;
    bool whole = str_cut(*bytes, '\n', &line, &rest);
    if (line.len > HEADER_MAX - batch->header_len) return unexpected();
    memcpy(batch->header + batch->header_len, line.data, line.len);
    batch->header_len += line.len;
    *bytes = rest;
    return whole ? read_header(batch) : NULL;
}

static err *take_content(struct batch *batch, str *bytes)
{
    str part = str_head(*bytes, MIN(batch->left, (uint64_t)bytes->len));
    *bytes = str_skip(*bytes, part.len);
    batch->left -= part.len;
    batch->at_end = batch->left == 0;
    return batch->events->data(batch->context, part);
}

static err *take_newline(struct batch *batch, str *bytes)
{
    if (bytes->data[0] != '\n') return unexpected();
    *bytes = str_skip(*bytes, 1);
    batch->in_content = false;
    batch->index++;
    return batch->events->end(batch->context);
}

err *batch_take(void *context, str bytes)
{
    struct batch *batch = context;
    while (bytes.len) {
        if (!batch->in_content) {
            TRY(take_header(batch, &bytes));
        } else if (!batch->at_end) {
            TRY(take_content(batch, &bytes));
        } else {
            TRY(take_newline(batch, &bytes));
        }
    }
    return NULL;
}

err *batch_end(const struct batch *batch)
{
    bool whole = batch->index == batch->count && !batch->in_content && batch->header_len == 0;
    return whole ? NULL : unexpected();
}
