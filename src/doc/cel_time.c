/* CEL: timestamps and durations. Time is UTC unless a fixed offset is named. */
#include "base/buf.h"
#include "base/clock.h"
#include "doc/cel_call.h"
#include "doc/number.h"

/* The years 1 to 9999. */
#define SECONDS_MIN (-62135596800LL)
#define SECONDS_MAX 253402300799LL
#define BILLION     1000000000LL

static err *give_time(struct cel_value *out, int64_t seconds, int64_t nanos)
{
    if (seconds < SECONDS_MIN || seconds > SECONDS_MAX) return err_invalid("timestamp overflow");
    *out = (struct cel_value){.type = CEL_TIMESTAMP, .time = {seconds, (int32_t)nanos}};
    return NULL;
}

static err *give_span(struct cel_value *out, __int128 span_ns)
{
    if (span_ns < INT64_MIN || span_ns > INT64_MAX) return err_invalid("duration overflow");
    *out = (struct cel_value){.type = CEL_DURATION, .span_ns = (int64_t)span_ns};
    return NULL;
}

static err *give_int(struct cel_value *out, int64_t value)
{
    *out = cel_value_int(value);
    return NULL;
}

/* ---- the calendar ---- */

struct moment {
    int64_t year;
    int month, day, weekday, yearday; /* month and day from 1; weekday from Sunday, 0 */
    int hour, minute, second;
};

/* Days since 1970-01-01; years begin in March, so that the leap day is the last one. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct moment moment_of(int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    struct moment moment = {.hour = (int)(rest / 3600),
                            .minute = (int)(rest / 60 % 60),
                            .second = (int)(rest % 60),
                            .weekday = (int)(((days + 4) % 7 + 7) % 7)};
    int64_t shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t month = (5 * of_year + 2) / 153;
    moment.day = (int)(of_year - (153 * month + 2) / 5 + 1);
    moment.month = (int)(month < 10 ? month + 3 : month - 9);
    moment.year = years + era * 400 + (moment.month <= 2);
    moment.yearday = (int)(days - days_of(moment.year, 1, 1));
    return moment;
}

/* ---- texts ---- */

static bool take_number(str *text, size_t digits, int least, int most, int *out)
{
    int value = 0;
    if (text->len < digits) return false;
    for (size_t i = 0; i < digits; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') return false;
        value = value * 10 + text->data[i] - '0';
    }
    *text = str_skip(*text, digits);
    *out = value;
    return value >= least && value <= most;
}

static bool take_zone(str *text, int64_t *seconds)
{
    int hours, minutes;
    bool minus = str_starts(*text, STR("-"));
    if (str_strip_prefix(text, STR("Z"))) {
        *seconds = 0;
        return true;
    }
    if (!minus && !str_starts(*text, STR("+"))) return false;
    *text = str_skip(*text, 1);
    if (!take_number(text, 2, 0, 23, &hours) || !str_strip_prefix(text, STR(":")) ||
        !take_number(text, 2, 0, 59, &minutes))
        return false;
    *seconds = (minus ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

static bool take_fraction(str *text, int64_t *nanos)
{
    int64_t unit = BILLION;
    *nanos = 0;
    if (!str_strip_prefix(text, STR("."))) return true;
    size_t digits = 0;
    for (; digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++) {
        unit /= 10;
        *nanos += unit * (text->data[digits] - '0');
    }
    *text = str_skip(*text, digits);
    return digits;
}

static int month_days(int year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2) return leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* RFC 3339 */
static bool read_time(str text, int64_t *seconds, int64_t *nanos)
{
    int year, month, day, hour, minute, second;
    int64_t zone;
    if (!take_number(&text, 4, 0, 9999, &year) || !str_strip_prefix(&text, STR("-")) ||
        !take_number(&text, 2, 1, 12, &month) || !str_strip_prefix(&text, STR("-")) ||
        !take_number(&text, 2, 1, 31, &day) || !str_strip_prefix(&text, STR("T")) ||
        !take_number(&text, 2, 0, 23, &hour) || !str_strip_prefix(&text, STR(":")) ||
        !take_number(&text, 2, 0, 59, &minute) || !str_strip_prefix(&text, STR(":")) ||
        !take_number(&text, 2, 0, 59, &second) || !take_fraction(&text, nanos) ||
        !take_zone(&text, &zone))
        return false;
    if (day > month_days(year, month)) return false;
    *seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    return !text.len;
}

static err *time_of_text(struct cel_call *call, struct cel_value *out)
{
    int64_t seconds, nanos;
    if (!read_time(call->args[0].text, &seconds, &nanos))
        return err_invalid("'" STR_FMT "' is no timestamp such as 2026-01-02T03:04:05Z",
                           STR_ARG(str_head_utf8(call->args[0].text, 40)));
    return give_time(out, seconds, nanos);
}

static void add_fraction(buf *b, int64_t nanos)
{
    if (!nanos) return;
    int width = 9;
    for (; nanos % 10 == 0; width--)
        nanos /= 10;
    buf_printf(b, ".%0*lld", width, (long long)nanos);
}

static err *text_of_time(struct cel_call *call, struct cel_value *out)
{
    struct cel_time time = call->args[0].time;
    struct moment is = moment_of(time.seconds);
    buf b = BUF(call->a);
    buf_printf(&b, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)is.year, is.month, is.day, is.hour,
               is.minute, is.second);
    add_fraction(&b, time.nanos);
    buf_add_char(&b, 'Z');
    *out = cel_value_str(buf_str(&b));
    return NULL;
}

static err *span_of_text(struct cel_call *call, struct cel_value *out)
{
    int64_t span_ns;
    if (!clock_parse_duration(call->args[0].text, &span_ns))
        return err_invalid("'" STR_FMT "' is no duration such as 1h30m",
                           STR_ARG(str_head_utf8(call->args[0].text, 40)));
    return give_span(out, span_ns);
}

/* In seconds: "90s", "0.5s". */
static err *text_of_span(struct cel_call *call, struct cel_value *out)
{
    int64_t span_ns = call->args[0].span_ns;
    uint64_t size = span_ns < 0 ? 0 - (uint64_t)span_ns : (uint64_t)span_ns;
    buf b = BUF(call->a);
    buf_printf(&b, "%s%llu", span_ns < 0 ? "-" : "", (unsigned long long)(size / BILLION));
    add_fraction(&b, (int64_t)(size % BILLION));
    buf_add_char(&b, 's');
    *out = cel_value_str(buf_str(&b));
    return NULL;
}

/* ---- conversions and arithmetic ---- */

static err *same(struct cel_call *call, struct cel_value *out)
{
    *out = call->args[0];
    return NULL;
}

static err *time_of_int(struct cel_call *call, struct cel_value *out)
{
    return give_time(out, call->args[0].number, 0);
}

static err *int_of_time(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, call->args[0].time.seconds);
}

