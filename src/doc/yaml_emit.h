#pragma once
/*
 * Nodes to YAML, byte for byte as the reference tools print (go-yaml v2 with
 * sorted keys and JSON number rules: spec/kustomize.md section 13). The text
 * is a pure function of the value: comments, order and styles do not survive.
 *
 * The value of a scalar is that of plain.h, which tells its errors: .inf and
 * .nan, keys that are no text, control characters; another one is a key that is
 * repeated. Any thread.
 */
#include "base/buf.h"
#include "doc/doc.h"

/* One document, with a final newline, without a leading "---". On error nothing is written. */
MUST_USE err *yaml_emit(buf *b, const node *n);
