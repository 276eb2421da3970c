#pragma once
/*
 * metadata.managedFields: who set which field, and how. An update takes what it
 * changes; an apply owns what it sets, must not take from others unless forced,
 * and drops what it set before and sets no more. Pure; any thread.
 */
#include "sandbox/typed.h"

struct managed_writer {
    struct typing typing;
    str api_version; /* of the object as it was sent */
    str manager, subresource;
    str time;           /* empty: the entry gets none */
    bool exists;        /* not a creation */
    bool resets_status; /* the status is a part of its own, which this write is not about */
};

/* What `after` differs from `live` (an empty object at a creation) in becomes the manager's;
 * `after` gets the new managedFields. */
MUST_USE err *managed_update(arena *a, const struct managed_writer *writer, const node *live,
                             node *after);

struct managed_apply {
    bool force;
    node *causes; /* a list that gets a cause per conflict */
};
/* CONFLICT, with causes, when others own what is set to another value. *out shares nodes with live
 * and applied, and has its managedFields. */
MUST_USE err *managed_apply(arena *a, const struct managed_writer *writer,
                            struct managed_apply options, node *live, node *applied, node **out);
