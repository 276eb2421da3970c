/* The output of cat-file, in pieces whose size is the first byte. */
#include "git/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint64_t left;
    bool open;
};

static err *begin(void *context, size_t index, str sha, uint64_t object_size)
{
    struct seen *seen = context;
    must(!seen->open && sha.len == 40 && index < 3);
    *seen = (struct seen){object_size, true};
    return NULL;
}

static err *content(void *context, str bytes)
{
    struct seen *seen = context;
    must(seen->open && bytes.len > 0 && bytes.len <= seen->left);
    seen->left -= bytes.len;
    return NULL;
}

static err *end(void *context)
{
    struct seen *seen = context;
    must(seen->open && seen->left == 0);
    seen->open = false;
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct batch_events events = {begin, content, end};
    arena a AUTO(arena_done) = {0};
    struct seen seen = {0};
    if (!size) return 0;
    size_t piece = data[0] ? data[0] : 1;
    struct batch *batch = batch_new(&a, 3, &events, &seen);
    for (str rest = str_from((const char *)data + 1, size - 1); rest.len;
         rest = str_skip(rest, piece)) {
        err *e AUTO(err_done) = batch_take(batch, str_head(rest, piece));
        if (e) return 0;
    }
    err *e AUTO(err_done) = batch_end(batch);
    must(e || !seen.open);
    return 0;
}
