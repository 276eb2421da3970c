/* Substitution: any text, a few variables. The result is within its bound, or there is an error. */
#include "render/subst.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct map variables AUTO(map_done) = {0};
    str value = STR("h\xc3\xa9llo/w*rld"), empty = {"", 0}, out = {0};
    map_put(&variables, STR("a"), &value);
    map_put(&variables, STR("b"), &empty);
    struct subst_options options = {.strict = size % 2, .output_limit = 1 << 20};
    err *e = subst_text(&a, str_from((const char *)data, size), &variables, options, &out);
    must(e || out.len <= options.output_limit);
    err_free(e);
    return 0;
}
