#pragma once
/* Objects as documents: what `-o json` and `-o yaml` of a listing print. */
#include "base/buf.h"
#include "doc/doc.h"

/* An object without managedFields, which are of no interest to people, as for kubectl. */
node *listing_plain(arena *a, node *object);
/* `format` is json or yaml. A single item is written by itself, everything else as a List. */
MUST_USE err *listing_write(arena *a, buf *out, str format, node *items, bool single);
