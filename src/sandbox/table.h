#pragma once
/*
 * Objects as rows, the way kubectl asks for them (meta.k8s.io/v1 Table), and
 * with metadata only (PartialObjectMetadata). Pure; any thread.
 */
#include "sandbox/served.h"

/* Columns once, a row per object. `include`: "Object", "None" or "" for the metadata. */
node *table_of(arena *a, const struct served *served, const node *const *objects, size_t count,
               str version, str include);
node *table_partial(arena *a, const node *object);
