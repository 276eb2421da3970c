#pragma once
/*
 * `kustomize build`, in process: a folder with a kustomization file becomes a
 * list of objects, byte for byte as the reference prints them. Pure: it reads
 * the tree it is given and nothing else; no network, no clock, no program is
 * started. Remote bases, helm charts and external plugins are refused with an
 * error that says so. No global state: any number of threads may build.
 *
 * Everything that is returned lives in the arena.
 */
#include "base/buf.h"
#include "base/tree.h"
#include "doc/doc.h"
#include "render/overlay.h"

struct kustomize_options {
    bool legacy_order; /* no sortOptions: sort as the command does; else keep the order found */
    bool root_only;    /* a kustomization may read files of its own folder only, as the command */
    bool managed_by;   /* add the label app.kubernetes.io/managed-by */
    str working_dir;   /* where a relative path begins; empty: the root of the tree */
    const struct overlay
        *overlay; /* laid over the folder to build; NULL: none, it must have a file */
};

struct kustomize_output {
    /* Plain values (doc/plain.h), ready for json_write or yaml_emit. One scalar may be in several
     * places of an object: put another in its place, do not change it. */
    node **objects;
    size_t count;
    str warnings; /* deprecation notices, a line each, for standard error; also after an error */
};

/* The command's defaults: KUSTOMIZE_COMMAND; the controller's: all false and an overlay. */
#define KUSTOMIZE_COMMAND ((struct kustomize_options){.legacy_order = true, .root_only = true})

/*
 * Builds the folder `path` of the tree. Error texts are the reference's; kind INVALID, or DENIED
 * when a path leaves the tree or something forbidden is asked for.
 */
MUST_USE err *kustomize_build(arena *a, struct tree *tree, str path,
                              const struct kustomize_options *options,
                              struct kustomize_output *out);

/* Adds all objects as one stream of YAML documents, as the command prints it. After an error `out`
 * holds a part of it. */
MUST_USE err *kustomize_print(buf *out, const struct kustomize_output *output);
MUST_USE err *kustomize_text(arena *a, const struct kustomize_output *output, str *out);
