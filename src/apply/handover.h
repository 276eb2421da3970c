#pragma once
/*
 * managedFields: whose claims we take over when we apply, so that fields which
 * `kubectl apply` or an older tool once set do not outlive their removal from
 * Git; and which fields whom belong to, for telling who changed something. Pure.
 */
#include "doc/doc.h"

/*
 * The JSON patch of metadata that hands over to field_manager what Flux hands over (entries without
 * subresource of kubectl*, before-first-apply, our own name as Update), and drops the annotations
 * and labels of tools before it. NULL when there is nothing to take over. It carries a test of
 * resourceVersion.
 * compat: spec/flux-kustomization.md 9.3 step 5.
 */
node *handover_patch(arena *a, const node *object, const char *field_manager);

/* The union of two sets in the fieldsV1 form. */
node *handover_union(arena *a, const node *first, const node *second);

/* Does a fieldsV1 set claim the field at this diff path ("spec.replicas",
 * "spec.template.spec.containers[name=app].image"), or something at or below it? */
bool handover_claims(const node *fields, str path);
