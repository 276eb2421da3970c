#pragma once
/*
 * What happens in one scenario: commits, live edits, restarts, crashes, bad
 * weather, in an order and at times that the seed chooses; then quiet, and the
 * judgement.
 */
#include "base/str.h"

struct story_result {
    bool good;
    int64_t simulated_ns, converged_ns; /* the latter since the last fault */
    uint64_t digest, decisions, requests;
    char complaint[512];
};

/* In a process of its own. `tells`: every step goes to standard output. */
struct story_result story_run(uint64_t seed, str folder, str snapshot, bool tells);
