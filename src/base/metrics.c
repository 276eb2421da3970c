#include "base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/map.h"

struct series {
    double sum;       /* the value of a counter or gauge */
    uint64_t count;   /* observations of a histogram */
    uint64_t buckets[]; /* not cumulated */
};

/* All series of one metric. */
struct family {
    struct map series; /* label text to struct series * */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards families and their series */
static struct map families;                              /* name to struct family * */

/* kind="x",name="y" with the escapes of the format. */
static void write_labels(buf *b, const struct metric *metric, const str *values)
{
    for (size_t i = 0; metric->labels[i]; i++) {
        buf_printf(b, "%s%s=\"", i ? "," : "", metric->labels[i]);
        str value = values ? values[i] : STR("overflow");
        for (size_t k = 0; k < value.len; k++) {
            char c = value.data[k];
            if (c == '\n') {
                BUF_ADD(b, "\\n");
                continue;
            }
            if (c == '"' || c == '\\') buf_add_char(b, '\\');
            buf_add_char(b, c);
        }
        buf_add_char(b, '"');
    }
}

/* Under the lock. */
static struct series *series_of(const struct metric *metric, const str *values)
{
    arena a AUTO(arena_done) = {0};
    buf labels = BUF(&a);
    struct family **family = (struct family **)map_at(&families, str_of(metric->name));
    if (!*family) *family = lang_zalloc(sizeof **family);
    write_labels(&labels, metric, values);
    struct series *known = map_get(&(*family)->series, buf_str(&labels));
    if (known) return known;
    if ((*family)->series.count >= LIMIT_METRIC_SERIES) {
        buf_clear(&labels);
        write_labels(&labels, metric, NULL);
    }
    struct series **at = (struct series **)map_at(&(*family)->series, buf_str(&labels));
    if (!*at) *at = lang_zalloc(sizeof **at + metric->bucket_count * sizeof(uint64_t));
    return *at;
}

void metrics_add(const struct metric *metric, const str *values, double amount)
{
    pthread_mutex_lock(&lock);
    series_of(metric, values)->sum += amount;
    pthread_mutex_unlock(&lock);
}

void metrics_set(const struct metric *metric, const str *values, double value)
{
    pthread_mutex_lock(&lock);
    series_of(metric, values)->sum = value;
    pthread_mutex_unlock(&lock);
}

void metrics_observe(const struct metric *metric, const str *values, double value)
{
    pthread_mutex_lock(&lock);
    struct series *series = series_of(metric, values);
    series->sum += value;
    series->count++;
    for (size_t i = 0; i < metric->bucket_count; i++) {
        if (value > metric->buckets[i]) continue;
        series->buckets[i]++;
        break;
    }
    pthread_mutex_unlock(&lock);
}

void metrics_forget(const struct metric *metric, const str *values)
{
    arena a AUTO(arena_done) = {0};
    buf labels = BUF(&a);
    write_labels(&labels, metric, values);
    pthread_mutex_lock(&lock);
    struct family *family = map_get(&families, str_of(metric->name));
    if (family) free(map_remove(&family->series, buf_str(&labels)));
    pthread_mutex_unlock(&lock);
}

/* ---- the text format ---- */

static void write_value(buf *b, double value)
{
    if (value == floor(value) && fabs(value) < 1e15) {
        buf_printf(b, " %lld\n", (long long)value);
    } else {
        buf_printf(b, " %.17g\n", value);
    }
}

static void write_histogram(buf *b, const struct metric *metric, str labels,
                            const struct series *series)
{
    uint64_t below = 0;
    const char *comma = labels.len ? "," : "";
    for (size_t i = 0; i < metric->bucket_count; i++) {
        below += series->buckets[i];
        buf_printf(b, "%s_bucket{" STR_FMT "%sle=\"%g\"} %llu\n", metric->name, STR_ARG(labels),
                   comma, metric->buckets[i], (unsigned long long)below);
    }
    buf_printf(b, "%s_bucket{" STR_FMT "%sle=\"+Inf\"} %llu\n", metric->name, STR_ARG(labels),
               comma, (unsigned long long)series->count);
    buf_printf(b, "%s_sum{" STR_FMT "}", metric->name, STR_ARG(labels));
    write_value(b, series->sum);
    buf_printf(b, "%s_count{" STR_FMT "} %llu\n", metric->name, STR_ARG(labels),
               (unsigned long long)series->count);
}

static void write_family(buf *b, const struct metric *metric)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct family *family = map_get(&families, str_of(metric->name));
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
               types[metric->type]);
    if (!family) return;
    MAP_EACH(&family->series, entry) {
        const struct series *series = entry->value;
        if (metric->type == METRIC_HISTOGRAM) {
            write_histogram(b, metric, entry->key, series);
            continue;
        }
        buf_printf(b, "%s{" STR_FMT "}", metric->name, STR_ARG(entry->key));
        write_value(b, series->sum);
    }
}

static void write_one(buf *b, const char *name, const char *type, const char *help, double value)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s", name, help, name, type, name);
    write_value(b, value);
}

static double resident_bytes(void)
{
    arena a AUTO(arena_done) = {0};
    str text, all, resident;
    uint64_t pages = 0;
    err *e AUTO(err_done) = fs_read(&a, STR("/proc/self/statm"), 4096, &text);
    if (e || !str_cut(text, ' ', &all, &text) || !str_cut(text, ' ', &resident, &text)) return 0;
    return str_to_uint(resident, &pages) ? (double)pages * (double)sysconf(_SC_PAGESIZE) : 0;
}

static double open_files(void)
{
    arena a AUTO(arena_done) = {0};
    str *names;
    size_t count;
    err *e AUTO(err_done) = fs_list(&a, STR("/proc/self/fd"), &names, &count);
    return e ? 0 : (double)count;
}

/* Since 1970: when the system started, and how long after that we did. The same at each call. */
static double started_at(void)
{
    arena a AUTO(arena_done) = {0};
    str boot, own, line, field;
    uint64_t boot_s = 0, ticks = 0;
    err *e AUTO(err_done) = fs_read(&a, STR("/proc/stat"), 4 * 1024 * 1024, &boot);
    err *own_e AUTO(err_done) = fs_read(&a, STR("/proc/self/stat"), 4096, &own);
    if (e || own_e) return 0;
    while (str_next_line(&boot, &line)) {
        if (str_strip_prefix(&line, STR("btime "))) str_to_uint(line, &boot_s);
    }
    str_cut_last(own, ')', &line, &own); /* the program's name may hold anything */
    for (int i = 2; i < 22 && str_next(&own, ' ', &field); i++) continue;
    if (!str_next(&own, ' ', &field) || !str_to_uint(field, &ticks)) return 0;
    return (double)boot_s + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void write_process(buf *b)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    write_one(b, "process_cpu_seconds_total", "counter", "CPU time of the process.", seconds);
    write_one(b, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    write_one(b, "process_open_fds", "gauge", "Open file descriptors.", open_files());
    write_one(b, "process_start_time_seconds", "gauge", "When the process started.", started_at());
}

static int by_name(const void *a, const void *b)
{
    const struct metric *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

void metrics_write(buf *b)
{
    arena a AUTO(arena_done) = {0};
    const struct metric **rows = NULL;
    size_t count = 0, room = 0;
    ROSTER_EACH(metric, struct metric, it) *ARENA_PUSH(&a, rows, count, room) = *it;
    if (count) qsort(rows, count, sizeof *rows, by_name);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++) write_family(b, rows[i]);
    pthread_mutex_unlock(&lock);
    write_process(b);
}
