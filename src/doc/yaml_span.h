#pragma once
/*
 * Where the scalars of a YAML text are, byte for byte, for those who change one
 * of them and nothing else. Nothing is resolved, merged or copied: aliases are
 * not followed, and anchors and tags belong to the bytes around a scalar.
 *
 * The bounds of yaml.h hold; in addition the text has to be UTF-8, of at most
 * LIMIT_SPAN_BYTES. Any thread.
 */
#include "doc/doc.h"

/* A collection: what its children have in common. */
struct yaml_place {
    const struct yaml_place *parent; /* NULL: the root of a document */
    str key;                         /* under which it stands in a map; empty in a list */
    bool is_map, is_flow;
    uint32_t document; /* counts from 0 */
    uint32_t index;    /* of the place in the text; counts from 0 */
};

enum yaml_role { YAML_KEY, YAML_VALUE, YAML_ITEM, YAML_ROOT };

struct yaml_span {
    size_t from, to; /* bytes of the scalar: quotes and block header included; equal: it is empty */
    str value, tag;
    enum node_style style;
    enum yaml_role role;
    str key;                     /* of a YAML_VALUE, when its key is a scalar */
    const struct yaml_place *in; /* NULL for a YAML_ROOT */
    uint32_t document;
};

struct yaml_spans {
    struct yaml_span *items; /* in the order of the text */
    size_t count;
    uint32_t place_count, document_count;
};

/* Texts are copies in the arena. */
MUST_USE err *yaml_span_list(arena *a, str text, struct yaml_spans *out);
