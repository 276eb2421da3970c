#pragma once
/*
 * Numbers about the process, in the Prometheus text format. A metric is a row
 * with static storage:
 *
 *     METRIC(reconciles) = {.name = "x_total", .help = "...", .type = METRIC_COUNTER,
 *                           .labels = {"controller", "result"}};
 *     metrics_add(&metric_reconciles, (str[]){controller, result}, 1);
 *
 * Values of labels are given in the order of the row. A metric has at most
 * LIMIT_METRIC_SERIES series; what comes beyond is counted in one whose labels
 * are "overflow". Any thread.
 */
#include "base/buf.h"
#include "base/roster.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum { METRIC_LABELS_MAX = 4 };

struct metric {
    const char *name, *help;
    enum metric_type type;
    const char *labels[METRIC_LABELS_MAX + 1]; /* ends with NULL */
    const double *buckets;                     /* upper bounds, rising; of a histogram */
    size_t bucket_count;
};

ROSTER(metric, struct metric);
#define METRIC(ident) ROSTER_ROW(metric, struct metric, metric_##ident)

/* Of a counter or a gauge; of a gauge; of a histogram. */
void metrics_add(const struct metric *metric, const str *values, double amount);
void metrics_set(const struct metric *metric, const str *values, double value);
void metrics_observe(const struct metric *metric, const str *values, double value);
/* The thing is gone: its series too. */
void metrics_forget(const struct metric *metric, const str *values);

/* Every row of the roster, and what the system knows of the process. */
void metrics_write(buf *b);
