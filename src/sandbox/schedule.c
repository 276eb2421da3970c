#include "sandbox/schedule.h"

#include <time.h>

#include "base/clock.h"

static const struct field {
    const char *name;
    int least, most;
    const char *words; /* of the values from `least` on; may be NULL */
} fields[] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},
    {"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
    {"day of week", 0, 6, "sun mon tue wed thu fri sat"},
};

static const struct {
    const char *name, *text;
} descriptors[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static err *read_value(const struct field *field, str text, int64_t *out)
{
    int64_t at = field->least;
    for (str rest = str_of(field->words), word; str_next(&rest, ' ', &word); at++)
        if (str_eq_fold(word, text)) return *out = at, NULL;
    if (str_to_int(text, out) && *out >= 0) return NULL;
    return err_invalid("failed to parse int from " STR_FMT, STR_ARG(text));
}

/* "*", "5", "1-5", "*" with "/2", "10/5" or "0-30/10" */
static err *read_range(const struct field *field, str text, uint64_t *bits)
{
    str range, step_text, low_text, high_text;
    bool stepped = str_cut(text, '/', &range, &step_text);
    int64_t low = field->least, high = field->most, step = 1;
    bool all = str_is(range, "*") || str_is(range, "?");
    bool spans = str_cut(range, '-', &low_text, &high_text);
    if (!all) {
        TRY(read_value(field, low_text, &low));
        high = stepped && !spans ? field->most : low;
        if (spans) TRY(read_value(field, high_text, &high));
    }
    if (stepped && (!str_to_int(step_text, &step) || step < 0))
        return err_invalid("failed to parse int from " STR_FMT, STR_ARG(step_text));
    if (low < field->least)
        return err_invalid("beginning of range (%lld) below minimum (%d): " STR_FMT, (long long)low,
                           field->least, STR_ARG(text));
    if (high > field->most)
        return err_invalid("end of range (%lld) above maximum (%d): " STR_FMT, (long long)high,
                           field->most, STR_ARG(text));
    if (low > high)
        return err_invalid("beginning of range (%lld) beyond end of range (%lld): " STR_FMT,
                           (long long)low, (long long)high, STR_ARG(text));
    if (!step)
        return err_invalid("step of range should be a positive number: " STR_FMT, STR_ARG(text));
    for (int64_t value = low; value <= high && step <= field->most; value += step)
        *bits |= UINT64_C(1) << value;
    if (step > field->most) *bits |= UINT64_C(1) << low;
    return NULL;
}

static err *read_field(const struct field *field, str text, uint64_t *out)
{
    for (str rest = text, part; str_next(&rest, ',', &part);)
        TRY(read_range(field, part, out));
    return NULL;
}

static err *read_fields(str text, struct schedule *out)
{
    str parts[5];
    size_t count = 0;
    for (str rest = text, part; str_next(&rest, ' ', &part);) {
        if (!part.len) continue;
        if (count < COUNT(parts)) parts[count] = part;
        count++;
    }
    if (count != COUNT(parts))
        return err_invalid("expected exactly 5 fields, found %zu: [" STR_FMT "]", count,
                           STR_ARG(text));
    uint64_t *const bits[] = {&out->minutes, &out->hours, &out->days, &out->months, &out->weekdays};
    for (size_t i = 0; i < COUNT(parts); i++)
        TRY(read_field(&fields[i], parts[i], bits[i]));
    out->any_day = str_starts(parts[2], STR("*")) || str_starts(parts[2], STR("?"));
    out->any_weekday = str_starts(parts[4], STR("*")) || str_starts(parts[4], STR("?"));
    return NULL;
}

err *schedule_parse(str text, struct schedule *out)
{
    enum { SCHEDULE_BYTES_MAX = 512 };
    struct schedule schedule = {0};
    str span = text = str_trim(text);
    if (text.len > SCHEDULE_BYTES_MAX)
        return err_invalid("a schedule has at most %d bytes", SCHEDULE_BYTES_MAX);
    if (str_strip_prefix(&span, STR("@every "))) {
        if (!clock_parse_duration(span, &schedule.every_ns))
            return err_invalid("failed to parse duration " STR_FMT, STR_ARG(text));
        schedule.every_ns -= schedule.every_ns % CLOCK_SECOND;
        if (schedule.every_ns < CLOCK_SECOND) schedule.every_ns = CLOCK_SECOND;
        *out = schedule;
        return NULL;
    }
    for (size_t i = 0; i < COUNT(descriptors); i++)
        if (str_is(text, descriptors[i].name)) text = str_of(descriptors[i].text);
    if (str_starts(text, STR("@")))
        return err_invalid("unrecognized descriptor: " STR_FMT, STR_ARG(text));
    TRY(read_fields(text, &schedule));
    *out = schedule;
    return NULL;
}

static bool has(uint64_t bits, int value)
{
    return bits >> value & 1;
}

/* Like cron: when both are given, either may match. */
static bool day_matches(const struct schedule *schedule, const struct tm *tm)
{
    bool day = has(schedule->days, tm->tm_mday), weekday = has(schedule->weekdays, tm->tm_wday);
    return schedule->any_day || schedule->any_weekday ? day && weekday : day || weekday;
}

int64_t schedule_next(const struct schedule *schedule, int64_t after_ns)
{
    enum { YEARS_MAX = 5 };
    time_t now = (time_t)(after_ns / CLOCK_SECOND);
    int64_t due;
    if (schedule->every_ns) {
        bool ever = !__builtin_add_overflow((int64_t)now * CLOCK_SECOND, schedule->every_ns, &due);
        return ever ? due : 0;
    }
    time_t last = now + (time_t)YEARS_MAX * 366 * 86400;
    struct tm tm;
    for (now += 60 - now % 60; now < last;) {
        gmtime_r(&now, &tm);
        if (!has(schedule->months, tm.tm_mon + 1) || !day_matches(schedule, &tm))
            now += 86400 - now % 86400;
        else if (!has(schedule->hours, tm.tm_hour))
            now += 3600 - now % 3600;
        else if (!has(schedule->minutes, tm.tm_min))
            now += 60;
        else
            return (int64_t)now * CLOCK_SECOND;
    }
    return 0;
}
