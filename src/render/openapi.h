#pragma once
/*
 * The schema that strategic merge goes by: the built-in one of Kubernetes
 * v1.21.2, or the custom one of `openapi.path`, which replaces it. A place is
 * a cursor: what the schema says about the value at one point of an object.
 * A place that the schema knows nothing about is zeroed, and so are all places
 * below it. Pure; any thread.
 */
#include "doc/doc.h"

struct openapi; /* a custom schema; NULL everywhere means the built-in one */
struct merge_field;

struct openapi_place {
    const struct openapi *custom;
    const node *node;                /* custom: the schema of this value, references followed */
    uint16_t type;                   /* built-in: the type of this value */
    const struct merge_field *field; /* built-in: the list field this value is */
};

/* Swagger as JSON or YAML, with `definitions`. The schema lives in the arena. */
MUST_USE err *openapi_read(arena *a, str text, const struct openapi **out);

struct openapi_place openapi_root(const struct openapi *custom, str api_version, str kind);
struct openapi_place openapi_field(struct openapi_place place, str name);
struct openapi_place openapi_items(struct openapi_place place);

/* The list at this place merges element by element. *keys_out are the fields that identify an
 * element, none when elements are plain values; they live in the arena. */
bool openapi_merges(arena *a, struct openapi_place place, const str **keys_out,
                    size_t *key_count_out);

/* The schema's own paths say that this kind has no namespace; the built-in one: tables.h. */
bool openapi_cluster_scoped(const struct openapi *custom, str api_version, str kind);
