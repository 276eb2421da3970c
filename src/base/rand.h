#pragma once
/*
 * The only way chance enters the program, so that a test can replay it from a
 * seed. Any thread.
 */
#include "base/str.h"

uint64_t rand_u64(void);
uint64_t rand_below(uint64_t bound); /* bound > 0 */
double rand_unit(void);              /* [0, 1) */
void rand_bytes(void *out, size_t len);
/* span * (1 +/- percent/100), uniform. */
int64_t rand_jitter(int64_t span, int percent);
/* A random (version 4) UUID. */
str rand_uuid(struct arena *a);

/* From here on, numbers follow from the seed; 0 goes back to the system's. */
void rand_seed(uint64_t seed);
