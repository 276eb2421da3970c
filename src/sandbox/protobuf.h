#pragma once
/*
 * Objects in the protobuf encoding of Kubernetes, which kubectl's `create` and
 * typed clients send, become the same trees as their JSON. Only reading:
 * answers are JSON, which those clients take as well. What the numbers of the
 * fields mean is in protobuf.json. Pure; any thread.
 */
#include "doc/doc.h"

#define PROTOBUF_TYPE "application/vnd.kubernetes.protobuf"

/* Texts point into the body or the arena. INVALID for what is no object of a known kind. */
MUST_USE err *protobuf_read(arena *a, str body, node **out);
