#pragma once
/*
 * The body of a request as a tree: JSON, YAML or the protobuf encoding of
 * Kubernetes, as its Content-Type says. Loop thread.
 */
#include "sandbox/world.h"

/* An object, or the options of a deletion. 415 for an encoding that the kind has not. */
MUST_USE err *body_object(const struct call *call, node **out);
/* A patch, in JSON or (of an apply) YAML. */
MUST_USE err *body_patch(const struct call *call, node **out);
/* 415, in the words of upstream. */
MUST_USE err *body_unsupported(const char *accepted);
