#pragma once
/*
 * Functions of templates. A function is one block of a fn_*.c:
 *
 *     FUNC(trunc, 2, 2)
 *     {
 *         int64_t count;
 *         str s;
 *         TRY(call_int(call, 0, &count));
 *         TRY(call_str(call, 1, &s));
 *         return call_return_str(call, ...);
 *     }
 *
 * The numbers are the least and most arguments; CALL_MANY is no bound. Pure: no
 * clock, no chance, no files, no network. What a function makes is counted
 * against the bounds of the run with call_charge.
 */
#include "base/roster.h"
#include "tmpl/tmpl.h"

struct call {
    arena *a;
    const char *name;
    const struct tmpl_value *args;
    size_t count;
    struct tmpl_value result;
    uint64_t *budget; /* bytes that values may still take */
};

enum { CALL_MANY = 1000 };

struct func {
    const char *name;
    int least, most;
    err *(*run)(struct call *call);
};

ROSTER(func, struct func);
#define FUNC_AS(ident, called, least_, most_)                                                      \
    static err *fn_##ident(struct call *call);                                                     \
    ROSTER_ROW(func, struct func, func_##ident) = {called, least_, most_, fn_##ident};             \
    static err *fn_##ident(struct call *call)
#define FUNC(ident, least_, most_) FUNC_AS(ident, #ident, least_, most_)

/* NULL when there is none. */
const struct func *call_find(str name);

/* Arguments of a type; INVALID: "wrong type for value; expected string; got int". */
MUST_USE err *call_str(struct call *call, size_t index, str *out);
MUST_USE err *call_int(struct call *call, size_t index, int64_t *out);
MUST_USE err *call_bool(struct call *call, size_t index, bool *out);
MUST_USE err *call_list(struct call *call, size_t index, struct tmpl_list **out);
MUST_USE err *call_map(struct call *call, size_t index, struct tmpl_value *out);
/* Any value as text, as Go prints it. */
str call_text(struct call *call, struct tmpl_value value);
/* Numbers, and texts that are numbers, as sprig casts them. */
int64_t call_cast(struct tmpl_value value);

/* INVALID when the run has made too much. */
MUST_USE err *call_charge(struct call *call, size_t bytes);

/* Set the result; always NULL but for the charge of a text. */
err *call_return(struct call *call, struct tmpl_value value);
MUST_USE err *call_return_str(struct call *call, str text);
