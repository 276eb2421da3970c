#include "render/shape.h"

#include "doc/yaml_print.h"

enum shape shape_of(const node *n)
{
    if (node_is_null(n)) return SHAPE_NONE;
    return node_is_map(n) ? SHAPE_MAP : node_is_list(n) ? SHAPE_LIST : SHAPE_SCALAR;
}

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
    return err_invalid("wrong node kind: expected %s but got %s: node contents:\n" STR_FMT,
                       names[wanted], names[got], STR_ARG(buf_str(&contents)));
}
