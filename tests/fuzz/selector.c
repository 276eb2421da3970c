/* What is parsed prints as a text that parses to the same. */
#include "doc/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct selector selector, again;
    err *e AUTO(err_done) = selector_parse(&a, str_from((const char *)data, size), &selector);
    if (e) return 0;
    str text = selector_text(&a, &selector);
    err *none AUTO(err_done) = selector_parse(&a, text, &again);
    must(!none && str_eq(text, selector_text(&a, &again)));
    node *labels = node_map(&a);
    node_set_str(&a, labels, STR("a"), STR("1"));
    must(selector_match(&selector, labels) == selector_match(&again, labels));
    must(selector_match(&selector, NULL) == selector_match_pairs(&again, NULL, 0));
    return 0;
}
