/* Setters: any text. What was set once needs no second edit, and nothing is set in what is no YAML.
 */
#include "image/setter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct setter_image image = {STR("r.io/app"), STR("1.10"), STR("sha256:00")};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct setter_policies policies = {.namespace = STR("n")};
    struct setter_result first, second;
    map_put(&policies.by_name, STR("p"), (void *)&image);
    err *e = setter_edit(&a, str_from((const char *)data, size), &policies, &first);
    if (!e) {
        must(!setter_edit(&a, first.text, &policies, &second));
        must(second.count == 0 && second.markers == first.markers);
    }
    err_free(e);
    map_done(&policies.by_name);
    return 0;
}
