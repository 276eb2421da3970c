#pragma once
/*
 * Many threads, one at a time. The scenario program is linked with --wrap, so
 * that every thread, lock, condition, wait for a descriptor and look at a clock
 * of the product comes here. One thread holds the baton and runs; where it
 * waits or might be overtaken, the seed chooses who goes on. When everybody
 * waits, time passes at once to the earliest end of a wait. So a run follows
 * from its seed, and an hour takes as long as the work in it.
 *
 * Threads belong to a group, which is the process they would be in: it is
 * inherited by the threads they start, and can be killed as a whole.
 */
#include "base/lang.h"

enum { BATON_GROUPS = 64 };

/* The caller becomes the first thread, of group 0. Once per process. */
void baton_start(uint64_t seed);
/* Starts a thread in a group; it begins when the baton comes to it. */
void baton_spawn(int group, void (*fn)(void *context), void *context);
int baton_group(void); /* of the caller */
/* Its threads never run again; what they hold is lost, as with a killed process. The caller may be
 * one of them: then it does not return. */
void baton_kill(int group);
/* Waits until no thread of the group is left. */
void baton_wait(int group);

int64_t baton_now_ns(void);
/* The clock on the wall is off by that much from now on. */
void baton_skew(int64_t span_ns);
/* A number that only the seed decides, for what the scenario chooses while it runs. */
uint64_t baton_below(uint64_t bound);
/* Adds what happened to the digest of the run. */
void baton_note(uint64_t value);
uint64_t baton_digest(void);
/* A line for SCENARIO_TRACE, a file; two runs of a seed have the same. */
void baton_trace(const char *format, ...) PRINTF(1, 2);
uint64_t baton_decisions(void);

/* Called before a thread of the group writes a file or to the network; may kill the group. */
extern void (*baton_before_io)(int group);
/* Bytes to standard error by anybody; NULL: they are written. */
extern void (*baton_on_error_output)(int group, const char *data, size_t len);
/* True: a file cannot be written, the disk is full. */
extern bool (*baton_disk_is_full)(int group);
