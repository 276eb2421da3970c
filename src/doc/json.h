#pragma once
/*
 * JSON (RFC 8259) to nodes and back. Numbers keep their text. Strict: no
 * trailing commas, no comments; duplicate keys are an error unless `last_wins`;
 * depth and size are bounded (limits.h). Errors name line and column and never
 * quote the text. Any thread.
 */
#include "base/buf.h"
#include "doc/doc.h"

struct json_options {
    bool last_wins;      /* a repeated key replaces the earlier one, as Go's decoder does */
    bool borrow;         /* texts without escapes point into the input, which must outlive the nodes */
    size_t depth_max;    /* 0: LIMIT_DOC_DEPTH */
};

MUST_USE err *json_parse(arena *a, str text, struct json_options options, node **out);

/* Compact, keys in the order of the tree. Go's escaping: <, >, & and U+2028/9 as \u escapes only
 * when html is set. Invalid UTF-8 becomes U+FFFD. */
struct json_style {
    bool html;     /* escape as Go's json.Marshal does */
    bool sorted;   /* keys bytewise */
    int indent;    /* 0: one line; else spaces per level */
};
void json_write(buf *b, const node *n, struct json_style style);
str json_text(arena *a, const node *n); /* compact */
void json_write_str(buf *b, str text, bool html); /* with quotes */
