#pragma once
/*
 * The resources of one accumulation, in order, with an index by current id and
 * one by every name a resource has or had, so that no look-up scans the list.
 * Whoever changes a resource's apiVersion, kind, name or namespace calls
 * resmap_refresh. One build, one thread.
 */
#include "render/resource.h"

struct resmap {
    arena *a;
    struct gvks *gvks;
    struct resource **items;
    size_t count, room;
    uint32_t next_position;
    int repeated;     /* ids that more than one resource has */
    struct map ids;   /* key of a current id to the number of resources that have it */
    struct map names; /* name to struct resmap_named *: who has or had it */
};

/* In the heap are only the two indexes. */
void resmap_init(struct resmap *map, arena *a, struct gvks *gvks);
void resmap_done(struct resmap *map);

/* "may not add resource with an already registered id: ID". */
MUST_USE err *resmap_append(struct resmap *map, struct resource *resource);
MUST_USE err *resmap_append_all(struct resmap *map, const struct resmap *from);
void resmap_replace(struct resmap *map, struct resource *old, struct resource *with);
/* Leaves out deleted and empty resources. */
void resmap_drop_empty(struct resmap *map);

/* The tree of the resource has changed. */
void resmap_refresh(struct resmap *map, struct resource *resource);
/* Stores the current id as a past one. */
void resmap_store_past(struct resmap *map, struct resource *resource);
/* No id is there twice, whatever transformers did; else the error of resmap_append for the first
 * resource whose id is taken. */
MUST_USE err *resmap_check_ids(const struct resmap *map);
size_t resmap_count_id(const struct resmap *map, struct resid id);

struct resmap_named {
    struct resource **items;
    size_t count, room;
};
/* Resources that have or had the name, in order; NULL when there is none. Some may be dropped. */
const struct resmap_named *resmap_named(const struct resmap *map, str name);
/* Resources of which any id, current or past, equals. */
void resmap_find_any(const struct resmap *map, struct resid id, struct resmap_named *out);
/* The one of them. "no matches for Id ID; failed to find unique target for patch ID". */
MUST_USE err *resmap_find_one(const struct resmap *map, struct resid id, struct resource **out);
