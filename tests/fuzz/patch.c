/* Two JSON texts, document and operations, with a line break between them. */
#include "doc/patch.h"

#include "base/buf.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str document, ops;
    str_cut(str_from((const char *)data, size), '\n', &document, &ops);

    node *root, *list;
    struct patch patch;
    err *e AUTO(err_done) = json_parse(&a, document, (struct json_options){0}, &root);
    if (!e) e = json_parse(&a, ops, (struct json_options){0}, &list);
    if (e) return 0;
    node *merged = doc_copy(&a, root);
    patch_merge(&a, list, &merged);
    e = patch_read(&a, list, &patch);
    if (!e) e = patch_apply(&a, &patch, &root);
    if (e) return 0;

    e = patch_normalize(&a, root);
    if (e) return 0;
    buf printed AUTO(buf_done) = {0};
    json_write(&printed, root, (struct json_style){0});
    err *again AUTO(err_done) = json_parse(&a, buf_str(&printed), (struct json_options){0}, &root);
    must(!again);
    return 0;
}
