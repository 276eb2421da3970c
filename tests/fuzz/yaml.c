/* Both dialects read anything without harm, and what they make of it stays within the limits. */
#include "doc/yaml.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(str text, struct yaml_options options)
{
    arena a AUTO(arena_done) = {0};
    node **documents = NULL, *first = NULL;
    size_t count = 0;
    err *e AUTO(err_done) = yaml_parse_all(&a, text, options, &documents, &count);
    err *other AUTO(err_done) = yaml_parse(&a, text, options, &first);
    for (size_t i = 0; !e && i < count; i++) {
        must(!node_is_too_deep(documents[i]));
        must(node_equal(documents[i], doc_copy(&a, documents[i])));
        node *again = NULL;
        err *none AUTO(err_done) = json_parse(&a, json_text(&a, documents[i]),
                                              (struct json_options){.last_wins = true}, &again);
        must(!none);
    }
    must(a.used_bytes < 64 * 1024 * 1024 + 4096 * text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_from((const char *)data, size);
    read_as(text, (struct yaml_options){.dialect = YAML_V3});
    read_as(text, (struct yaml_options){.dialect = YAML_V3, .dup_error = true});
    read_as(text, (struct yaml_options){.dialect = YAML_V2, .last_wins = true});
    return 0;
}
