#pragma once
/*
 * Strategic merge: a patch that looks like the object, where lists of known
 * types merge by key, null removes a field and `$patch` directs. The rules
 * and the visible quirks are those of kustomize (spec/kustomize.md section 6).
 * Pure; any thread.
 */
#include "doc/doc.h"
#include "render/hint.h"
#include "render/openapi.h"

/*
 * Merges the patch into *target, by the schema of the target's apiVersion and kind (the patch's,
 * when it has them). *target is changed in place; it becomes NULL when the patch deletes it. The
 * patch is not changed and nothing of it is shared afterwards. Errors are kustomize's: "wrong node
 * kind: expected MappingNode but got SequenceNode: node contents:\n...", "unknown patch strategy
 * 'x'".
 */
MUST_USE err *strategic_merge(arena *a, const struct openapi *schema, const node *patch,
                              node **target);

/* The same where comments of the files may say how lists merge; each may be NULL. */
struct strategic_hints {
    const struct hints *target, *patch;
};
MUST_USE err *strategic_merge_hinted(arena *a, const struct openapi *schema,
                                     struct strategic_hints hints, const node *patch,
                                     node **target);
