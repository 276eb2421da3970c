#pragma once
/*
 * From the files of an artifact to the objects of a Kustomization: build,
 * substitute, prepare. Used by the reconciler and by `fixpoint build` and
 * `diff`. What needs the cluster (the variables) is fetched by the caller.
 */
#include "apply/submit.h"
#include "base/tree.h"
#include "control/kustomization_spec.h"

struct manifests_options {
    struct tree *tree;   /* the root of the artifact */
    str path;            /* spec.path, or the CLI's */
    str name, namespace; /* of the Kustomization */
    const struct kustomization_spec *spec;
    const struct map *variables; /* name to str *; may be empty */
    bool keep_refused;           /* an object that must not be sent keeps its error in piece->error,
                                    so that it is reported beside the server's refusals */
    bool lenient;                /* unset variables are empty instead of an error */
    bool keep_encrypted; /* encrypted Secrets stay as they are: for commands, which mask them */
};

struct manifests {
    struct piece *pieces; /* prepared, with owner labels, in the order of apply */
    size_t count;
    str digest; /* "sha256:..." of the final YAML, for the history */
    str warnings;
};

/* Errors have the reasons ArtifactFailed (the path is missing) or BuildFailed. */
MUST_USE err *manifests_build(arena *a, const struct manifests_options *given,
                              struct manifests *out);

/* The variables of spec.postBuild: what substituteFrom names, in order, then substitute. Missing
 * objects that are not optional are an error. Values are str * in the arena; they may be secret.
 * *digest_out identifies names and values. */
MUST_USE err *manifests_variables(struct kube *kube, arena *a,
                                  const struct kustomization_spec *spec, str namespace,
                                  struct map *out, uint64_t *digest_out);
