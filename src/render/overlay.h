#pragma once
/*
 * What a Kustomization object of the cluster lays over a folder of the
 * artifact before it is built: spec.targetNamespace, namePrefix, nameSuffix,
 * patches, images and components. A folder without a kustomization file gets
 * one that lists its manifests. All of it happens in memory; the artifact is
 * never written.
 */
#include "render/manifest.h"

struct overlay {
    str namespace, name_prefix, name_suffix; /* empty: as the folder says */
    const node *patches;                     /* list of {patch, target}, or NULL */
    const node *images;                      /* list of {name, newName, newTag, digest}, or NULL */
    const node *components;                  /* list of paths relative to the folder, or NULL */
    bool ignore_missing_components;          /* leave out component folders that do not exist */
    const node *build_metadata;              /* list of texts, or NULL */
};

struct loader;

/* What layer_use takes. */
struct overlaid {
    node *decoded;
    str file_name; /* of the file that it stands for */
    /* Of a file that was made up: the objects of each entry of `resources`, which have been read to
     * check them; NULL for a folder. */
    const struct manifest_objects **objects;
};

/*
 * The kustomization of the loader's folder with the overlay laid over it. Errors: a manifest that
 * is no object ("failed to decode Kubernetes YAML from a.yaml: ..."), a kustomization file that
 * cannot be read.
 */
MUST_USE err *overlay_apply(arena *a, const struct loader *loader, const struct overlay *overlay,
                            struct overlaid *out);
