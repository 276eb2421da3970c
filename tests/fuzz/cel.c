/* Any text compiles and runs, or is refused with a position. It never costs more than the limit. */
#include "doc/cel.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char object_json[] = "{\"a\":{\"b\":[1,2.5,\"x\",null,true,{\"c\":{}}]},\"n\":7}";

static void run(arena *a, str text, const char *const *names, const struct cel_variable *variable)
{
    struct cel *cel;
    struct cel_value value;
    uint64_t cost = 0;
    err *e AUTO(err_done) = cel_compile(a, text, names, &cel);
    if (!e) e = cel_eval(a, cel, variable, 1, &value, &cost);
    if (!e) must(cost <= LIMIT_CEL_COST);
    if (!e && names && cel_result(cel) != CEL_DYN) must(cel_result(cel) == value.type);
    if (!e) return;
    must(e->kind == ERR_INVALID && e->len > 4);
    must(e->message[0] >= '1' && e->message[0] <= '9');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"req", NULL};
    arena a AUTO(arena_done) = {0};
    node *object;
    str text = str_from((const char *)data, size);
    err *e AUTO(err_done) = json_parse(&a, str_of(object_json), (struct json_options){0}, &object);
    must(!e);
    struct cel_variable variable = {STR("req"), cel_value_of(object)};
    run(&a, text, NULL, &variable);
    run(&a, text, names, &variable);
    return 0;
}
