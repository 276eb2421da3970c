#pragma once
/*
 * From rendered objects to what is sent: owner labels, common metadata, the
 * normalisation that Flux does before it applies. Pure; any thread.
 */
#include "doc/doc.h"
#include "kube/kube.h"

#define PREPARE_OWNER_NAME      "kustomize.toolkit.fluxcd.io/name"
#define PREPARE_OWNER_NAMESPACE "kustomize.toolkit.fluxcd.io/namespace"

struct prepare_options {
    str owner_name, owner_namespace; /* the unit; empty: no labels */
    const node *common_labels, *common_annotations;
};

/* Changes the object in place (it must be the caller's own copy). Errors name the object and field.
 */
MUST_USE err *prepare_object(arena *a, node *object, const struct prepare_options *options);

/* "ns/name" of the unit that the labels name, in the arena; empty when they do not name one. */
str prepare_owner(arena *a, const node *object);

/* Per-object switches, in labels or annotations, compared without case (`ssa`, `reconcile`,
 * `prune`, `force` of kustomize.toolkit.fluxcd.io). */
enum prepare_policy {
    PREPARE_APPLY,
    PREPARE_IGNORE,         /* ssa: Ignore, or reconcile: disabled */
    PREPARE_IF_NOT_PRESENT, /* ssa: IfNotPresent */
    PREPARE_MERGE,          /* ssa: Merge: applied, foreign managers' fields stay theirs */
};
enum prepare_policy prepare_policy_of(const node *object);
bool prepare_is_forced(const node *object); /* force: enabled */
bool prepare_is_prune_disabled(
    const node *object); /* prune: disabled, reconcile: disabled, ssa: Ignore */

/* Secret values as "***", for diffs, builds on a terminal and messages. In place. */
void prepare_mask_secret(arena *a, node *object);
