#pragma once
/*
 * Nodes to YAML, byte for byte as the reference tools print (go-yaml v2 with
 * sorted keys and JSON number rules: spec/kustomize.md section 13). The text
 * is a pure function of the value: comments, order and styles do not survive.
 */
#include "base/buf.h"
#include "doc/doc.h"

/* One document, with a final newline, without a leading "---". Errors are those of the reference
 * (inf and nan, non-string keys, a text that does not fit its kind, control characters). */
MUST_USE err *yaml_emit(buf *b, const node *n);
