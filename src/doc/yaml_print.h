#pragma once
/*
 * Nodes to YAML the way they were written: own order of keys, own quotes, flow
 * collections where there were some; as go-yaml v3 does. For messages that show
 * a node, and for YAML inside a text. Any thread.
 *
 * yaml_emit.h prints objects for output.
 */
#include "base/buf.h"
#include "doc/doc.h"

/* One document, with a final newline. NULL prints nothing. */
void yaml_print(buf *b, const node *n);