static err *span_of_int(struct cel_call *call, struct cel_value *out)
{
    return give_span(out, call->args[0].number);
}

static err *int_of_span(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, call->args[0].span_ns);
}

static __int128 nanos_of(struct cel_time time)
{
    return (__int128)time.seconds * BILLION + time.nanos;
}

static err *give_moved(struct cel_value *out, struct cel_time time, __int128 span_ns)
{
    __int128 nanos = nanos_of(time) + span_ns;
    int64_t rest = (int64_t)(nanos % BILLION);
    int64_t seconds = (int64_t)(nanos / BILLION);
    if (rest < 0) {
        rest += BILLION;
        seconds--;
    }
    return give_time(out, seconds, rest);
}

static err *time_plus_span(struct cel_call *call, struct cel_value *out)
{
    return give_moved(out, call->args[0].time, call->args[1].span_ns);
}

static err *span_plus_time(struct cel_call *call, struct cel_value *out)
{
    return give_moved(out, call->args[1].time, call->args[0].span_ns);
}

static err *time_less_span(struct cel_call *call, struct cel_value *out)
{
    return give_moved(out, call->args[0].time, -(__int128)call->args[1].span_ns);
}

static err *time_less_time(struct cel_call *call, struct cel_value *out)
{
    return give_span(out, nanos_of(call->args[0].time) - nanos_of(call->args[1].time));
}

static err *span_plus_span(struct cel_call *call, struct cel_value *out)
{
    return give_span(out, (__int128)call->args[0].span_ns + call->args[1].span_ns);
}

static err *span_less_span(struct cel_call *call, struct cel_value *out)
{
    return give_span(out, (__int128)call->args[0].span_ns - call->args[1].span_ns);
}

static err *negate_span(struct cel_call *call, struct cel_value *out)
{
    return give_span(out, -(__int128)call->args[0].span_ns);
}

/* ---- parts ---- */

/* In the zone of the second argument: "UTC", "+02:00", "-08:00", "02:00". */
static err *local(const struct cel_call *call, struct moment *out)
{
    int64_t seconds = call->args[0].time.seconds, zone = 0;
    str name = call->count > 1 ? call->args[1].text : STR("UTC"), rest = name;
    bool plain = name.len && name.data[0] >= '0' && name.data[0] <= '9';
    if (plain) rest = str_concat(call->a, STR("+"), name);
    bool utc = str_is(name, "UTC") || str_is(name, "GMT") || str_is(name, "Z");
    if (!utc && (!take_zone(&rest, &zone) || rest.len))
        return err_invalid("the time zone '" STR_FMT "' is not known; UTC and offsets such as "
                           "+02:00 are",
                           STR_ARG(str_head_utf8(name, 40)));
    *out = moment_of(seconds + zone);
    return NULL;
}

