#pragma once
/*
 * Turns at things that have a name: so many at a time for each. Who has no turn
 * waits a little and then gives up, so that a thing that hangs does not hold
 * everybody who wants it. Any thread.
 */
#include "base/str.h"

struct turns;

struct turns *turn_new(int most); /* that have a turn at one name at a time */
void turn_free(struct turns *turns);

/* Waits at most LIMIT_GIT_WAIT_NS; false when there was no turn to be had. */
bool turn_take(struct turns *turns, str name);
/* The same without waiting. */
bool turn_try(struct turns *turns, str name);
void turn_give(struct turns *turns, str name);
