#include "base/log.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"

static _Atomic int least = LOG_INFO;
static atomic_bool console;
static const char *const level_names[] = {"trace", "debug", "info", "error"};

bool log_wants(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least, memory_order_relaxed);
}

bool log_set_level(str name)
{
    for (size_t i = 0; i < COUNT(level_names); i++) {
        if (!str_is(name, level_names[i])) continue;
        atomic_store(&least, (int)i);
        return true;
    }
    return false;
}

bool log_set_encoding(str name)
{
    if (!str_is(name, "json") && !str_is(name, "console")) return false;
    atomic_store(&console, str_is(name, "console"));
    return true;
}

/* Bytes that JSON or a terminal would misread are escaped; a text too long is cut. */
static void add_quoted(buf *b, str s)
{
    bool cut = s.len > LIMIT_LOG_VALUE_BYTES;
    s = str_head(s, LIMIT_LOG_VALUE_BYTES);
    buf_add_char(b, '"');
    while (s.len) {
        uint32_t rune = 0xfffd;
        size_t len = str_rune(s, &rune);
        if (len == 0) {
            BUF_ADD(b, "\\ufffd");
        } else if (rune == '"' || rune == '\\') {
            buf_printf(b, "\\%c", (char)rune);
        } else if (rune == '\n') {
            BUF_ADD(b, "\\n");
        } else if (rune < 0x20 || (rune >= 0x7f && rune < 0xa0) ||
                   (rune >= 0x202a && rune <= 0x202e)) {
            buf_printf(b, "\\u%04x", (unsigned)rune);
        } else {
            buf_add(b, str_head(s, len));
        }
        s = str_skip(s, MAX(len, (size_t)1));
    }
    if (cut) BUF_ADD(b, "...");
    buf_add_char(b, '"');
}

static void add_value(buf *b, const struct log_field *field)
{
    switch (field->type) {
    case LOG_FIELD_STR:
        add_quoted(b, field->text);
        break;
    case LOG_FIELD_INT:
        buf_printf(b, "%lld", (long long)field->number);
        break;
    case LOG_FIELD_BOOL:
        buf_add(b, field->number ? STR("true") : STR("false"));
        break;
    case LOG_FIELD_OBJECT:
        BUF_ADD(b, "{\"name\":");
        add_quoted(b, field->text);
        BUF_ADD(b, ",\"namespace\":");
        add_quoted(b, field->more);
        buf_add_char(b, '}');
        break;
    }
}

static void add_json(buf *b, str when, enum log_level level, const char *message,
                     const struct log_field *fields)
{
    buf_printf(b, "{\"level\":\"%s\",\"ts\":\"" STR_FMT "\",\"msg\":", level_names[level],
               STR_ARG(when));
    add_quoted(b, str_of(message));
    for (; fields->key; fields++) {
        buf_printf(b, ",\"%s\":", fields->key);
        add_value(b, fields);
    }
    BUF_ADD(b, "}\n");
}

static void add_console(buf *b, str when, enum log_level level, const char *message,
                        const struct log_field *fields)
{
    buf_printf(b, STR_FMT "\t%s\t%s", STR_ARG(when), level_names[level], message);
    for (; fields->key; fields++) {
        buf_printf(b, "\t%s=", fields->key);
        add_value(b, fields);
    }
    BUF_ADD(b, "\n");
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    str when = clock_format_micro(&a, clock_wall_ns());
    (atomic_load(&console) ? add_console : add_json)(&b, when, level, message, fields);
    /* A log that cannot be written must not stop the work. */
    if (write(STDERR_FILENO, b.data, b.len) < 0) return;
}
