#pragma once
/*
 * What an object has to be before it is stored: known fields of the right
 * types, defaults filled in, values within their bounds. Built-in kinds have
 * the defaults of upstream and the checks that users meet most; custom kinds
 * are held to the schema and the rules of their CRD. Pure; any thread.
 */
#include "sandbox/served.h"

/* The first value whose type is another, or, when `strict`, the first unknown field: as ".spec.x:
 * field not declared in schema". */
MUST_USE err *admit_types(arena *a, struct typing typing, const node *value, bool strict);
/* Drops fields that are not declared, whose paths go to `dropped` (a list; may be NULL), nulls, and
 * lists and maps that are empty where upstream's Go types leave them out. */
node *admit_prune(arena *a, const struct served *served, const node *object, node *dropped);
/* Fills in what is missing. The object is changed in place. */
void admit_defaults(arena *a, const struct served *served, node *object);
/* The same for a status that there is not yet. It is nobody's field: filled in when all else is. */
void admit_default_status(arena *a, const struct served *served, node *object);
/* Bytes that are no base64, which is what a built-in kind's decoder stumbles over. */
MUST_USE err *admit_bytes(arena *a, const struct served *served, const node *object);

/* Causes of a value that does not fit its schema. */
void admit_values(arena *a, struct typing typing, const node *value, str path, node *causes);
/* Every cause {reason, message, field}; before: the object that is replaced, or NULL. */
node *admit_causes(arena *a, const struct served *served, const node *before, const node *object);
/* One cause, for callers that have checks of their own. */
void admit_add_cause(arena *a, node *causes, const char *reason, str field, str message);
/* INVALID, 422, in the words of upstream; NULL when there is no cause. */
MUST_USE err *admit_error(const struct served *served, str name, const node *causes);