#define PART(name, part)                                                                           \
    static err *name(struct cel_call *call, struct cel_value *out)                                 \
    {                                                                                              \
        struct moment is;                                                                          \
        TRY(local(call, &is));                                                                     \
        return give_int(out, part);                                                                \
    }
PART(full_year, is.year)
PART(month, is.month - 1)
PART(date, is.day)
PART(day_of_month, is.day - 1)
PART(day_of_week, is.weekday)
PART(day_of_year, is.yearday)
PART(hours, is.hour)
PART(minutes, is.minute)
PART(seconds_of, is.second)

static err *milliseconds(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, call->args[0].time.nanos / 1000000);
}

static err *span_hours(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, call->args[0].span_ns / (3600 * BILLION));
}

static err *span_minutes(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, call->args[0].span_ns / (60 * BILLION));
}

static err *span_seconds(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, call->args[0].span_ns / BILLION);
}

static err *span_milliseconds(struct cel_call *call, struct cel_value *out)
{
    return give_int(out, call->args[0].span_ns / 1000000);
}

#define I_    CEL_ONE(CEL_INT)
#define S_    CEL_ONE(CEL_STRING)
#define TIME_ CEL_ONE(CEL_TIMESTAMP)
#define SPAN_ CEL_ONE(CEL_DURATION)
#define PART_ROWS(name, fn)                                                                        \
    {name, CEL_MEMBER, 1, CEL_INT, {TIME_}, fn},                                                   \
    {                                                                                              \
        name, CEL_MEMBER, 2, CEL_INT, {TIME_, S_}, fn                                              \
    }

static const struct cel_function rows[] = {
    {"timestamp", CEL_GLOBAL, 1, CEL_TIMESTAMP, {TIME_}, same},
    {"timestamp", CEL_GLOBAL, 1, CEL_TIMESTAMP, {S_}, time_of_text},
    {"timestamp", CEL_GLOBAL, 1, CEL_TIMESTAMP, {I_}, time_of_int},
    {"duration", CEL_GLOBAL, 1, CEL_DURATION, {SPAN_}, same},
    {"duration", CEL_GLOBAL, 1, CEL_DURATION, {S_}, span_of_text},
    {"duration", CEL_GLOBAL, 1, CEL_DURATION, {I_}, span_of_int},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {TIME_}, text_of_time},
    {"string", CEL_GLOBAL, 1, CEL_STRING, {SPAN_}, text_of_span},
    {"int", CEL_GLOBAL, 1, CEL_INT, {TIME_}, int_of_time},
    {"int", CEL_GLOBAL, 1, CEL_INT, {SPAN_}, int_of_span},
    {"_+_", CEL_GLOBAL, 2, CEL_TIMESTAMP, {TIME_, SPAN_}, time_plus_span},
    {"_+_", CEL_GLOBAL, 2, CEL_TIMESTAMP, {SPAN_, TIME_}, span_plus_time},
    {"_+_", CEL_GLOBAL, 2, CEL_DURATION, {SPAN_, SPAN_}, span_plus_span},
    {"_-_", CEL_GLOBAL, 2, CEL_TIMESTAMP, {TIME_, SPAN_}, time_less_span},
    {"_-_", CEL_GLOBAL, 2, CEL_DURATION, {TIME_, TIME_}, time_less_time},
    {"_-_", CEL_GLOBAL, 2, CEL_DURATION, {SPAN_, SPAN_}, span_less_span},
    {"-_", CEL_GLOBAL, 1, CEL_DURATION, {SPAN_}, negate_span},
    PART_ROWS("getFullYear", full_year),
    PART_ROWS("getMonth", month),
    PART_ROWS("getDate", date),
    PART_ROWS("getDayOfMonth", day_of_month),
    PART_ROWS("getDayOfWeek", day_of_week),
    PART_ROWS("getDayOfYear", day_of_year),
    PART_ROWS("getHours", hours),
    PART_ROWS("getMinutes", minutes),
    PART_ROWS("getSeconds", seconds_of),
    PART_ROWS("getMilliseconds", milliseconds),
    {"getHours", CEL_MEMBER, 1, CEL_INT, {SPAN_}, span_hours},
    {"getMinutes", CEL_MEMBER, 1, CEL_INT, {SPAN_}, span_minutes},
    {"getSeconds", CEL_MEMBER, 1, CEL_INT, {SPAN_}, span_seconds},
    {"getMilliseconds", CEL_MEMBER, 1, CEL_INT, {SPAN_}, span_milliseconds},
};

CEL_FAMILY(time) = {rows, COUNT(rows)};
