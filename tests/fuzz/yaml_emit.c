/* What is printed reads back as the same value, and prints the same again. */
#include "doc/yaml_emit.h"
#include "doc/plain.h"
#include "doc/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* compat: the reference prints "<<" without quotes, which nobody reads back as a text. */
static bool holds_merge_key(const node *n)
{
    NODE_EACH (n, item) {
        if (holds_merge_key(item)) return true;
    }
    PAIR_EACH (n, pair) {
        if (str_is(pair->key, "<<") || holds_merge_key(pair->value)) return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    node *n = NULL, *plain = NULL, *again = NULL;
    buf first = BUF(&a), second = BUF(&a);
    err *e AUTO(err_done) =
        yaml_parse(&a, str_from((const char *)data, size), (struct yaml_options){0}, &n);
    if (e) return 0;
    err *bad AUTO(err_done) = plain_tree(&a, n, &plain);
    err *same AUTO(err_done) = yaml_emit(&first, n);
    must(!bad == !same);
    if (bad || holds_merge_key(plain)) return 0;
    err *none AUTO(err_done) = yaml_parse(&a, buf_str(&first), (struct yaml_options){0}, &again);
    must(!none && node_equal(plain, again));
    err *nothing AUTO(err_done) = yaml_emit(&second, again);
    must(!nothing && str_eq(buf_str(&first), buf_str(&second)));
    return 0;
}
