#pragma once
/*
 * JSON (RFC 8259) to nodes and back. Numbers keep their text. Strict: no
 * trailing commas, no comments; duplicate keys are an error unless `last_wins`;
 * depth and size are bounded (limits.h). As in Go, half of a surrogate pair and
 * bytes that are no UTF-8 are read as U+FFFD. Errors name the line and, for
 * syntax, the column, and never quote the text. Any thread.
 */
#include "base/buf.h"
#include "doc/doc.h"

struct json_options {
    bool last_wins;   /* a repeated key replaces the earlier one, as Go's decoder does */
    bool borrow;      /* texts without escapes point into the input, which outlives the nodes */
    size_t depth_max; /* 0: LIMIT_DOC_DEPTH, which is also the most */
};

MUST_USE err *json_parse(arena *a, str text, struct json_options options, node **out);

/*
 * Compact, keys in the order of the tree, escaped as Go does: U+2028 and U+2029 always, invalid
 * UTF-8 as \ufffd, and <, >, & when html is set. Numbers keep their text where it is JSON; others
 * (from YAML) are written by value, .inf and .nan as null. A YAML timestamp is written the way
 * yaml_emit does.
 */
struct json_style {
    bool html;   /* escape as Go's json.Marshal does */
    bool sorted; /* keys bytewise */
    int indent;  /* 0: one line; else spaces per level */
};
void json_write(buf *b, const node *n, struct json_style style);
str json_text(arena *a, const node *n);           /* compact */
void json_write_str(buf *b, str text, bool html); /* with quotes */
