/* Inventory ids: whatever can be parsed is written the same way again. */
#include "apply/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct kube_ref ref, again;
    str id = str_from((const char *)data, size);
    if (!inventory_parse_id(&a, id, STR("v1"), &ref)) return 0;
    str written = inventory_id(&a, ref);
    must(inventory_parse_id(&a, written, STR("v1"), &again));
    must(str_eq(ref.name, again.name) && str_eq(ref.namespace, again.namespace));
    must(str_eq(ref.kind.kind, again.kind.kind) && str_eq(ref.kind.group, again.kind.group));
    return 0;
}
