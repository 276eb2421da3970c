/* Any bytes, unpacked into nothing: names, sizes and contents are read, no file is written. */
#include "base/tar.h"
#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err *take(void *context, struct tar_reader *reader, const struct tar_entry *entry)
{
    arena *a = context;
    err *e = crate_check(entry->name);
    must(!e);
    if (entry->is_dir) return NULL;
    str content;
    TRY(tar_content(reader, a, &content));
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct tar_options options = {.skip_links = size & 1, .max_bytes = 1 << 20};
    err *e AUTO(err_done) = tar_each(str_from((const char *)data, size), &options, take, &a);
    return 0;
}
