#pragma once
/*
 * When a CronJob is due: the five fields of cron, or a name such as "@hourly".
 * Times are UTC. Pure; any thread.
 */
#include "base/err.h"

struct schedule {
    uint64_t minutes, hours, days, months, weekdays; /* a bit for each that counts */
    bool any_day, any_weekday;                       /* written as "*" */
    int64_t every_ns;                                /* instead: "@every 1h30m" */
};

/* INVALID, in the words of upstream's parser. */
MUST_USE err *schedule_parse(str text, struct schedule *out);
/* The first moment after a wall time; 0 when there is none within five years. */
int64_t schedule_next(const struct schedule *schedule, int64_t after_ns);
