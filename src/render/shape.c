#include "render/shape.h"

#include <string.h>

#include "doc/yaml_print.h"

enum shape shape_of(const node *n)
{
    if (node_is_null(n)) return SHAPE_NONE;
    return node_is_map(n) ? SHAPE_MAP : node_is_list(n) ? SHAPE_LIST : SHAPE_SCALAR;
}

#define CONTENTS "node contents:\n"

err *shape_check(const node *n, enum shape wanted)
{
    static const char *const names[] = {
        [SHAPE_NONE] = "",
        [SHAPE_MAP] = "MappingNode",
        [SHAPE_LIST] = "SequenceNode",
        [SHAPE_SCALAR] = "ScalarNode",
    };
    enum shape got = shape_of(n);
    if (got == SHAPE_NONE || got == wanted) return NULL;
    buf contents AUTO(buf_done) = {0};
    yaml_print(&contents, n);
    return err_invalid("wrong node kind: expected %s but got %s: " CONTENTS STR_FMT,
                       names[wanted], names[got], STR_ARG(buf_str(&contents)));
}

bool shape_is_secret(const node *object)
{
    return str_is(node_get_str(object, STR("kind")), "Secret");
}

err *shape_hide(err *e, const node *object)
{
    char *contents = e && shape_is_secret(object) ? strstr(e->message, CONTENTS) : NULL;
    if (!contents) return e;
    *contents = '\0';
    err *hidden = err_new(e->kind, e->reason, "%s" CONTENTS "***", e->message);
    err_free(e);
    return hidden;
}
