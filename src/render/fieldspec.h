#pragma once
/*
 * Field specs: paths such as "spec/template/metadata/labels" that say which
 * fields of which kinds a transformer changes. Lists on the way are walked
 * element by element. Pure; any thread.
 */
#include "render/resource.h"

/* What a missing leaf becomes when the spec says create. */
enum fieldspec_create { FIELDSPEC_NOTHING, FIELDSPEC_MAP, FIELDSPEC_SCALAR };

struct fieldspec_visit {
    arena *a;
    enum fieldspec_create create;
    /* Changes the node at the end of the path in place. */
    err *(*set)(const struct fieldspec_visit *visit, node *value);
    void *context;
};

bool fieldspec_selects(const struct field_spec *spec, const struct gvk *gvk);

/* Walks the path if the spec selects the resource's kind. Errors: "considering field 'PATH' of
 * object ID: expected sequence or mapping node". */
MUST_USE err *fieldspec_apply(const struct fieldspec_visit *visit, const struct field_spec *spec,
                              struct resource *resource);
MUST_USE err *fieldspec_apply_all(const struct fieldspec_visit *visit, struct field_specs specs,
                                  struct resource *resource);
/* The walk alone, for a spec that is known to apply. */
MUST_USE err *fieldspec_walk(const struct fieldspec_visit *visit, const struct field_spec *spec,
                             struct resource *resource);

/* Makes the scalar a text, whatever it looks like; scalar.h has the other way. */
void fieldspec_put_str(node *n, str text);

/* A list of specs from a decoded config; "cannot be empty" is not checked. */
struct field_specs fieldspec_list(arena *a, const node *list);

/* `more` added to `specs`. A new one is left out when it has the path of one that is there and
 * covers it (as in the reference, which compares this way round); when they differ in create:
 * "conflicting fieldspecs". */
MUST_USE err *fieldspec_merge(arena *a, struct field_specs specs, struct field_specs more,
                              struct field_specs *out);
