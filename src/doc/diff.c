#include "doc/diff.h"

#include "base/map.h"
#include "doc/json.h"

struct walk {
    arena *a;
    struct diff *out;
    size_t room, limit;
};

static void add(struct walk *w, str path, const node *before, const node *after)
{
    if (w->out->count >= w->limit) {
        w->out->left_out++;
        return;
    }
    *ARENA_PUSH(w->a, w->out->entries, w->out->count, w->room) =
        (struct diff_entry){path, before, after};
}

static void compare(struct walk *w, str path, const node *before, const node *after);

static str below(arena *a, str path, str key)
{
    bool quoted = !key.len || str_has_char(key, '.') || str_has_char(key, '[') || str_has_char(key, '"');
    const char *quote = quoted ? "\"" : "";
    return str_printf(a, STR_FMT "%s%s" STR_FMT "%s", STR_ARG(path), path.len ? "." : "", quote,
                      STR_ARG(key), quote);
}

static void compare_maps(struct walk *w, str path, const node *before, const node *after)
{
    PAIR_EACH(before, pair) {
        compare(w, below(w->a, path, pair->key), pair->value, node_get(after, pair->key));
    }
    PAIR_EACH(after, pair) {
        if (!node_get(before, pair->key)) compare(w, below(w->a, path, pair->key), NULL, pair->value);
    }
}

/* The items by name; false when one has none or two have the same. */
static bool index_by_name(const node *list, struct map *out)
{
    NODE_EACH(list, item) {
        str name = node_get_str(item, STR("name"));
        if (!name.len || map_put(out, name, item)) return false;
    }
    return true;
}

static void compare_named(struct walk *w, str path, const struct map *before, const struct map *after)
{
    MAP_EACH(before, entry) {
        str item = str_printf(w->a, STR_FMT "[name=" STR_FMT "]", STR_ARG(path), STR_ARG(entry->key));
        compare(w, item, entry->value, map_get(after, entry->key));
    }
    MAP_EACH(after, entry) {
        if (map_has(before, entry->key)) continue;
        str item = str_printf(w->a, STR_FMT "[name=" STR_FMT "]", STR_ARG(path), STR_ARG(entry->key));
        compare(w, item, NULL, entry->value);
    }
}

static void compare_lists(struct walk *w, str path, const node *before, const node *after)
{
    struct map old AUTO(map_done) = {0}, new AUTO(map_done) = {0};
    if (index_by_name(before, &old) && index_by_name(after, &new)) {
        compare_named(w, path, &old, &new);
        return;
    }
    size_t count = MAX(before->count, after->count);
    for (size_t i = 0; i < count; i++) {
        str item = str_printf(w->a, STR_FMT "[%zu]", STR_ARG(path), i);
        compare(w, item, node_at(before, i), node_at(after, i));
    }
}

static void compare(struct walk *w, str path, const node *before, const node *after)
{
    if (node_is_map(before) && node_is_map(after)) {
        compare_maps(w, path, before, after);
    } else if (node_is_list(before) && node_is_list(after)) {
        compare_lists(w, path, before, after);
    } else if (!before || !after || !node_equal(before, after)) {
        add(w, path, before, after);
    }
}

void diff_nodes(arena *a, const node *before, const node *after, size_t limit, struct diff *out)
{
    *out = (struct diff){0};
    struct walk w = {.a = a, .out = out, .limit = limit};
    if (before || after) compare(&w, (str){"", 0}, before, after);
}

node *diff_desired_part(arena *a, const node *object)
{
    if (!node_is_map(object)) return doc_copy_top(a, object);
    node *part = doc_copy_top(a, object), *metadata = node_map(a);
    node_unset(part, STR("status"));
    node *all = node_get(object, STR("metadata"));
    static const char *const kept[] = {"name", "namespace", "labels", "annotations", "finalizers"};
    for (size_t i = 0; i < COUNT(kept); i++) {
        node *value = node_get(all, str_of(kept[i]));
        if (value) node_set(a, metadata, str_of(kept[i]), value);
    }
    if (all) node_set(a, part, STR("metadata"), metadata);
    return part;
}

str diff_value(arena *a, const node *value, size_t max_bytes)
{
    if (!value) return STR("(nothing)");
    str text = json_text(a, value);
    if (text.len <= max_bytes) return text;
    str head = str_head_utf8(text, max_bytes);
    return str_printf(a, STR_FMT "...", STR_ARG(head));
}

static bool is_secret(const node *object)
{
    return str_is(node_get_str(object, STR("kind")), "Secret") &&
           str_is(node_get_str(object, STR("apiVersion")), "v1");
}

static node *masked(arena *a, const node *object, const node *other, const char *side)
{
    static const char *const fields[] = {"data", "stringData"};
    if (!object) return NULL;
    node *copy = doc_copy_top(a, object);
    for (size_t i = 0; i < COUNT(fields); i++) {
        const node *values = node_get(object, str_of(fields[i]));
        if (!values) continue;
        node *hidden = node_map(a);
        PAIR_EACH(values, pair) {
            const node *theirs = node_get(node_get(other, str_of(fields[i])), pair->key);
            bool differs = theirs && !node_equal(theirs, pair->value);
            node_set(a, hidden, pair->key,
                     node_str(a, differs ? str_printf(a, "*** (%s)", side) : STR("***")));
        }
        node_set(a, copy, str_of(fields[i]), hidden);
    }
    return copy;
}

void diff_mask_secrets(arena *a, node **before, node **after)
{
    if (!is_secret(*before) && !is_secret(*after)) return;
    node *old = masked(a, *before, *after, "before"), *new = masked(a, *after, *before, "after");
    *before = old;
    *after = new;
}

void diff_write(buf *b, const struct diff *diff)
{
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < diff->count; i++) {
        const struct diff_entry *entry = &diff->entries[i];
        buf_printf(b, "  \xc2\xb1 " STR_FMT "\n", STR_ARG(entry->path));
        str before = diff_value(&a, entry->before, 400), after = diff_value(&a, entry->after, 400);
        if (entry->before) buf_printf(b, "    - " STR_FMT "\n", STR_ARG(before));
        if (entry->after) buf_printf(b, "    + " STR_FMT "\n", STR_ARG(after));
    }
    if (diff->left_out) buf_printf(b, "  ... and %zu more fields\n", diff->left_out);
}
