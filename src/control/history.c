#include "control/history.h"

#include "base/clock.h"
#include "base/limits.h"

static bool is_same(const node *old, const struct history_entry *entry)
{
    return str_eq(node_get_str(old, STR("digest")), entry->digest) &&
           str_eq(node_get_str(old, STR("lastReconciledStatus")), entry->status);
}

node *history_add(arena *a, const node *history, const struct history_entry *entry)
{
    str now = clock_format(a, entry->now_wall_ns);
    node *first = NULL, *list = node_list(a);
    NODE_EACH(history, old) {
        if (!first && is_same(old, entry)) first = doc_copy_tree(a, old);
    }
    int64_t total = first ? node_get_int(first, STR("totalReconciliations"), 0) : 0;
    if (!first) {
        first = node_map(a);
        node_set_str(a, first, STR("digest"), entry->digest);
        node_set_str(a, first, STR("firstReconciled"), now);
    }
    node_set_str(a, first, STR("lastReconciled"), now);
    node_set_str(a, first, STR("lastReconciledDuration"),
                 clock_format_duration(a, entry->duration_ns));
    node_set_str(a, first, STR("lastReconciledStatus"), entry->status);
    node *metadata = node_map(a);
    node_set_str(a, metadata, STR("revision"), entry->revision);
    if (entry->origin_revision.len) {
        node_set_str(a, metadata, STR("originRevision"), entry->origin_revision);
    }
    node_set(a, first, STR("metadata"), metadata);
    node_set_int(a, first, STR("totalReconciliations"), total + 1);
    node_push(a, list, first);
    NODE_EACH(history, old) {
        if (list->count < LIMIT_HISTORY_ENTRIES && !is_same(old, entry)) node_push(a, list, old);
    }
    return list;
}
