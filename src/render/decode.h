#pragma once
/*
 * Reads a tree of values by a table of fields the way Go's JSON decoder fills
 * a struct: names of fields match without case, null is as good as missing,
 * the first wrong type or unknown field is the error, in Go's words. The
 * result is a tree again, with the names spelled as in the table. Pure.
 */
#include "doc/doc.h"

enum decode_type {
    DECODE_STR,
    DECODE_BOOL,
    DECODE_INT,
    DECODE_STR_LIST,
    DECODE_STR_MAP,
    DECODE_STRUCT,      /* of .type_info */
    DECODE_STRUCT_LIST, /* of .type_info */
    DECODE_ANY,
};

struct decode_struct;

struct decode_field {
    const char *name;
    enum decode_type type;
    const struct decode_struct *type_info;
    const char *embedded; /* Go structs between the struct and the field: "ResId.Gvk." */
    const char *go_type;  /* of the whole value, when it is not the plain one of .type */
};

struct decode_struct {
    const char *go_type; /* "types.Patch" */
    const struct decode_field *fields;
    size_t count;
};

#define DECODE_TABLE(go_type_, table)                                                              \
    {                                                                                              \
        .go_type = (go_type_), .fields = (table), .count = COUNT(table)                            \
    }

/* How values are taken that are not of the type. */
enum decode_mode {
    DECODE_EXACT = 0,
    DECODE_STRICT = 1, /* an unknown field is an error, not passed over */
    DECODE_TEXTS = 2, /* numbers and booleans are good for texts, as in files of sigs.k8s.io/yaml */
};

/* *out is a new map whose values are borrowed from `value`. Fields that are null are left out.
 * Errors: "json: unknown field "x"", "json: cannot unmarshal bool into Go struct field
 * Kustomization.namespace of type string". `mode` is a sum of enum decode_mode. */
MUST_USE err *decode_value(arena *a, const struct decode_struct *type, const node *value, int mode,
                           node **out);
/* From YAML text, with DECODE_TEXTS. Errors: "error converting YAML to JSON: ...", "error
 * unmarshaling JSON: while decoding JSON: json: unknown field "x"". */
MUST_USE err *decode_yaml(arena *a, const struct decode_struct *type, str text, int mode,
                          node **out);
