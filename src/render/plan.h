#pragma once
/*
 * The generators and transformers that the fields of a kustomization ask for,
 * configured and in the order in which they run. One build, one thread.
 */
#include "render/builtin.h"
#include "render/field_config.h"
#include "render/layer.h"

struct plan {
    struct plugin *items;
    size_t count, room;
};

MUST_USE err *plan_generators(const struct layer *layer, struct plan *out);
MUST_USE err *plan_transformers(const struct layer *layer, const struct field_config *fields,
                                struct plan *out);
