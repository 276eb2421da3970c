/* reference: a name that is taken means the same when it is written out again. */
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data, size);
    struct reference first, again;
    err *e AUTO(err_done) = reference_parse(&a, text, &first);
    err *no_name AUTO(err_done) = reference_parse_repository(&a, text, &again);
    must(!e || no_name);
    if (e) return 0;
    must(no_name || (!again.tag.len && !again.digest.len));
    must(str_find(first.repository, STR("..")) < 0 && !str_has_char(first.registry, '@'));
    str name = reference_name(&a, &first);
    if (first.tag.len)
        name = str_printf(&a, STR_FMT ":" STR_FMT, STR_ARG(name), STR_ARG(first.tag));
    if (first.digest.len)
        name = str_printf(&a, STR_FMT "@" STR_FMT, STR_ARG(name), STR_ARG(first.digest));
    err *lost = reference_parse(&a, name, &again);
    must(!lost);
    must(str_eq(first.registry, again.registry) && str_eq(first.repository, again.repository));
    must(str_eq(first.tag, again.tag) && str_eq(first.digest, again.digest));
    (void)reference_is_local(first.registry);
    return 0;
}
