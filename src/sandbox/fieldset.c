#include "sandbox/fieldset.h"

#include "doc/json.h"

struct fieldset *fieldset_new(arena *a)
{
    return NEW(a, struct fieldset);
}

/* Where the step is, or would be. */
static size_t place_of(const struct fieldset *set, str step, bool *found)
{
    size_t low = 0, high = set->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(step, set->children[middle]->step);
        if (!order) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void add_last(arena *a, struct fieldset *set, struct fieldset *child)
{
    *ARENA_PUSH(a, set->children, set->count, set->room) = child;
}

struct fieldset *fieldset_at(arena *a, struct fieldset *set, str step)
{
    bool found;
    size_t place = place_of(set, step, &found);
    if (found) return set->children[place];
    struct fieldset *child = fieldset_new(a);
    child->step = step;
    add_last(a, set, child);
    memmove(set->children + place + 1, set->children + place,
            (set->count - 1 - place) * sizeof(struct fieldset *));
    set->children[place] = child;
    return child;
}

const struct fieldset *fieldset_child(const struct fieldset *set, str step)
{
    if (!set) return NULL;
    bool found;
    size_t place = place_of(set, step, &found);
    return found ? set->children[place] : NULL;
}

void fieldset_drop(struct fieldset *set, str step)
{
    bool found;
    size_t place = place_of(set, step, &found);
    if (!found) return;
    set->count--;
    memmove(set->children + place, set->children + place + 1,
            (set->count - place) * sizeof(struct fieldset *));
}

bool fieldset_is_empty(const struct fieldset *set)
{
    if (!set) return true;
    if (set->member) return false;
    for (size_t i = 0; i < set->count; i++)
        if (!fieldset_is_empty(set->children[i])) return false;
    return true;
}

enum operation { UNION, MINUS, COMMON };

static struct fieldset *combine(arena *a, const struct fieldset *x, const struct fieldset *y,
                                enum operation operation)
{
    static const struct fieldset none;
    if (!x) x = &none;
    if (!y) y = &none;
    struct fieldset *out = fieldset_new(a);
    out->step = x->step.len ? x->step : y->step;
    out->member = operation == UNION   ? x->member || y->member
                  : operation == MINUS ? x->member && !y->member
                                       : x->member && y->member;
    size_t i = 0, j = 0;
    while (i < x->count || j < y->count) {
        int order = i == x->count   ? 1
                    : j == y->count ? -1
                                    : str_cmp(x->children[i]->step, y->children[j]->step);
        const struct fieldset *left = order <= 0 ? x->children[i++] : NULL;
        const struct fieldset *right = order >= 0 ? y->children[j++] : NULL;
        if ((operation == MINUS && !left) || (operation == COMMON && (!left || !right))) continue;
        struct fieldset *child = combine(a, left, right, operation);
        if (!fieldset_is_empty(child)) add_last(a, out, child);
    }
    return out;
}

struct fieldset *fieldset_union(arena *a, const struct fieldset *x, const struct fieldset *y)
{
    return combine(a, x, y, UNION);
}

struct fieldset *fieldset_minus(arena *a, const struct fieldset *x, const struct fieldset *y)
{
    return combine(a, x, y, MINUS);
}

struct fieldset *fieldset_common(arena *a, const struct fieldset *x, const struct fieldset *y)
{
    return combine(a, x, y, COMMON);
}

struct fieldset *fieldset_named(arena *a, const struct fieldset *x)
{
    struct fieldset *out = fieldset_new(a);
    if (!x) return out;
    out->step = x->step;
    out->member = x->member;
    for (size_t i = 0; i < x->count; i++) {
        struct fieldset *child = fieldset_named(a, x->children[i]);
        if (child->count && str_starts(child->step, STR("f:"))) child->member = true;
        add_last(a, out, child);
    }
    return out;
}

/* ---- FieldsV1 ---- */

static bool is_step(str text)
{
    if (text.len < 2 || text.data[1] != ':') return false;
    return text.data[0] == 'f' || text.data[0] == 'k' || text.data[0] == 'v' || text.data[0] == 'i';
}

static err *read_into(arena *a, const node *fields, struct fieldset *out)
{
    if (!node_is_map(fields)) return err_invalid("fieldsV1: an object is expected");
    PAIR_EACH (fields, pair) {
        if (str_is(pair->key, ".")) {
            out->member = true;
            continue;
        }
        if (!is_step(pair->key))
            return err_invalid("fieldsV1: '" STR_FMT "' is no path element",
                               STR_ARG(str_head_utf8(pair->key, 100)));
        struct fieldset *child = fieldset_at(a, out, pair->key);
        if (node_is_map(pair->value) && pair->value->count == 0)
            child->member = true;
        else
            TRY(read_into(a, pair->value, child));
    }
    return NULL;
}

err *fieldset_read(arena *a, const node *fields, struct fieldset **out)
{
    struct fieldset *set = fieldset_new(a);
    TRY(read_into(a, fields, set));
    *out = set;
    return NULL;
}

node *fieldset_write(arena *a, const struct fieldset *set)
{
    node *out = node_map(a);
    if (!set) return out;
    for (size_t i = 0; i < set->count; i++) {
        const struct fieldset *child = set->children[i];
        if (fieldset_is_empty(child)) continue;
        node *value = fieldset_write(a, child);
        if (child->member && value->count) {
            node *marked = node_map(a);
            node_add_pair(a, marked, STR("."), node_map(a));
            PAIR_EACH (value, pair) {
                node_add_pair(a, marked, pair->key, pair->value);
            }
            value = marked;
        }
        node_add_pair(a, out, child->step, value);
    }
    return out;
}

/* ---- paths ---- */

static void add_step(arena *a, buf *path, str step)
{
    str rest = str_skip(step, 2);
    if (step.data[0] == 'f') {
        buf_add_char(path, '.');
        buf_add(path, rest);
        return;
    }
    buf_add_char(path, '[');
    node *keys = NULL;
    err *e AUTO(err_done) = NULL;
    if (step.data[0] == 'k') e = json_parse(a, rest, (struct json_options){0}, &keys);
    if (!keys) {
        if (step.data[0] == 'v') buf_add_char(path, '=');
        buf_add(path, rest);
    }
    bool first = true;
    PAIR_EACH (keys, pair) {
        if (!first) buf_add_char(path, ',');
        first = false;
        buf_add(path, pair->key);
        buf_add_char(path, '=');
        buf_add(path, json_text(a, pair->value));
    }
    buf_add_char(path, ']');
}

str fieldset_step_text(arena *a, str step)
{
    buf text = BUF(a);
    add_step(a, &text, step);
    return buf_str(&text);
}

static void each(arena *a, const struct fieldset *set, buf *path, fieldset_fn *fn, void *context)
{
    for (size_t i = 0; set && i < set->count; i++) {
        size_t len = path->len;
        add_step(a, path, set->children[i]->step);
        if (set->children[i]->member) fn(context, str_dup(a, buf_str(path)));
        each(a, set->children[i], path, fn, context);
        path->len = len;
    }
}

void fieldset_each(arena *a, const struct fieldset *set, fieldset_fn *fn, void *context)
{
    buf path = BUF(a);
    each(a, set, &path, fn, context);
}
