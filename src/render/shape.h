#pragma once
/*
 * The three shapes of a node, and the reference's message about one that has
 * another shape than it should. Pure; any thread.
 */
#include "doc/doc.h"

enum shape {
    SHAPE_NONE, /* null or missing */
    SHAPE_MAP,
    SHAPE_LIST,
    SHAPE_SCALAR,
};

enum shape shape_of(const node *n);

/* Null and missing have any shape. "wrong node kind: expected MappingNode but got SequenceNode:
 * node contents:\n[a]\n". */
MUST_USE err *shape_check(const node *n, enum shape wanted);

/* The object is a Secret: messages show nothing of it. */
bool shape_is_secret(const node *object);
/* Takes the contents out of such a message about a Secret. NULL stays NULL. */
MUST_USE err *shape_hide(err *e, const node *object);
