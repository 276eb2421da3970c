/* An object, a line "---", and a patch of it: an error, or an object that JSON can hold. */
#include "sandbox/strategic_patch.h"

#include "doc/json.h"
#include "sandbox/served.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct served_table *table; /* for all inputs */
    if (!table) table = served_new(store_new());
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data, size);
    ptrdiff_t middle = str_find(text, STR("\n---\n"));
    node *object, *patch, *again;
    if (middle < 0) return 0;
    struct json_options options = {.last_wins = true, .depth_max = 50};
    err *e AUTO(err_done) = json_parse(&a, str_head(text, (size_t)middle), options, &object);
    if (e) return 0;
    err *other AUTO(err_done) = json_parse(&a, str_skip(text, (size_t)middle + 5), options, &patch);
    if (other || !node_is_map(object)) return 0;
    const struct served *served = served_find(table, STR("apps"), STR("v1"), STR("deployments"));
    err *wrong AUTO(err_done) = strategic_patch_apply(&a, served->typing, patch, object);
    if (wrong) return 0;
    err *none AUTO(err_done) =
        json_parse(&a, json_text(&a, object), (struct json_options){0}, &again);
    must(!none && node_equal(object, again));
    return 0;
}
