#pragma once
/*
 * status.history of a Kustomization: the last five outcomes, newest first. The
 * same digest with the same outcome is one entry that counts. Pure.
 */
#include "doc/doc.h"

struct history_entry {
    str digest;        /* "sha256:..." of what was built */
    str status;        /* the Ready reason */
    int64_t now_wall_ns, duration_ns;
    str revision, origin_revision; /* empty: none */
};

/* The list with the entry taken in; `history` (may be NULL) is not changed. */
node *history_add(arena *a, const node *history, const struct history_entry *entry);
