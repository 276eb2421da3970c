#pragma once
/*
 * The inventory of a unit: what it has created, as ids in its status. The id
 * `<namespace>_<name>_<group>_<kind>` and the version beside it are the format
 * of the Flux API; other tools read them. Pure; any thread.
 */
#include "base/map.h"
#include "kube/kube.h"

struct inventory {
    struct kube_ref *refs;
    size_t count, room;
};

str inventory_id(arena *a, struct kube_ref ref);
/* False when the text is no id. Texts point into id, or into the arena where ':' was escaped. */
bool inventory_parse_id(arena *a, str id, str version, struct kube_ref *out);

/* status.inventory to refs; entries that cannot be parsed are counted in *bad_out and left out. */
void inventory_read(arena *a, const node *status_inventory, struct inventory *out, size_t *bad_out);
node *inventory_write(arena *a, const struct inventory *inventory); /* {entries: [{id, v}]} */
void inventory_add(arena *a, struct inventory *inventory, struct kube_ref ref);
bool inventory_has(arena *a, const struct inventory *inventory, struct kube_ref ref); /* by id */
/* All of a, then what only b has (ids compare; a's version wins). */
void inventory_union(arena *a, const struct inventory *first, const struct inventory *second,
                     struct inventory *out);
/* What only `old` has. */
void inventory_minus(arena *a, const struct inventory *old, const struct inventory *now,
                     struct inventory *out);
