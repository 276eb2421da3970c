#pragma once
/*
 * How far the cluster is behind Git, as metrics: for each of our objects since
 * when it is not converged, or since when it is, and how long new revisions took
 * to be applied. Converged is what is Ready at its generation and, where it has
 * a source, at the source's revision. What is suspended is left out. Any thread.
 */
#include "doc/doc.h"

struct lag;

struct lag *lag_new(void);
void lag_free(struct lag *lag);

/* The object as it is now; key is "Kind/ns/name". */
void lag_note(struct lag *lag, str key, const node *object);
void lag_gone(struct lag *lag, str key);
/* How often an object was judged: a measure of the work, for tests. */
uint64_t lag_judged(struct lag *lag);
