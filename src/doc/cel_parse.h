#pragma once
/*
 * An expression of CEL as a tree. Macros are nodes of their own; operators
 * are calls of functions with names such as "_+_". Part of cel.c.
 */
#include "doc/cel_value.h"

enum cel_form {
    CEL_FORM_LITERAL,
    CEL_FORM_NAME,
    CEL_FORM_SELECT, /* args[0].name; optional: args[0].?name */
    CEL_FORM_HAS,    /* has(args[0].name) */
    CEL_FORM_INDEX,  /* args[0][args[1]] */
    CEL_FORM_CALL,   /* name(args...), or args[0].name(...) when is_member */
    CEL_FORM_LIST,
    CEL_FORM_MAP, /* keys and values in turn */
    CEL_FORM_AND, /* two or more */
    CEL_FORM_OR,
    CEL_FORM_CHOICE, /* args[0] ? args[1] : args[2] */
    CEL_FORM_EQUAL,
    CEL_FORM_UNEQUAL,
    CEL_FORM_IN,
    /* args[0] is what is gone through, name the variable, args[1] the body. */
    CEL_FORM_ALL,
    CEL_FORM_EXISTS,
    CEL_FORM_EXISTS_ONE,
    CEL_FORM_EACH, /* map(x, body), map(x, filter, body): args[2] is the filter */
    CEL_FORM_FILTER,
    CEL_FORM_OPT_MAP,
    CEL_FORM_OPT_FLAT_MAP,
};

struct cel_function;

struct cel_expr {
    enum cel_form form;
    uint32_t at;    /* offset in the source */
    uint32_t depth; /* of the tree below */
    bool is_member, is_optional;
    bool is_marked;     /* an item or a key: [?x], {?key: x} */
    uint8_t type, item; /* enum cel_type, of the value and of what it holds; set by cel_check */
    str name;
    struct cel_value value;
    struct cel_expr **args;
    uint32_t count, room;
    const struct cel_function **functions; /* CALL: those of this name, set by cel_check */
    size_t function_count;
};

MUST_USE err *cel_parse(arena *a, str source, struct cel_expr **out);
