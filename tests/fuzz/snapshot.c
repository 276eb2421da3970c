/* Whatever is in the file: it is refused, or makes a store that can be written and read again. */
#include "sandbox/snapshot.h"
#include "sandbox/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static node *dump_of(arena *a, str text)
{
    node *dump = NULL, *out = NULL;
    err *e AUTO(err_done) = snapshot_parse(a, text, &dump);
    if (e) return NULL;
    struct store *store = store_new();
    err *refused AUTO(err_done) = store_restore(store, dump);
    if (!refused) out = doc_copy(a, store_dump(a, store));
    store_free(store);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    node *dump = dump_of(&a, str_from((const char *)data, size));
    if (!dump) return 0;
    buf b = BUF(&a);
    snapshot_write(&b, dump);
    must(node_equal(dump, dump_of(&a, buf_str(&b))));
    return 0;
}
