#pragma once
/*
 * The schema that strategic merge goes by: the built-in one of Kubernetes
 * v1.21.2, or the custom one of `openapi.path`, which replaces it. A place is
 * a cursor: what the schema says about the value at one point of an object.
 * Where the schema says nothing the place is zeroed, and so are the places
 * below. Pure; any thread.
 */
#include "doc/doc.h"
#include "render/tables.h"

struct openapi; /* a custom schema; NULL everywhere means the built-in one */

struct openapi_place {
    const struct openapi *custom;
    const node *schema;              /* custom: of this value, references followed */
    uint16_t type;                   /* built-in: of this value */
    const struct merge_field *field; /* built-in: the list that merges which this value is */
};

/* Swagger as JSON or YAML, with `definitions`. The schema lives in the arena. */
MUST_USE err *openapi_read(arena *a, str text, const struct openapi **out);

struct openapi_place openapi_root(const struct openapi *custom, str api_version, str kind);
/* A place with a schema of its own, that refers to no other. */
struct openapi_place openapi_inline(const node *schema);
struct openapi_place openapi_field(struct openapi_place place, str name);
struct openapi_place openapi_items(struct openapi_place place);
bool openapi_is_known(struct openapi_place place);

/* The list at this place merges item by item. */
bool openapi_merges(struct openapi_place place);
/* The fields that identify an item of such a list; none when items are plain values. */
size_t openapi_keys(arena *a, struct openapi_place place, const str **keys_out);

/* The paths of a custom schema say that objects of this kind have no namespace. */
bool openapi_cluster_scoped(const struct openapi *custom, str api_version, str kind);
