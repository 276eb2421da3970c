#pragma once
/*
 * The two patch formats of JSON: a list of operations (RFC 6902, with the
 * details and the messages of the Go library that Kubernetes tools use) and a
 * merge patch (RFC 7386). Pure; any thread.
 */
#include "doc/doc.h"

struct patch_op;

struct patch {
    struct patch_op *ops;
    size_t count;
};

/* A list of {op, path, value, from}. What is wrong with an operation is mostly told by patch_apply,
 * as in Go; here only what is no list of objects, or more operations than limits.h allows. */
MUST_USE err *patch_read(arena *a, const node *list, struct patch *out);

/* Applies all operations in order to *root, which is changed in place and may be replaced. On an
 * error *root is half changed and worth nothing. Nodes of the patch are copied; their texts are
 * borrowed. How much is copied, and how deep it goes, is bounded (limits.h). */
MUST_USE err *patch_apply(arena *a, const struct patch *patch, node **root);

/* The tree as it is after a trip through Go's JSON: every number read as a double, every scalar
 * without the style and tag it was written with. A number that no double holds is an error. Changes
 * the tree in place. */
MUST_USE err *patch_normalize(arena *a, node *root);

/* RFC 7386. *root is changed in place or replaced; nodes of the patch are copied, texts borrowed.
 */
void patch_merge(arena *a, const node *patch, node **root);
