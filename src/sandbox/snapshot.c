#include "sandbox/snapshot.h"

#include "base/limits.h"
#include "doc/json.h"

void snapshot_write(buf *b, const node *dump)
{
    buf_printf(b, "{\"version\":%lld}\n", (long long)node_get_int(dump, STR("version"), 1));
    PAIR_EACH (node_get(dump, STR("collections")), pair) {
        NODE_EACH (pair->value, object) {
            BUF_ADD(b, "[");
            json_write_str(b, pair->key, false);
            BUF_ADD(b, ",");
            json_write(b, object, (struct json_style){0});
            BUF_ADD(b, "]\n");
        }
    }
}

static err *take_line(arena *a, str line, node *dump)
{
    node *entry;
    str id;
    TRY(json_parse(a, line, (struct json_options){.borrow = true}, &entry));
    if (node_is_map(entry)) {
        int64_t version = node_get_int(entry, STR("version"), 0);
        if (version < 1) return err_invalid("there is no version");
        node_set_int(a, dump, STR("version"), version);
        return NULL;
    }
    if (!node_is_list(entry) || entry->count != 2 || !node_to_str(entry->items[0], &id) ||
        !node_is_map(entry->items[1]))
        return err_invalid("this is no object and its collection");
    node *all = node_make_map(a, dump, STR("collections")), *list = node_get(all, id);
    if (!list) {
        list = node_list(a);
        node_set(a, all, id, list);
    }
    node_push(a, list, entry->items[1]);
    return NULL;
}

err *snapshot_parse(arena *a, str text, node **dump_out)
{
    node *dump = node_map(a);
    size_t number = 0;
    for (str line; str_next_line(&text, &line) && (line.len || text.len);) {
        if (++number > LIMIT_SANDBOX_OBJECTS + 1)
            return err_invalid("more than %d objects, the limit", LIMIT_SANDBOX_OBJECTS);
        err *e = take_line(a, line, dump);
        if (e) return err_wrap(e, "line %zu", number);
    }
    if (!node_get(dump, STR("version"))) return err_invalid("it does not begin with a version");
    *dump_out = dump;
    return NULL;
}
