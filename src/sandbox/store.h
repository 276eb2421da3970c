#pragma once
/*
 * All objects of the sandbox in memory, by kind, with one version that counts
 * every change and a window of past changes that a watch may resume from.
 * Objects are documents that nobody changes: a change brings a new one. The
 * table belongs to one thread.
 */
#include "base/list.h"
#include "base/map.h"
#include "doc/doc.h"
#include "sandbox/family.h"

struct store;

struct collection {
    str id;             /* "apps/deployments", "/pods" */
    struct map objects; /* "namespace/name" -> doc */
};

enum store_change_kind { STORE_ADDED, STORE_MODIFIED, STORE_DELETED };

struct store_change {
    int64_t version;
    enum store_change_kind kind;
    const struct collection *collection;
    doc *before, *after; /* after a deletion: its last state */
};

struct store *store_new(void);
void store_free(struct store *store);

int64_t store_version(const struct store *store);
/* Never NULL, and for good. */
struct collection *store_collection(struct store *store, str id);
const struct map *store_collections(const struct store *store); /* id -> collection */

const struct family *store_family(const struct store *store);

/* NULL when there is none; as long as it is not changed. */
doc *store_get(const struct collection *collection, str namespace, str name);
/* The object as it is now (copied), with its new resourceVersion. INVALID when there are too many.
 */
MUST_USE err *store_put(struct store *store, struct collection *collection, const node *object,
                        doc **out);
/* Its last state, with the version of the deletion; a reference for the caller. */
doc *store_remove(struct store *store, struct collection *collection, str namespace, str name);

/* Keys in order. */
str *store_keys(arena *a, const struct collection *collection, size_t *count_out);

/* Told of every change, right after it. */
struct store_listener {
    struct list_link link;
    void (*fn)(void *context, const struct store_change *change);
    void *context;
};
void store_listen(struct store *store, struct store_listener *listener);
/* The changes after the version, oldest first; false when they are not all there any more. */
bool store_replay(const struct store *store, int64_t version,
                  void (*fn)(void *context, const struct store_change *change), void *context);

/* Everything as one document, and back into an empty store. */
node *store_dump(arena *a, const struct store *store);
MUST_USE err *store_restore(struct store *store, const node *dump);
