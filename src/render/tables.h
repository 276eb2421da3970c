#pragma once
/*
 * What the kustomize engine knows about Kubernetes types: which fields a
 * transformer touches, which kinds are cluster-scoped, how kinds are sorted,
 * and how lists merge. The data is in *.tbl files beside this header;
 * tools/tables.c turns them into sorted arrays at build time. Look-ups are
 * binary searches; nothing is computed at start. Constant; any thread.
 */
#include "base/str.h"

/* A field of some kinds of objects. Empty group, version or kind: any. */
struct field_spec {
    str group, version, kind;
    str path;    /* parts between '/', "\/" is a slash; a part "x[]" is a list */
    bool create; /* make the field when it is missing */
};

struct field_specs {
    const struct field_spec *items;
    size_t count;
};

/* The fields that hold the name of an object of this group, version and kind. */
struct name_reference {
    str group, version, kind;
    struct field_specs referrers;
};

enum tables_list {
    TABLES_NAME_PREFIX,
    TABLES_NAME_SUFFIX,
    TABLES_NAMESPACE,
    TABLES_COMMON_LABELS,
    TABLES_LABELS, /* `labels` of a config file: no default */
    TABLES_TEMPLATE_LABELS,
    TABLES_VOLUME_CLAIM_TEMPLATE_LABELS,
    TABLES_COMMON_ANNOTATIONS,
    TABLES_VAR_REFERENCE,
    TABLES_IMAGES,
    TABLES_REPLICAS,
    TABLES_LIST_COUNT,
};

struct field_specs tables_field_specs(enum tables_list list);
const struct name_reference *tables_name_references(size_t *count_out);

/* Kinds known to live outside namespaces; everything else counts as namespaced. */
bool tables_cluster_scoped(str api_version, str kind);

/* Place of a kind in the legacy order: negative first, positive last, 0 between. */
int tables_kind_rank(str kind);

/* --- How lists merge --- */

/* A field of a type that leads to a list that merges, or is one. */
struct merge_field {
    str name;
    uint16_t type;     /* of the value, or of the items of the list; 0: nothing known about it */
    bool list;         /* it is a list that merges; without keys, by value */
    uint8_t key_count;
    str keys[2];       /* the fields that identify an item */
};

/* The type of an object, 0 when its kind is not known to the schema. */
uint16_t tables_type(str api_version, str kind);
/* NULL: below this field nothing merges. */
const struct merge_field *tables_merge_field(uint16_t type, str name);
