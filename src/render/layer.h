#pragma once
/*
 * One kustomization with its folder: a layer of a build. One build, one
 * thread.
 */
#include "render/build.h"
#include "render/kustfile.h"

struct layer {
    struct build *build;
    const struct loader *loader;
    struct kustfile kustomization;
    str folder; /* relative to the folder that is built, for annotations; empty there */
    /* Objects of entries of `resources` that have been read before; NULL: none, and for a folder.
     */
    const struct manifest_objects **objects;
};

/* Reads the kustomization file of the folder, and its `openapi`. */
MUST_USE err *layer_open(struct build *build, const struct loader *loader, str folder,
                         struct layer *out);
/* The same with a kustomization that is in memory. */
MUST_USE err *layer_use(struct build *build, const struct loader *loader,
                        const struct overlaid *overlaid, struct layer *out);

const node *layer_field(const struct layer *layer, const char *name); /* NULL: not there */
str layer_text(const struct layer *layer, const char *name);
/* A path of the layer relative to the folder that is built. */
str layer_path(const struct layer *layer, str path);
bool layer_has_metadata(const struct layer *layer, const char *option); /* in buildMetadata */
/* The schema that the kustomization asks for, unless one below it in the build came first. */
MUST_USE err *layer_set_schema(const struct layer *layer);
