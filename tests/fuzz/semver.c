/* A range in the first line, a version in the second. */
#include "base/semver.h"
#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str range_text, version_text;
    str_cut(str_from((const char *)data, size), '\n', &range_text, &version_text);
    struct semver_range *range = NULL;
    struct semver version, again;
    err *no_range AUTO(err_done) = semver_range_parse(&a, range_text, &range);
    err *no_version AUTO(err_done) = semver_parse(version_text, &version);
    err *not_strict UNUSED AUTO(err_done) = semver_parse_strict(version_text, &again);
    if (!no_version) {
        /* What is printed is strict, and equal to what it was printed from. */
        err *e AUTO(err_done) = semver_parse_strict(semver_text(&a, &version), &again);
        must(!e && semver_cmp(&version, &again) == 0);
        if (!no_range) (void)semver_range_has(range, &version);
    }
    return 0;
}
