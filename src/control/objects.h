#pragma once
/*
 * The objects of our own kinds as last seen, and who refers to whom. Kept up
 * by one watch per kind; read by workers. An object is kept as compact JSON
 * without managedFields, so that thousands cost little; workers parse what they
 * work on.
 *
 * References are texts such as "GitRepository/ns/name": the controller of a
 * kind says what an object refers to, and objects_referrers answers who has to
 * look again when that changes.
 */
#include "base/loop.h"
#include "kube/kube.h"

struct objects;

struct objects *objects_new(void);
void objects_free(struct objects *objects);

/* "Kind/ns/name" */
str objects_key(arena *a, str kind, str namespace, str name);

/* Puts the object unless a newer resourceVersion is there already; false then. refs may be NULL. */
bool objects_put(struct objects *objects, str key, const node *object, const str *refs,
                 size_t ref_count);
void objects_remove(struct objects *objects, str key);

/* A parsed copy in the arena, or NULL. */
node *objects_get(struct objects *objects, arena *a, str key);
bool objects_has(struct objects *objects, str key);
/* Keys that refer to key, in the order they appeared. */
void objects_referrers(struct objects *objects, arena *a, str key, str **keys_out,
                       size_t *count_out);
/* All keys that begin with prefix ("Kustomization/"). */
void objects_list(struct objects *objects, arena *a, str prefix, str **keys_out, size_t *count_out);

/* Marks for a new LIST of a kind; sweep removes what was not put since and names it. */
void objects_mark(struct objects *objects, str prefix);
void objects_sweep(struct objects *objects, arena *a, str prefix, str **gone_out,
                   size_t *count_out);
