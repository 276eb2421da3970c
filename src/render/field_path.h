#pragma once
/*
 * Dotted paths of replacements and vars: "spec.containers.[name=app].image",
 * "metadata.annotations.[a.b/c]", "data.a\.b". Pure; any thread.
 */
#include "doc/doc.h"

enum field_path_kind {
    FIELD_PATH_KEY,    /* text is the key of a map */
    FIELD_PATH_INDEX,  /* index into a list; text is as written, a map may have it as a key */
    FIELD_PATH_ALL,    /* "*": every element */
    FIELD_PATH_LAST,   /* "-": the last element */
    FIELD_PATH_SELECT, /* "[key=value]": elements whose field key is value; key empty: the element itself */
};

struct field_path_part {
    enum field_path_kind kind;
    str text; /* as written, without escapes */
    str key, value;
    int64_t index;
};

struct field_path {
    struct field_path_part *parts;
    size_t count;
};

struct field_path field_path_parse(arena *a, str text);

/* The one value at a path, for a source. *out is NULL when a part is missing. An error for "*". */
MUST_USE err *field_path_get(arena *a, const struct field_path *path, node *root, node **out);
