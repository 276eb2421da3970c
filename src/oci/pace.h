#pragma once
/*
 * How fast we may ask a server: so many requests at a time and a second, less
 * after it said that we ask too much, and more again as it answers. One server
 * that is slow holds up nobody who wants another. Any thread; pace_take blocks.
 */
#include "base/str.h"

struct pace;

struct pace *pace_new(void);
void pace_free(struct pace *pace);

/* Waits for a turn at the server until due_ns (clock_now_ns); false when there is none by then. */
bool pace_take(struct pace *pace, str host, int64_t due_ns);
/* The request of pace_take is over. status: of the answer, 0 when there was none; retry_ns: how
 * long the server wants us to wait, or 0. */
void pace_give(struct pace *pace, str host, int status, int64_t retry_ns);
/* When there may be a turn again, as clock_now_ns; 0 when there is one now. */
int64_t pace_blocked_until_ns(struct pace *pace, str host);
