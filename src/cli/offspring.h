#pragma once
/*
 * What an object has created, and what those have created in turn: a tree of
 * references, printed with lines or as a document. Pure.
 */
#include "apply/inventory.h"
#include "base/buf.h"

struct offspring {
    struct kube_ref ref;
    struct offspring *items;
    size_t count;
};

/* Kustomization/flux-system/apps
 * ├── Deployment/default/web
 * └── Service/default/web */
void offspring_write(buf *b, const struct offspring *root);
/* {resource: {Namespace, Name, GroupKind: {Group, Kind}}, resources: [...]} */
node *offspring_node(arena *a, const struct offspring *root);
