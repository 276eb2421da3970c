/* A path in the first line, rules in the rest. */
#include "source/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str path, rules;
    str_cut(str_from((const char *)data, size), '\n', &path, &rules);
    struct ignore *ignore = ignore_new(&a, false);
    ignore_add(ignore, (str){0}, rules);
    ignore_add(ignore, STR("a/b"), rules);
    (void)ignore_has(ignore, path, size & 1);
    return 0;
}
