#pragma once
/*
 * The file that a sandbox is stopped into and resumed from: a line with the
 * version, then one line of JSON for each object, with the collection it is in.
 * A line is as long as an object may be, the file as many lines as there may be
 * objects. Pure; any thread.
 */
#include "base/buf.h"
#include "doc/doc.h"

/* `dump` is what store_dump gives and store_restore takes. */
void snapshot_write(buf *b, const node *dump);
/* The nodes borrow from the text. INVALID names the line. */
MUST_USE err *snapshot_parse(arena *a, str text, node **dump_out);
