#include "doc/diff.h"

#include "base/map.h"
#include "doc/json.h"

/* The way from the root, on the stack; it becomes a text only where a difference is. */
struct step {
    const struct step *up;
    enum { STEP_KEY, STEP_NAME, STEP_PLACE } is;
    str text; /* a key or a name */
    size_t place;
};

struct walk {
    arena *a;
    struct diff *out;
    size_t room, limit;
};

static void write_key(buf *b, str key)
{
    bool quoted =
        !key.len || str_has_char(key, '.') || str_has_char(key, '[') || str_has_char(key, '"');
    if (b->len) buf_add_char(b, '.');
    if (quoted) buf_add_char(b, '"');
    buf_add(b, key);
    if (quoted) buf_add_char(b, '"');
}

static void write_path(buf *b, const struct step *step)
{
    if (!step) return;
    write_path(b, step->up);
    if (step->is == STEP_KEY) write_key(b, step->text);
    if (step->is == STEP_NAME) buf_printf(b, "[name=" STR_FMT "]", STR_ARG(step->text));
    if (step->is == STEP_PLACE) buf_printf(b, "[%zu]", step->place);
}

static void add(struct walk *w, const struct step *step, const node *before, const node *after)
{
    if (w->out->count >= w->limit) {
        w->out->left_out++;
        return;
    }
    buf path = BUF(w->a);
    write_path(&path, step);
    *ARENA_PUSH(w->a, w->out->entries, w->out->count, w->room) =
        (struct diff_entry){buf_str(&path), before, after};
}

static void compare(struct walk *w, const struct step *step, const node *before, const node *after);

static void compare_maps(struct walk *w, const struct step *up, const node *before,
                         const node *after)
{
    arena scratch AUTO(arena_done) = {0};
    struct node_index old = node_index_of(&scratch, before), new = node_index_of(&scratch, after);
    PAIR_EACH (before, pair) {
        struct step step = {up, STEP_KEY, .text = pair->key};
        compare(w, &step, pair->value, node_index_get(&new, pair->key));
    }
    PAIR_EACH (after, pair) {
        struct step step = {up, STEP_KEY, .text = pair->key};
        if (!node_index_get(&old, pair->key)) compare(w, &step, NULL, pair->value);
    }
}

/* The items by name; false when one has none or two have the same. */
static bool index_by_name(const node *list, struct map *out)
{
    NODE_EACH (list, item) {
        str name = node_get_str(item, STR("name"));
        if (!name.len || map_put(out, name, item)) return false;
    }
    return true;
}

static void compare_named(struct walk *w, const struct step *up, const struct map *before,
                          const struct map *after)
{
    MAP_EACH (before, entry) {
        struct step step = {up, STEP_NAME, .text = entry->key};
        compare(w, &step, entry->value, map_get(after, entry->key));
    }
    MAP_EACH (after, entry) {
        struct step step = {up, STEP_NAME, .text = entry->key};
        if (!map_has(before, entry->key)) compare(w, &step, NULL, entry->value);
    }
}

static void compare_lists(struct walk *w, const struct step *up, const node *before,
                          const node *after)
{
    struct map old AUTO(map_done) = {0}, new AUTO(map_done) = {0};
    if (index_by_name(before, &old) && index_by_name(after, &new)) {
        compare_named(w, up, &old, &new);
        return;
    }
    size_t count = MAX(before->count, after->count);
    for (size_t i = 0; i < count; i++) {
        struct step step = {up, STEP_PLACE, .place = i};
        compare(w, &step, node_at(before, i), node_at(after, i));
    }
}

static void compare(struct walk *w, const struct step *step, const node *before, const node *after)
{
    if (node_is_map(before) && node_is_map(after)) {
        compare_maps(w, step, before, after);
    } else if (node_is_list(before) && node_is_list(after)) {
        compare_lists(w, step, before, after);
    } else if (!before || !after || !node_equal(before, after)) {
        add(w, step, before, after);
    }
}

void diff_nodes(arena *a, const node *before, const node *after, size_t limit, struct diff *out)
{
    *out = (struct diff){0};
    struct walk w = {.a = a, .out = out, .limit = limit};
    if (before || after) compare(&w, NULL, before, after);
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

/* The values under `field` of the copy, which shares its children with the object. */
static void mask_field(arena *a, node *copy, const node *other, str field, const char *side)
{
    const node *values = node_get(copy, field);
    if (!values) return;
    struct node_index theirs = node_index_of(a, node_get(other, field));
    str changed = str_printf(a, "*** (%s)", side);
    node *hidden = node_map(a);
    PAIR_EACH (values, pair) {
        const node *value = node_index_get(&theirs, pair->key);
        bool differs = value && !node_equal(value, pair->value);
        node_add_pair(a, hidden, pair->key, node_str(a, differs ? changed : STR("***")));
    }
    node_set(a, copy, field, hidden);
}

/* kubectl keeps a copy of all that was applied, values too, in an annotation. */
static void mask_last_applied(arena *a, node *copy)
{
    str name = STR("kubectl.kubernetes.io/last-applied-configuration");
    node *metadata = doc_copy_top(a, node_get(copy, STR("metadata")));
    node *annotations = doc_copy_top(a, node_get(metadata, STR("annotations")));
    if (!node_get(annotations, name)) return;
    node_set_str(a, annotations, name, STR("***"));
    node_set(a, metadata, STR("annotations"), annotations);
    node_set(a, copy, STR("metadata"), metadata);
}

static node *masked(arena *a, const node *object, const node *other, const char *side)
{
    node *copy = doc_copy_top(a, object);
    mask_field(a, copy, other, STR("data"), side);
    mask_field(a, copy, other, STR("stringData"), side);
    mask_last_applied(a, copy);
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
