/* A listing of a tree, and a commit. */
#include "git/entry.h"
#include "base/crate.h"
#include "git/commit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data, size);
    struct entry *entries;
    size_t count;
    struct commit commit;
    err *e AUTO(err_done) = entry_list(&a, text, &entries, &count);
    for (size_t i = 0; !e && i < count; i++) {
        /* What is safe in a tree is fit for a crate, but for depth and backslashes. */
        err *f AUTO(err_done) = crate_check(entries[i].path);
        must(!f || str_has_char(entries[i].path, '\\') || entries[i].path.len > 100);
    }
    err *g AUTO(err_done) = commit_parse(text, text, &commit);
    if (!g) (void)commit_title(&commit);
    return 0;
}
