#pragma once
/*
 * The suffix that tells one content of a ConfigMap or Secret from another:
 * "g4hk9g2ff8". Pure; any thread.
 */
#include "doc/doc.h"

/* Ten characters, from kind, data, binaryData, stringData and type of the object. */
MUST_USE err *namehash_of(arena *a, const node *object, str *out);
