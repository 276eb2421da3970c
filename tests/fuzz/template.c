/* Templates: any text over some data. It ends, within its bounds, or there is an error. */
#include "tmpl/tmpl_exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tmpl_value data_of(arena *a)
{
    struct tmpl_value root = tmpl_map_new(a, "Data"), list = tmpl_list_new(a);
    struct tmpl_value map = tmpl_map_new(a, NULL);
    tmpl_push(a, list, tmpl_str(STR("h\xc3\xa9llo")));
    tmpl_push(a, list, tmpl_int(-3));
    tmpl_push(a, list, tmpl_nil());
    tmpl_put(a, map, tmpl_str(STR("k")), list);
    tmpl_put(a, map, tmpl_int(1), tmpl_float(1.5));
    tmpl_put(a, root, tmpl_str(STR("M")), map);
    tmpl_put(a, root, tmpl_str(STR("L")), list);
    tmpl_put_str(a, root, "S", STR("text"));
    return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct tmpl *set = tmpl_parse_new(&a);
    str out = {0};
    if (size > 4096) return 0;
    err *e = tmpl_parse(set, STR("t"), str_from((const char *)data, size));
    struct tmpl_run run = {.name = STR("t"), .data = data_of(&a), .output_limit = 10000};
    if (!e) e = tmpl_exec(set, &a, &run, &out);
    must(e || out.len <= 10000);
    err_free(e);
    return 0;
}
