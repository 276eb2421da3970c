/* What is read without libyaml is the same tree as with it, down to lines and styles. */
#include "doc/yaml_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const node *n, const node *wanted)
{
    must(n->kind == wanted->kind && n->style == wanted->style && n->time == wanted->time);
    must(n->tagged == wanted->tagged && n->line == wanted->line);
    if (node_is_scalar(n)) {
        must(str_eq(n->text, wanted->text));
        return;
    }
    must(n->count == wanted->count);
    for (uint32_t i = 0; i < n->count && n->kind == NODE_LIST; i++)
        check_same(n->items[i], wanted->items[i]);
    for (uint32_t i = 0; i < n->count && n->kind == NODE_MAP; i++) {
        const struct node_pair *pair = &n->pairs[i], *other = &wanted->pairs[i];
        must(str_eq(pair->key, other->key) && pair->line == other->line);
        must(pair->key_kind == other->key_kind && pair->key_style == other->key_style);
        must(pair->key_time == other->key_time);
        check_same(pair->value, other->value);
    }
}

static void compare(str text, struct yaml_options options)
{
    arena a AUTO(arena_done) = {0};
    node *read = NULL, *wanted = NULL;
    if (!yaml_block_read(&a, text, options, &read)) return;
    options.no_block = true;
    err *e AUTO(err_done) = yaml_parse(&a, text, options, &wanted);
    must(!e);
    check_same(read, wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_from((const char *)data, size);
    compare(text, (struct yaml_options){.dialect = YAML_V3, .borrow = true});
    compare(text, (struct yaml_options){.dialect = YAML_V3, .dup_error = true});
    compare(text, (struct yaml_options){.dialect = YAML_V2, .last_wins = true});
    return 0;
}
