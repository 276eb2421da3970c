/* Two documents, target and patch, with a line "---" between them. */
#include "render/strategic.h"

#include <stdlib.h>

#include "base/buf.h"
#include "doc/yaml.h"
#include "doc/yaml_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data, size), patch_text = {0};
    ptrdiff_t cut = str_find(text, STR("\n---\n"));
    if (cut < 0) return 0;
    patch_text = str_skip(text, (size_t)cut + 5);
    text = str_head(text, (size_t)cut);

    node *target, *patch;
    struct yaml_options options = {.dialect = YAML_V3};
    err *e AUTO(err_done) = yaml_parse(&a, text, options, &target);
    if (!e) e = yaml_parse(&a, patch_text, options, &patch);
    if (!e) e = strategic_merge(&a, NULL, patch, &target);
    if (e) return 0;

    buf printed AUTO(buf_done) = {0};
    yaml_print(&printed, target);
    return 0;
}
