#include "render/legacy_order.h"

#include <string.h>

#include "render/tables.h"

struct place {
    int rank;
    str type_text;   /* group_version_kind */
    str object_text; /* kind.version.group|namespace|name */
    const struct legacy_order_item *item;
};

/* Of a kind that is listed twice the later place counts. */
static ptrdiff_t index_of(const str *kinds, size_t count, str kind)
{
    while (count-- > 0)
        if (str_eq(kinds[count], kind)) return (ptrdiff_t)count;
    return -1;
}

static int rank_of(const struct legacy_order_kinds *kinds, str kind)
{
    if (!kinds) return tables_kind_rank(kind);
    ptrdiff_t last = index_of(kinds->last, kinds->last_count, kind);
    if (last >= 0) return (int)last + 1;
    ptrdiff_t first = index_of(kinds->first, kinds->first_count, kind);
    return first < 0 ? 0 : (int)(first - (ptrdiff_t)kinds->first_count);
}

static str or_text(str s, const char *fallback)
{
    return s.len ? s : str_of(fallback);
}

static struct place place_of(arena *a, const struct legacy_order_item *item,
                             const struct legacy_order_kinds *kinds)
{
    str group = or_text(item->group, "[noGrp]"), version = or_text(item->version, "[noVer]");
    str kind = or_text(item->kind, "[noKind]");
    str namespace = or_text(item->namespace, "~X"), name = or_text(item->name, "~N");
    str type[] = {or_text(item->group, "~G"), or_text(item->version, "~V"),
                  or_text(item->kind, "~K")};
    return (struct place){
        .rank = rank_of(kinds, item->kind),
        .type_text = str_join(a, type, COUNT(type), STR("_")),
        .object_text = str_printf(a, STR_FMT "." STR_FMT "." STR_FMT "|" STR_FMT "|" STR_FMT,
                                  STR_ARG(kind), STR_ARG(version), STR_ARG(group),
                                  STR_ARG(namespace), STR_ARG(name)),
        .item = item,
    };
}

static bool same_type(const struct legacy_order_item *a, const struct legacy_order_item *b)
{
    return str_eq(a->kind, b->kind) && str_eq(a->group, b->group) &&
           str_eq(a->version, b->version);
}

static int compare(const struct place *a, const struct place *b)
{
    if (same_type(a->item, b->item)) return str_cmp(a->object_text, b->object_text);
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    int order = str_cmp(a->type_text, b->type_text);
    /* compat: the core Namespace before those of other groups; pinned by unit/legacy_order. */
    bool namespaces = str_is(a->item->kind, "Namespace") && str_is(b->item->kind, "Namespace");
    return namespaces && (!a->item->group.len || !b->item->group.len) ? -order : order;
}

/* Merge sort: stable, and the comparison may be of any kind. */
static void sort(struct place *places, struct place *spare, size_t count)
{
    if (count < 2) return;
    size_t half = count / 2, left = 0, right = half, at = 0;
    sort(places, spare, half);
    sort(places + half, spare, count - half);
    memcpy(spare, places, count * sizeof *places);
    while (left < half || right < count) {
        bool take_left = right == count ||
                         (left < half && compare(&spare[left], &spare[right]) <= 0);
        places[at++] = spare[take_left ? left++ : right++];
    }
}

void legacy_order_sort(arena *a, struct legacy_order_item *items, size_t count,
                       const struct legacy_order_kinds *kinds)
{
    struct place *places = NEW_ARRAY(a, struct place, count);
    struct legacy_order_item *sorted = NEW_ARRAY(a, struct legacy_order_item, count);
    for (size_t i = 0; i < count; i++) places[i] = place_of(a, &items[i], kinds);
    sort(places, NEW_ARRAY(a, struct place, count), count);
    for (size_t i = 0; i < count; i++) sorted[i] = *places[i].item;
    if (count) memcpy(items, sorted, count * sizeof *items);
}
