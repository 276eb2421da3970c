#pragma once
/*
 * Scalars as transformers write them: without a tag, so that the text and the
 * way it is quoted decide what it means. Pure; any thread.
 */
#include "doc/doc.h"

/* A plain scalar: 5 is a number, x a text. */
node *scalar_new(arena *a, str text);
/* New text in the place of a scalar's: in place of a bare x, 5 is a number; in place of "x" it is a
 * text. A node that is no scalar becomes a plain one. */
void scalar_put(node *n, str text);

/*
 * Printing a tree and reading it again, as kustomize does before a JSON patch and in the end,
 * changes some scalars; this changes them alike: a date becomes the text of a moment, and in a
 * collection of flow style a date with a time stays as it was written, and a null that is not
 * written out is "".
 */
void scalar_settle(arena *a, node *tree);

/* The scalars of a tree as Go's JSON prints them, ready for json_write: floats as doubles, and with
 * `as_doubles` integers as well. Changes the tree. An error for what JSON has no word for. */
MUST_USE err *scalar_to_json(arena *a, node *tree, bool as_doubles);
