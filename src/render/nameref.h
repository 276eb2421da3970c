#pragma once
/*
 * References by name: fields of objects that hold the name of another object
 * follow when that one is renamed. One build, one thread.
 */
#include "render/field_config.h"
#include "render/resmap.h"

MUST_USE err *nameref_update(const struct field_config *fields, struct resmap *map);
