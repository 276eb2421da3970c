#include "render/origin.h"

#include "base/buf.h"
#include "doc/yaml_print.h"

node *origin_of_file(arena *a, str path)
{
    node *origin = node_map(a);
    node_set_str(a, origin, STR("path"), path);
    return origin;
}

node *origin_of_plugin(arena *a, str configured_in, str api_version, str kind, str name,
                       str namespace)
{
    node *origin = node_map(a), *by = node_map(a);
    node_set_str(a, by, STR("apiVersion"), api_version);
    node_set_str(a, by, STR("kind"), kind);
    if (name.len) node_set_str(a, by, STR("name"), name);
    if (namespace.len) node_set_str(a, by, STR("namespace"), namespace);
    node_set_str(a, origin, STR("configuredIn"), configured_in);
    node_set(a, origin, STR("configuredBy"), by);
    return origin;
}

static str printed(arena *a, const node *value)
{
    buf b = BUF(a);
    yaml_print(&b, value);
    return buf_str(&b);
}

void origin_set(arena *a, struct resource *resource, const node *origin)
{
    node *annotations = resource_annotations(a, resource);
    if (!annotations || node_get(annotations, STR(ORIGIN_ANNOTATION))) return;
    node_set_str(a, annotations, STR(ORIGIN_ANNOTATION), printed(a, origin));
}

void origin_add_transformation(arena *a, struct resource *resource, const node *origin)
{
    node *annotations = resource_annotations(a, resource);
    if (!annotations) return;
    if (!node_get(annotations, STR(ORIGIN_ANNOTATION))) {
        origin_set(a, resource, origin);
        return;
    }
    node *list = node_list(a);
    node_push(a, list, (node *)origin);
    str before = resource_annotation(resource, STR(ORIGIN_TRANSFORMATIONS));
    str text = str_concat(a, before, printed(a, list));
    node_set_str(a, annotations, STR(ORIGIN_TRANSFORMATIONS), text);
}
