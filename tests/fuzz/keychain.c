/* "registry/repository" in the first line, a docker config behind. */
#include "oci/keychain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str name, json, registry, repository;
    str_cut(str_from((const char *)data, size), '\n', &name, &json);
    str_cut(name, '/', &registry, &repository);
    struct keychain keychain = {0};
    err *no_config AUTO(err_done) = keychain_add(&a, &keychain, json, false);
    err *no_legacy AUTO(err_done) = keychain_add(&a, &keychain, json, true);
    const struct keychain_entry *entry = keychain_find(&keychain, registry, repository);
    if (!entry) return 0;
    must(str_starts(repository, entry->path));
    str port, entry_port, host;
    str_cut(registry, ':', &host, &port);
    str_cut(entry->host, ':', &host, &entry_port);
    must(str_eq(port, entry_port));
    return 0;
}
