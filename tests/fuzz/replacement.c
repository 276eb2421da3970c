/* A path, a line break, a document; between "---" the text of the value and the object. */
#include "render/replacement.h"

#include "base/buf.h"
#include "doc/yaml.h"
#include "doc/yaml_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str path, text = str_from((const char *)data, size), value_text;
    str_cut(text, '\n', &path, &text);
    ptrdiff_t cut = str_find(text, STR("\n---\n"));
    if (cut < 0) return 0;
    value_text = str_head(text, (size_t)cut);
    text = str_skip(text, (size_t)cut + 5);

    node *object, *value, *taken;
    struct yaml_options yaml = {.dialect = YAML_V3};
    err *e AUTO(err_done) = yaml_parse(&a, text, yaml, &object);
    if (!e) e = yaml_parse(&a, value_text, yaml, &value);
    if (e) return 0;

    struct replacement_options options = {.create = size % 2};
    if (size % 3 == 0) options.delimiter = STR("-");
    options.index = (int64_t)(size % 5) - 1;
    err *read AUTO(err_done) = replacement_value(&a, object, path, options, STR("x"), &taken);
    e = replacement_set(&a, object, path, options, value);
    if (e) return 0;
    buf printed AUTO(buf_done) = {0};
    yaml_print(&printed, object);
    return 0;
}
