#pragma once
/*
 * The `vars` of an accumulation (legacy): each is bound to one resource when
 * its kustomization is accumulated, and read when everything else is done.
 * One build, one thread.
 */
#include "render/resmap.h"

struct vars {
    struct var *items;
    size_t count, room;
};

/* Binds and adds the entries of a kustomization's `vars` field. "merging vars [...]: found 2 resId
 * matches for var ...", "var 'X' already encountered". */
MUST_USE err *vars_add(struct vars *vars, const struct resmap *map, const node *entries);
MUST_USE err *vars_merge(arena *a, struct vars *vars, const struct vars *more);
/* Expands $(NAME) in the fields of the specs. */
MUST_USE err *vars_resolve(struct vars *vars, const struct resmap *map, struct field_specs specs);
