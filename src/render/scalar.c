#include "render/scalar.h"

#include "doc/yaml.h"

node *scalar_new(arena *a, str text)
{
    node *n = node_str(a, text);
    scalar_put(n, text);
    return n;
}

void scalar_put(node *n, str text)
{
    if (!node_is_scalar(n)) *n = (node){.style = NODE_PLAIN, .line = n->line};
    bool time = false;
    n->kind = n->style == NODE_PLAIN ? yaml_resolve(text, YAML_V3, &time) : NODE_STR;
    n->time = time;
    n->tagged = false;
    n->text = text;
}
