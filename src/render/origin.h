#pragma once
/*
 * Annotations that say where an object comes from and what has changed it, for
 * `buildMetadata`. One build, one thread.
 */
#include "render/resource.h"

#define ORIGIN_ANNOTATION      "config.kubernetes.io/origin"
#define ORIGIN_TRANSFORMATIONS "alpha.config.kubernetes.io/transformations"

/* {path: ...} of a file. */
node *origin_of_file(arena *a, str path);
/* {configuredIn: ..., configuredBy: {...}}; name and namespace may be empty. */
node *origin_of_plugin(arena *a, str configured_in, str api_version, str kind, str name,
                       str namespace);

/* The origin of the resource, unless it says one already. */
void origin_set(arena *a, struct resource *resource, const node *origin);
/* The plugin has run over the resource: it is a transformation, or the origin if there is none. */
void origin_add_transformation(arena *a, struct resource *resource, const node *origin);
