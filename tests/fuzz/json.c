/* What is read can be written, and reads back as the same value. */
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    node *n = NULL, *again = NULL;
    struct json_options options = {.last_wins = true, .borrow = size % 2};
    err *e AUTO(err_done) = json_parse(&a, str_from((const char *)data, size), options, &n);
    if (e) return 0;
    buf b = BUF(&a);
    json_write(&b, n, (struct json_style){.html = true, .sorted = true, .indent = 1});
    err *none AUTO(err_done) = json_parse(&a, buf_str(&b), (struct json_options){0}, &again);
    must(!none && node_equal(n, again) && node_hash(n) == node_hash(again));
    must(node_equal(n, doc_copy(&a, again)));
    return 0;
}
