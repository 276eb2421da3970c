#pragma once
/* The values of a Secret as the API server gives it: base64 in `data`. Pure; any thread. Errors
 * name the key and never the value. */
#include "doc/doc.h"

/* Empty when the key is missing. */
MUST_USE err *secret_value(arena *a, const node *secret, const char *key, str *out);
/* All of them, as a map of plain texts. */
MUST_USE err *secret_values(arena *a, const node *secret, node **out);
