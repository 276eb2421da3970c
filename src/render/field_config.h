#pragma once
/*
 * Which fields the transformers of one accumulation change: the defaults of
 * tables.h together with `configurations` and `crds`. Lists are shared until
 * something is merged into them. Pure; any thread.
 */
#include "render/fieldspec.h"

struct field_config {
    struct field_specs lists[TABLES_LIST_COUNT];
    const struct name_reference *references;
    size_t reference_count;
};

struct field_config field_config_default(void);
/* A file of `configurations`. */
MUST_USE err *field_config_read(arena *a, str text, struct field_config *out);
/* A file of `crds`. */
MUST_USE err *field_config_read_crds(arena *a, str text, struct field_config *out);
/* Merges `more` into *into. "failed to merge CommonLabels fieldSpec: conflicting fieldspecs". */
MUST_USE err *field_config_merge(arena *a, struct field_config *into,
                                 const struct field_config *more);
