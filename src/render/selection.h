#pragma once
/*
 * A selector of a kustomization: group, version, kind, name and namespace as
 * regular expressions that have to match as a whole, and label and annotation
 * selectors. The expressions are on the heap until selection_done.
 */
#include "base/regex.h"
#include "doc/selector.h"
#include "render/resmap.h"

/* One part: empty matches any; a text without special characters is compared. */
struct selection_part {
    str text;
    struct regex *regex; /* NULL: compare */
};

struct selection {
    struct selection_part group, version, kind, name, namespace;
    struct selection_meta {
        str text;
        bool known; /* the selector is read when the first resource gets so far, as in the reference
                     */
        struct selector selector;
    } labels, annotations;
};

MUST_USE err *selection_read(arena *a, const node *selector, struct selection *out);
void selection_done(struct selection *selection);
bool selection_has_id(const struct selection *selection); /* one of the five parts is given */
bool selection_has_meta(
    const struct selection *selection); /* a label or annotation selector is given */

/* For patches: resources whose current kind, and whose original or current name and namespace
 * match, in order. */
MUST_USE err *selection_select(struct selection *selection, const struct resmap *map,
                               struct resmap_named *out);
/* For replacements: one id alone. */
bool selection_matches_id(const struct selection *selection, struct resid id);
/* Labels and annotations of the tree as it is. */
MUST_USE err *selection_matches_meta(arena *a, struct selection *selection,
                                     const struct resource *resource, bool *out);
