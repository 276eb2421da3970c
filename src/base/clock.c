#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    must(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

static int64_t system_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

static void system_sleep(int64_t span_ns)
{
    struct timespec left = {.tv_sec = span_ns / CLOCK_SECOND, .tv_nsec = span_ns % CLOCK_SECOND};
    while (nanosleep(&left, &left) != 0)
        ;
}

static const struct clock_source system_source = {system_now, system_wall, system_sleep};
static _Atomic(const struct clock_source *) source = &system_source;

void clock_replace(const struct clock_source *replacement)
{
    atomic_store(&source, replacement ? replacement : &system_source);
}

int64_t clock_now_ns(void)
{
    return atomic_load_explicit(&source, memory_order_relaxed)->now_ns();
}

int64_t clock_wall_ns(void)
{
    return atomic_load_explicit(&source, memory_order_relaxed)->wall_ns();
}

void clock_sleep(int64_t span_ns)
{
    const struct clock_source *now = atomic_load_explicit(&source, memory_order_relaxed);
    if (span_ns > 0 && now->sleep) now->sleep(span_ns);
}

static void broken_down(int64_t wall_ns, struct tm *tm, int64_t *fraction_ns)
{
    int64_t seconds = wall_ns / CLOCK_SECOND, rest = wall_ns % CLOCK_SECOND;
    if (rest < 0) {
        rest += CLOCK_SECOND;
        seconds--;
    }
    time_t when = (time_t)seconds;
    must(gmtime_r(&when, tm));
    *fraction_ns = rest;
}

str clock_format(arena *a, int64_t wall_ns)
{
    struct tm tm;
    int64_t fraction_ns;
    broken_down(wall_ns, &tm, &fraction_ns);
    return str_printf(a, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                      tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

str clock_format_micro(arena *a, int64_t wall_ns)
{
    struct tm tm;
    int64_t fraction_ns;
    broken_down(wall_ns, &tm, &fraction_ns);
    return str_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                      tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(fraction_ns / 1000));
}

static bool take_digits(str *s, int count, int *out)
{
    *out = 0;
    if (s->len < (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') return false;
        *out = *out * 10 + (s->data[i] - '0');
    }
    *s = str_skip(*s, (size_t)count);
    return true;
}

static bool take_char(str *s, char c)
{
    if (!s->len || s->data[0] != c) return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool take_offset(str *s, int64_t *offset_s)
{
    *offset_s = 0;
    if (take_char(s, 'Z') || take_char(s, 'z')) return true;
    bool west = s->len && s->data[0] == '-';
    int hours, minutes;
    if (!take_char(s, '-') && !take_char(s, '+')) return false;
    if (!take_digits(s, 2, &hours) || !take_char(s, ':') || !take_digits(s, 2, &minutes))
        return false;
    *offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool clock_parse(str text, int64_t *wall_ns)
{
    struct tm tm = {0};
    int year, month;
    if (!take_digits(&text, 4, &year) || !take_char(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &tm.tm_mday)) {
        return false;
    }
    if (!take_char(&text, 'T') && !take_char(&text, 't')) return false;
    if (!take_digits(&text, 2, &tm.tm_hour) || !take_char(&text, ':') ||
        !take_digits(&text, 2, &tm.tm_min) || !take_char(&text, ':') ||
        !take_digits(&text, 2, &tm.tm_sec)) {
        return false;
    }
    if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60) {
        return false;
    }
    int64_t fraction_ns = 0, offset_s;
    if (take_char(&text, '.')) {
        int64_t unit = CLOCK_SECOND / 10;
        for (int digit; take_digits(&text, 1, &digit); unit /= 10)
            fraction_ns += digit * unit;
    }
    if (!take_offset(&text, &offset_s) || text.len) return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    int64_t seconds = (int64_t)timegm(&tm) - offset_s;
    if (__builtin_mul_overflow(seconds, CLOCK_SECOND, &seconds) ||
        __builtin_add_overflow(seconds, fraction_ns, &seconds))
        return false;
    *wall_ns = seconds;
    return true;
}

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},        {"us", 1000},        {"\xc2\xb5s", 1000},      {"\xce\xbcs", 1000},
    {"ms", CLOCK_MS}, {"s", CLOCK_SECOND}, {"m", 60 * CLOCK_SECOND}, {"h", 3600 * CLOCK_SECOND}};

static bool take_unit(str *s, int64_t *ns)
{
    size_t len = 0;
    while (len < s->len && s->data[len] != '.' && (s->data[len] < '0' || s->data[len] > '9'))
        len++;
    for (size_t i = 0; i < COUNT(units); i++) {
        if (!str_is(str_head(*s, len), units[i].name)) continue;
        *ns = units[i].ns;
        *s = str_skip(*s, len);
        return true;
    }
    return false;
}

/* One "12.5m" of a duration. Arithmetic in 128 bits: the text bounds the digits to what fits. */
static bool take_part(str *s, __int128 *total)
{
    __int128 value = 0, scale = 1;
    bool digits = false, point = false;
    for (; s->len; *s = str_skip(*s, 1)) {
        char c = s->data[0];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        digits = true;
        if (value > INT64_MAX) {
            if (!point) return false;
            continue; /* more decimals than a nanosecond can show */
        }
        if (point && scale >= (__int128)CLOCK_SECOND * CLOCK_SECOND) continue;
        value = value * 10 + (c - '0');
        if (point) scale *= 10;
    }
    int64_t unit_ns;
    if (!digits || !take_unit(s, &unit_ns)) return false;
    *total += value * unit_ns / scale;
    return *total <= INT64_MAX;
}

bool clock_parse_duration(str text, int64_t *ns)
{
    bool negative = take_char(&text, '-');
    if (!negative) take_char(&text, '+');
    if (str_is(text, "0")) {
        *ns = 0;
        return true;
    }
    __int128 total = 0;
    if (!text.len) return false;
    while (text.len) {
        if (!take_part(&text, &total)) return false;
    }
    *ns = negative ? -(int64_t)total : (int64_t)total;
    return true;
}

/* A number of units with its decimals, trailing zeros dropped. */
static void add_decimal(buf *b, uint64_t value, uint64_t unit, const char *name)
{
    buf_printf(b, "%llu", (unsigned long long)(value / unit));
    uint64_t rest = value % unit;
    if (rest) {
        buf_add_char(b, '.');
        for (unit /= 10; rest; unit /= 10) {
            buf_add_char(b, (char)('0' + rest / unit));
            rest %= unit;
        }
    }
    buf_add(b, str_of(name));
}

str clock_format_duration(arena *a, int64_t ns)
{
    if (ns == 0) return STR("0s");
    buf b = BUF(a);
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0) buf_add_char(&b, '-');
    if (left < 1000) {
        add_decimal(&b, left, 1, "ns");
    } else if (left < (uint64_t)CLOCK_MS) {
        add_decimal(&b, left, 1000, "\xc2\xb5s");
    } else if (left < (uint64_t)CLOCK_SECOND) {
        add_decimal(&b, left, CLOCK_MS, "ms");
    } else {
        uint64_t minutes = left / (60 * CLOCK_SECOND);
        if (minutes >= 60) buf_printf(&b, "%lluh", (unsigned long long)(minutes / 60));
        if (minutes) buf_printf(&b, "%llum", (unsigned long long)(minutes % 60));
        add_decimal(&b, left % (60 * CLOCK_SECOND), CLOCK_SECOND, "s");
    }
    return buf_str(&b);
}
