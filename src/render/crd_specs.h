#pragma once
/*
 * `crds` of a kustomization: OpenAPI types of custom resources, annotated with
 * which of their fields hold names, labels or annotations. Pure; any thread.
 */
#include "doc/doc.h"
#include "render/tables.h"

struct crd_specs {
    struct field_specs name_prefix, labels, annotations;
    const struct name_reference *references;
    size_t reference_count;
};

/* One file, JSON or YAML: a map from type name to {Schema: {properties}}. */
MUST_USE err *crd_specs_read(arena *a, str text, struct crd_specs *out);
