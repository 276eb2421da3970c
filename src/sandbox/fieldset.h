#pragma once
/*
 * A set of fields of an object, as managedFields keeps them (FieldsV1): a tree
 * whose steps are "f:name", "k:{...}" and "v:value" and whose members are
 * marked. Sets live in an arena and are not changed once others see them; the
 * operations make new ones and share what they can. NULL is the empty set.
 */
#include "doc/doc.h"

struct fieldset {
    str step;
    bool member;
    struct fieldset **children; /* sorted by step */
    size_t count, room;
};

struct fieldset *fieldset_new(arena *a);
/* The child, added when it is missing. The step is borrowed. */
struct fieldset *fieldset_at(arena *a, struct fieldset *set, str step);
const struct fieldset *fieldset_child(const struct fieldset *set, str step);
/* Without the child and what is below it. */
void fieldset_drop(struct fieldset *set, str step);
bool fieldset_is_empty(const struct fieldset *set);

struct fieldset *fieldset_union(arena *a, const struct fieldset *x, const struct fieldset *y);
struct fieldset *fieldset_minus(arena *a, const struct fieldset *x, const struct fieldset *y);
struct fieldset *fieldset_common(arena *a, const struct fieldset *x, const struct fieldset *y);
/* The same set where every field that has members below it is one itself. */
struct fieldset *fieldset_named(arena *a, const struct fieldset *x);

/* INVALID for what is no FieldsV1; depth is bounded by the reader of the document. */
MUST_USE err *fieldset_read(arena *a, const node *fields, struct fieldset **out);
node *fieldset_write(arena *a, const struct fieldset *set);

/* "[name=\"app\"]" of "k:{\"name\":\"app\"}", ".x" of "f:x". */
str fieldset_step_text(arena *a, str step);
/* ".spec.containers[name=\"app\"].image" of every member, in order. */
typedef void fieldset_fn(void *context, str path);
void fieldset_each(arena *a, const struct fieldset *set, fieldset_fn *fn, void *context);
