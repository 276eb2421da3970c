#pragma once
/*
 * The Link header of a list that comes in pages: where the next page is. Only
 * the same server may be named, so that nobody is sent elsewhere with our
 * credentials. Pure; any thread.
 */
#include "base/arena.h"
#include "base/err.h"

/* From `<URL>; rel="next"` and the URL that was asked. *out is empty when there is no further page.
 * INVALID when the header cannot be read or leads to another server. */
MUST_USE err *link_next(arena *a, str header, str asked, str *out);
