#pragma once
/*
 * A kustomization with everything below it, gathered and transformed: first
 * its resources and the folders they name, then generators, components,
 * transformers, validators and vars. One build, one thread.
 */
#include "render/field_config.h"
#include "render/layer.h"
#include "render/vars.h"

struct accumulation {
    struct resmap *map;
    struct field_config fields;
    struct vars vars;
};

MUST_USE err *accumulate(const struct layer *layer, struct accumulation *out);
