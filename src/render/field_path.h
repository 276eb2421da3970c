#pragma once
/*
 * Dotted paths of replacements and vars: "spec.containers.[name=app].image",
 * "metadata.annotations.[a.b/c]", "data.a\.b". Pure; any thread.
 */
#include "doc/doc.h"

struct field_path {
    str *parts; /* without escapes; brackets that select an item are kept */
    size_t count;
};

struct field_path field_path_parse(arena *a, str text);
/* The same for a var, where "a.b[0]" is "a.b.0". */
struct field_path field_path_parse_var(arena *a, str text);
struct field_path field_path_head(struct field_path path, size_t count);
struct field_path field_path_skip(struct field_path path, size_t count);

enum field_path_kind {
    FIELD_PATH_KEY,    /* of a map */
    FIELD_PATH_INDEX,  /* 3: an item of a list */
    FIELD_PATH_ALL,    /* *: every item of a list */
    FIELD_PATH_SELECT, /* [key=value]: the items whose field `key` is `value`; [=value]: the item
                          itself */
};

struct field_path_part {
    enum field_path_kind kind;
    int64_t index;
    str key, value;
};

/* What a part means. "[x]" has a meaning of its own only with a "=": otherwise it is an error. */
MUST_USE err *field_path_part(str part, struct field_path_part *out);

/* The one value at a path: a select compares exactly, "-" is the last item, "*" is an error.
 * *out is NULL when a part is missing. */
MUST_USE err *field_path_get(struct field_path path, node *root, node **out);
