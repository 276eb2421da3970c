#include "cli/listing.h"

#include "doc/json.h"
#include "doc/yaml_emit.h"

node *listing_plain(arena *a, node *object)
{
    node *copy = doc_copy_top(a, object);
    node *metadata = node_get(copy, STR("metadata"));
    if (metadata) {
        metadata = doc_copy_top(a, metadata);
        node_unset(metadata, STR("managedFields"));
        node_set(a, copy, STR("metadata"), metadata);
    }
    return copy;
}

err *listing_write(arena *a, buf *out, str format, node *items, bool single)
{
    node *whole = single ? node_at(items, 0) : node_map(a);
    if (!single) {
        node_set_str(a, whole, STR("apiVersion"), STR("v1"));
        node_set_str(a, whole, STR("kind"), STR("List"));
        node_set(a, whole, STR("items"), items);
    }
    if (str_is(format, "yaml")) return yaml_emit(out, whole);
    json_write(out, whole, (struct json_style){.indent = 4});
    BUF_ADD(out, "\n");
    return NULL;
}
