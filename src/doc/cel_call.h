#pragma once
/*
 * The functions of CEL. A function has a row for each combination of types
 * that it takes; a row's code gets arguments of just these types. Part of
 * cel.c.
 */
#include "base/roster.h"
#include "doc/cel_value.h"

struct regex;

enum { CEL_ARGS_MAX = 4, CEL_REGEXES = 8 };

/* Regular expressions compiled during one evaluation. */
struct cel_regexes {
    struct {
        str pattern;
        struct regex *regex;
    } kept[CEL_REGEXES];
    size_t count;
};

struct cel_call {
    arena *a;
    struct cel_budget *budget;
    struct cel_regexes *regexes;
    const struct cel_value *args;
    size_t count;
};

typedef err *cel_fn(struct cel_call *call, struct cel_value *out);

/* Sets of types, for parameters. */
#define CEL_ONE(type) (1u << (type))
#define CEL_ANY       0xffffu
#define CEL_NUMBERS   (CEL_ONE(CEL_INT) | CEL_ONE(CEL_UINT) | CEL_ONE(CEL_DOUBLE))
#define CEL_TEXTS     (CEL_ONE(CEL_STRING) | CEL_ONE(CEL_BYTES))

enum cel_style { CEL_GLOBAL, CEL_MEMBER, CEL_BOTH };

struct cel_function {
    const char *name;
    enum cel_style style;
    uint8_t count;
    uint8_t result; /* enum cel_type */
    uint16_t params[CEL_ARGS_MAX];
    cel_fn *fn;
};

struct cel_functions {
    const struct cel_function *rows;
    size_t count;
};
/* A family of functions, in a file of its own. */
ROSTER(cel_family, struct cel_functions);
#define CEL_FAMILY(ident) ROSTER_ROW(cel_family, struct cel_functions, cel_family_##ident)

/* Every row of a name, that is called in this style with so many arguments. */
void cel_call_find(arena *a, str name, bool is_member, size_t count,
                   const struct cel_function ***rows_out, size_t *count_out);
bool cel_call_knows(str name); /* in whatever style */
/* Does the type fit the parameter? CEL_DYN fits all. */
bool cel_call_fits(uint16_t param, enum cel_type type);
/* Looks for the row that fits, and runs it. */
MUST_USE err *cel_call_run(struct cel_call *call, str name, const struct cel_function **rows,
                           size_t row_count, struct cel_value *out);
void cel_call_done(struct cel_regexes *regexes);

/* Texts cost by length, whoever makes or reads them. */
MUST_USE err *cel_call_spend_text(struct cel_call *call, size_t bytes);
