/* A tenant's kubeconfig: nothing but inline data gets through. */
#include "kube/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct kubeconfig config;
    str text = str_from((const char *)data, size);
    err *e AUTO(err_done) = kubeconfig_parse(&a, text, (struct kubeconfig_options){0}, &config);
    if (e) {
        must(e->kind == ERR_INVALID || e->kind == ERR_DENIED);
        return 0;
    }
    must(config.server.len && config.namespace.len);
    must(!config.token_file.len && !config.insecure);
    must(!config.cert_pem.len == !config.key_pem.len);
    return 0;
}
