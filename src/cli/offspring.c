#include "cli/offspring.h"

static void write_below(buf *b, arena *a, const struct offspring *parent, str indent)
{
    for (size_t i = 0; i < parent->count; i++) {
        const struct offspring *item = &parent->items[i];
        bool last = i + 1 == parent->count;
        buf_add(b, indent);
        buf_add(b, last ? STR("└── ") : STR("├── "));
        buf_add(b, kube_ref_text(a, item->ref));
        buf_add_char(b, '\n');
        write_below(b, a, item, str_concat(a, indent, last ? STR("    ") : STR("│   ")));
    }
}

void offspring_write(buf *b, const struct offspring *root)
{
    arena a AUTO(arena_done) = {0};
    buf_add(b, kube_ref_text(&a, root->ref));
    buf_add_char(b, '\n');
    write_below(b, &a, root, (str){0});
}

node *offspring_node(arena *a, const struct offspring *root)
{
    node *group_kind = node_map(a), *resource = node_map(a), *out = node_map(a);
    node_set_str(a, group_kind, STR("Group"), root->ref.kind.group);
    node_set_str(a, group_kind, STR("Kind"), root->ref.kind.kind);
    node_set_str(a, resource, STR("Namespace"), root->ref.namespace);
    node_set_str(a, resource, STR("Name"), root->ref.name);
    node_set(a, resource, STR("GroupKind"), group_kind);
    node_set(a, out, STR("resource"), resource);
    if (!root->count) return out;

    node *items = node_list(a);
    for (size_t i = 0; i < root->count; i++)
        node_push(a, items, offspring_node(a, &root->items[i]));
    node_set(a, out, STR("resources"), items);
    return out;
}
