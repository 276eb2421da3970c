#pragma once
/*
 * One event is one line of JSON on standard error, with stable keys:
 *
 *     log_info("applied", LOG_STR("kind", kind), LOG_INT("changed", changed));
 *
 * The message is constant; values go into fields. Keys "ts", "level" and "msg"
 * come first (the shape that `flux logs` reads). A line is at most LIMIT_LOG_LINE
 * bytes. Never pass a secret. Any thread; a line is written in one piece.
 */
#include "base/err.h"

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_ERROR };

struct log_field {
    const char *key; /* NULL ends the list */
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL, LOG_FIELD_OBJECT } type;
    str text; /* LOG_FIELD_OBJECT: the name, with `more` the namespace */
    str more;
    int64_t number;
};

#define LOG_STR(k, v)                                                                              \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_STR, .text = (v)                                             \
    }
#define LOG_INT(k, v)                                                                              \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_INT, .number = (v)                                           \
    }
#define LOG_BOOL(k, v)                                                                             \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_BOOL, .number = (v)                                          \
    }
#define LOG_ERR(e)                                                                                 \
    {                                                                                              \
        .key = "error", .type = LOG_FIELD_STR, .text = err_text(e)                                 \
    }
/* "Kustomization":{"name":..,"namespace":..} */
#define LOG_OBJECT(k, namespace_, name_)                                                           \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_OBJECT, .text = (name_), .more = (namespace_)                \
    }

void log_write(enum log_level level, const char *message, const struct log_field *fields);

#define LOG_AT(level, message, ...)                                                                \
    do {                                                                                           \
        if (log_wants(level)) {                                                                    \
            log_write((level), (message),                                                          \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});                  \
        }                                                                                          \
    } while (0)
#define log_trace(...) LOG_AT(LOG_TRACE, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

bool log_wants(enum log_level level);
/* "trace", "debug", "info", "error"; false for any other word. */
bool log_set_level(str name);
/* "json" or "console". */
bool log_set_encoding(str name);
