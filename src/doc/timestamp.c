#include "doc/timestamp.h"

#include <stdio.h>

struct moment {
    int year, month, day, hour, minute, second;
    int offset_minutes;
    str fraction; /* digits, at most nine, no 0 at the end */
    bool has_clock;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_char(str *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c) return false;
    *rest = str_skip(*rest, 1);
    return true;
}

/* A number of least to most digits. */
static bool take_number(str *rest, size_t least, size_t most, int *out)
{
    size_t len = 0;
    int value = 0;
    while (len < most && len < rest->len && is_digit(rest->data[len])) {
        value = value * 10 + (rest->data[len++] - '0');
    }
    *rest = str_skip(*rest, len);
    *out = value;
    return len >= least;
}

static int days_of(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(str *rest, struct moment *m)
{
    return take_number(rest, 4, 4, &m->year) && take_char(rest, '-') &&
           take_number(rest, 1, 2, &m->month) && m->month >= 1 && m->month <= 12 &&
           take_char(rest, '-') && take_number(rest, 1, 2, &m->day) && m->day >= 1 &&
           m->day <= days_of(m->year, m->month);
}

/* Go takes a comma for the point, too. A point without digits stays, and is an error later. */
static void take_fraction(str *rest, struct moment *m)
{
    if (rest->len < 2 || (rest->data[0] != '.' && rest->data[0] != ',')) return;
    size_t len = 1;
    while (len < rest->len && is_digit(rest->data[len]))
        len++;
    if (len == 1) return;
    m->fraction = str_head(str_slice(*rest, 1, len), 9);
    while (m->fraction.len && m->fraction.data[m->fraction.len - 1] == '0')
        m->fraction.len--;
    *rest = str_skip(*rest, len);
}

static bool take_clock(str *rest, struct moment *m)
{
    m->has_clock = true;
    if (!take_number(rest, 1, 2, &m->hour) || m->hour > 23 || !take_char(rest, ':')) return false;
    if (!take_number(rest, 1, 2, &m->minute) || m->minute > 59 || !take_char(rest, ':'))
        return false;
    if (!take_number(rest, 1, 2, &m->second) || m->second > 59) return false;
    take_fraction(rest, m);
    return true;
}

/* Go lets an offset be up to 24 hours and 60 minutes. */
static bool take_offset(str *rest, struct moment *m)
{
    if (take_char(rest, 'Z')) return true;
    int sign = take_char(rest, '+') ? 1 : take_char(rest, '-') ? -1 : 0, hours, minutes;
    if (!sign || !take_number(rest, 2, 2, &hours) || hours > 24 || !take_char(rest, ':'))
        return false;
    if (!take_number(rest, 2, 2, &minutes) || minutes > 60) return false;
    m->offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

static bool take_moment(str rest, struct moment *m)
{
    *m = (struct moment){0};
    if (rest.len < 5 || rest.data[4] != '-') return false;
    if (!take_date(&rest, m)) return false;
    if (rest.len == 0) return true;
    bool zoned = !take_char(&rest, ' ');
    if (zoned && !take_char(&rest, 'T') && !take_char(&rest, 't')) return false;
    return take_clock(&rest, m) && (!zoned || take_offset(&rest, m)) && rest.len == 0;
}

bool timestamp_is(str text)
{
    struct moment m;
    return take_moment(text, &m);
}

bool timestamp_has_clock(str text)
{
    struct moment m;
    return take_moment(text, &m) && m.has_clock;
}

str timestamp_normal(str text, char space[TIMESTAMP_BYTES])
{
    struct moment m;
    if (!take_moment(text, &m)) return text;
    int offset = m.offset_minutes < 0 ? -m.offset_minutes : m.offset_minutes;
    char zone[16] = "Z";
    if (offset) {
        snprintf(zone, sizeof zone, "%c%02d:%02d", m.offset_minutes < 0 ? '-' : '+', offset / 60,
                 offset % 60);
    }
    int len = snprintf(space, TIMESTAMP_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d%s" STR_FMT "%s",
                       m.year, m.month, m.day, m.hour, m.minute, m.second,
                       m.fraction.len ? "." : "", STR_ARG(m.fraction), zone);
    return str_from(space, MIN((size_t)len, (size_t)TIMESTAMP_BYTES - 1));
}
