/* Whatever the bytes are, the outcome is an error or an object that JSON can hold. */
#include "sandbox/protobuf.h"

#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    node *object = NULL, *again = NULL;
    err *e AUTO(err_done) = protobuf_read(&a, str_from((const char *)data, size), &object);
    must(e || node_is_map(object));
    if (e || node_is_too_deep(object)) return 0;
    err *none AUTO(err_done) =
        json_parse(&a, json_text(&a, object), (struct json_options){0}, &again);
    must(!none && node_equal(object, again));
    return 0;
}
