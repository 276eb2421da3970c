#pragma once
/*
 * What an API server offers: a compact table of kinds. Read in two requests
 * where the server gathers it (aggregated discovery), else in one per group and
 * version. A table is immutable and counted: readers on any thread keep theirs
 * while a newer one takes its place.
 */
#include "kube/kube.h"

struct discovery;

struct discovery_row {
    str group, version, kind, plural;
    uint16_t rank; /* of the version within its group; the preferred one is 0 */
    bool namespaced, can_list, can_watch;
};

/* How to GET a path with an Accept header (may be empty); the body goes into the arena. */
typedef err *discovery_get_fn(void *context, arena *a, str path, str accept, str *body_out);

/* [worker] The new table has one reference. A group whose server is down is kept as "stale". */
MUST_USE err *discovery_load(discovery_get_fn *get, void *context, struct discovery **out);
struct discovery *discovery_ref(struct discovery *discovery);
void discovery_unref(struct discovery *discovery);
void discovery_unref_done(struct discovery **discovery); /* for AUTO */

/* The row of a kind, or NULL. Without a version, that of the version the server prefers. */
const struct discovery_row *discovery_find(const struct discovery *discovery,
                                           struct kube_kind kind);
/* What the server lists for this group and version (empty: any) may be incomplete. */
bool discovery_is_stale(const struct discovery *discovery, str group, str version);
/* All rows, by group, kind, rank. */
const struct discovery_row *discovery_rows(const struct discovery *discovery, size_t *count_out);
