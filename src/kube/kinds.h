#pragma once
/*
 * The kinds of one server as far as we know them now: the current discovery
 * table, and when to load another. Any number of threads ask; one at a time
 * loads while the others wait for what it brings. Blocks: for workers.
 */
#include "kube/discovery.h"

struct kinds;

struct kinds *kinds_new(discovery_get_fn *get, void *context);
void kinds_free(struct kinds *kinds);

/*
 * The row of the kind, and a reference to the table it is in. Errors:
 * NOT_FOUND "NoMatch" when the server has no such kind, TRANSIENT when its
 * group cannot be listed now, or what loading failed with. A kind that is
 * missing makes it load the table again, at most once per second.
 */
MUST_USE err *kinds_find(struct kinds *kinds, struct kube_kind kind, struct discovery **table_out,
                         const struct discovery_row **row_out);
/* [any] The table may be out of date: the next question loads another (at most one per second,
 * unless the kind is missing). */
void kinds_forget(struct kinds *kinds);
