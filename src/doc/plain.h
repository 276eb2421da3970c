#pragma once
/*
 * The value of a node as Go tools see it that go through JSON. Numbers that are
 * no 64-bit integers are rounded to doubles, timestamps are written out, bytes
 * that are no UTF-8 become U+FFFD, and U+0085 is folded like a line break.
 * Errors are those of the reference: .inf and .nan, control characters, keys
 * that are no text, texts that do not fit their kind; they add the line where
 * it is known. Any thread.
 */
#include "doc/doc.h"

/* A scalar: its kind among null, bool, int, float and str, and its text. In a collection of flow
 * style (`in_flow`) a timestamp with a time of day is a text as it was written. */
MUST_USE err *plain_scalar(arena *a, const node *n, bool in_flow, enum node_kind *kind_out,
                           str *text_out);
/* The same for a key, which has to be a text. */
MUST_USE err *plain_key(arena *a, const struct node_pair *pair, str *text_out);
/* The same for a whole tree, keys in its order: what reading yaml_emit's output would give. */
MUST_USE err *plain_tree(arena *a, const node *n, node **out);
MUST_USE err *plain_settle(arena *a,
                           node *n); /* in place; after an error the tree is half changed */
/* Of two pairs with the same key. */
MUST_USE err *plain_repeated(const struct node_pair *first, const struct node_pair *second);
