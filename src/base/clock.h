#pragma once
/*
 * The only way time enters the program, so that a test can replace it.
 * Any thread.
 */
#include "base/str.h"

#define CLOCK_MS     ((int64_t)1000000)
#define CLOCK_SECOND (1000 * CLOCK_MS)

int64_t clock_now_ns(void);        /* monotonic; for delays and durations */
int64_t clock_wall_ns(void);       /* since 1970 UTC; for people */
void clock_sleep(int64_t span_ns); /* blocks the thread: for workers, never on the loop */

/* "2026-01-02T03:04:05Z" of a wall time; with six decimals for clock_format_micro (Lease, Event).
 */
str clock_format(struct arena *a, int64_t wall_ns);
str clock_format_micro(struct arena *a, int64_t wall_ns);
/* RFC 3339 with any fraction and offset; false if it is not one, or not between 1678 and 2262. */
bool clock_parse(str text, int64_t *wall_ns);

/* Go's duration text, both ways: "1m30s", "500ms". Format is the way Go prints: 90 s is "1m30s",
 * 10 min is "10m0s". False for anything else, for overflow, and for a missing unit. */
bool clock_parse_duration(str text, int64_t *ns);
str clock_format_duration(struct arena *a, int64_t ns);

/* Replaces the sources of time (tests, simulation); NULL brings the system's clock back. */
struct clock_source {
    int64_t (*now_ns)(void);
    int64_t (*wall_ns)(void);
    void (*sleep)(int64_t span_ns); /* NULL: returns at once */
};
void clock_replace(const struct clock_source *source);
