#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *formatted(const char *format, va_list args, size_t *len)
{
    char *text = NULL;
    int count = vasprintf(&text, format, args);
    must(count >= 0);
    *len = (size_t)count;
    return text;
}

err *err_new(enum err_kind kind, const char *reason, const char *format, ...)
{
    err *e = lang_zalloc(sizeof *e);
    e->kind = kind;
    snprintf(e->reason, sizeof e->reason, "%s", reason ? reason : "");
    va_list args;
    va_start(args, format);
    e->message = formatted(format, args, &e->len);
    va_end(args);
    return e;
}

err *err_wrap(err *e, const char *format, ...)
{
    must(e);
    size_t len;
    va_list args;
    va_start(args, format);
    char *context = formatted(format, args, &len);
    va_end(args);
    char *message = lang_alloc(len + 2 + e->len + 1), *at = mempcpy(message, context, len);
    at = mempcpy(at, ": ", 2);
    memcpy(at, e->message, e->len + 1);
    free(context);
    free(e->message);
    e->message = message;
    e->len += len + 2;
    return e;
}

err *err_because(err *e, const char *reason)
{
    if (e) snprintf(e->reason, sizeof e->reason, "%s", reason);
    return e;
}

err *err_with_status(err *e, int status)
{
    if (e) e->status = status;
    return e;
}

err *err_copy(const err *e)
{
    if (!e) return NULL;
    err *copy = lang_alloc(sizeof *copy);
    *copy = *e;
    copy->message = lang_alloc(e->len + 1);
    memcpy(copy->message, e->message, e->len + 1);
    return copy;
}

void err_free(err *e)
{
    if (!e) return;
    free(e->message);
    free(e);
}

void err_done(err **e)
{
    err_free(*e);
    *e = NULL;
}

str err_text(const err *e)
{
    return e ? (str){e->message, e->len} : (str){"", 0};
}

bool err_is(const err *e, enum err_kind kind)
{
    return e && e->kind == kind;
}
