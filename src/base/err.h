#pragma once
/*
 * Errors as values. A function that can fail returns `err *`; NULL is success.
 * The kind tells the caller what to do, the reason (one CamelCase word) ends
 * up in a condition, the message is for the user: lower case, names quoted
 * with ', no final dot, never a secret.
 *
 * An err is on the heap and has one owner: whoever gets it returns it, wraps
 * it, or frees it. It may be handed to another thread.
 */
#include "base/str.h"

enum err_kind {
    ERR_INVALID,   /* the input is wrong: a human has to change it */
    ERR_DENIED,    /* not allowed: a human has to change it */
    ERR_NOT_FOUND, /* for the caller to decide */
    ERR_CONFLICT,  /* for the caller to decide */
    ERR_TRANSIENT, /* try again later, with back-off */
    ERR_CANCELED,  /* the work is no longer wanted */
    ERR_INTERNAL,  /* our bug */
};

typedef struct err {
    enum err_kind kind;
    int status;        /* HTTP status it came from, or 0 */
    char reason[48];   /* CamelCase; may be empty */
    size_t len;
    char *message;     /* terminated */
} err;

MUST_USE err *err_new(enum err_kind kind, const char *reason, const char *format, ...) PRINTF(3, 4);
/* Puts "context: " in front of the message. Takes and returns the same error. */
MUST_USE err *err_wrap(err *e, const char *format, ...) PRINTF(2, 3);
/* Replaces the reason. Takes and returns the same error; NULL stays NULL. */
MUST_USE err *err_because(err *e, const char *reason);
MUST_USE err *err_with_status(err *e, int status);
MUST_USE err *err_copy(const err *e);

void err_free(err *e);
void err_done(err **e); /* for AUTO */

str err_text(const err *e);
bool err_is(const err *e, enum err_kind kind); /* false for NULL */

#define err_invalid(...) err_new(ERR_INVALID, "", __VA_ARGS__)
#define err_denied(...) err_new(ERR_DENIED, "", __VA_ARGS__)
#define err_not_found(...) err_new(ERR_NOT_FOUND, "NotFound", __VA_ARGS__)
#define err_conflict(...) err_new(ERR_CONFLICT, "Conflict", __VA_ARGS__)
#define err_transient(...) err_new(ERR_TRANSIENT, "", __VA_ARGS__)
#define err_internal(...) err_new(ERR_INTERNAL, "", __VA_ARGS__)
