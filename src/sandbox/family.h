#pragma once
/*
 * Who owns whom: the objects of a store by uid, the dependents of each owner,
 * and how many objects a namespace holds; so that controllers look at what a
 * change is about and never at everything. The store keeps it. One thread.
 */
#include "base/map.h"
#include "doc/doc.h"

struct collection;
struct family;

struct family_member {
    struct collection *collection;
    str key; /* in the collection */
};

struct family *family_new(void);
void family_free(struct family *family);

/* Makes the object with this metadata a dependent of its controller, and of nobody else. */
void family_set_controller(arena *a, node *metadata, str api_version, str kind, str name, str uid);

/* The object is there, or is another now; `before` may be NULL. */
void family_put(struct family *family, struct collection *collection, str key, const node *before,
                const node *after);
void family_remove(struct family *family, str key, const node *before);

/* NULL when no object has the uid. */
const struct family_member *family_find(const struct family *family, str uid);
/* The uids of objects that name it as an owner, as keys, in the order of creation; NULL when there
 * are none. */
const struct map *family_dependents(const struct family *family, str uid);
size_t family_count_in(const struct family *family, str namespace);
