/* Specs of our kinds: any object is decoded or refused, and what is decoded is within its bounds.
 */
#include "control/gitrepository_spec.h"
#include "control/kustomization_spec.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    node *spec;
    err *e = json_parse(&a, str_from((const char *)data, size), (struct json_options){0}, &spec);
    if (e) {
        err_free(e);
        return 0;
    }
    node *object = node_map(&a);
    node_set(&a, object, STR("spec"), spec);

    struct kustomization_spec unit;
    e = kustomization_spec_decode(&a, object, &unit);
    must(e || (unit.interval_ns >= 0 && unit.source_ref.name.data && unit.deletion_policy >= 0));
    must(!e || str_starts(err_text(e), STR("spec")));
    err_free(e);

    struct gitrepository_spec source;
    e = gitrepository_spec_decode(&a, object, &source);
    must(e || (source.timeout_ns >= 0 && source.url.len));
    must(!e || str_starts(err_text(e), STR("spec")));
    err_free(e);
    return 0;
}
