#pragma once
/* Templates as trees, and the set that they are kept in. Pure. */
#include "base/map.h"
#include "tmpl/tmpl.h"

struct tmpl_place { /* in a template's text, for errors */
    size_t from, to;
};

enum tmpl_operand_kind {
    TMPL_IS_DOT,
    TMPL_IS_FIELD,    /* fields of the dot */
    TMPL_IS_VARIABLE, /* and fields of it */
    TMPL_IS_FUNCTION,
    TMPL_IS_VALUE, /* a literal */
    TMPL_IS_NIL,
    TMPL_IS_PIPE, /* in parentheses, and fields of its value */
};

struct tmpl_operand {
    enum tmpl_operand_kind kind;
    str name; /* of a variable or function */
    const struct func *func;
    struct tmpl_value value;
    const struct tmpl_pipe *pipe;
    str *fields;
    size_t field_count, field_room;
    struct tmpl_place place;
};

struct tmpl_command {
    struct tmpl_operand *operands;
    size_t count, room;
    struct tmpl_place place;
};

struct tmpl_pipe {
    str names[2]; /* "$v" */
    int name_count;
    bool assigns; /* = instead of := */
    struct tmpl_command *commands;
    size_t count, room;
    struct tmpl_place place;
};

enum tmpl_tree_kind {
    TMPL_DO_TEXT,
    TMPL_DO_PRINT,
    TMPL_DO_IF,
    TMPL_DO_WITH,
    TMPL_DO_RANGE,
    TMPL_DO_TEMPLATE,
    TMPL_DO_BREAK,
    TMPL_DO_CONTINUE,
};

struct tmpl_tree { /* one of a list */
    enum tmpl_tree_kind kind;
    str text; /* also the name of a template */
    const struct tmpl_pipe *pipe;
    const struct tmpl_tree *body, *otherwise, *next;
    struct tmpl_place place;
};

struct tmpl_file { /* a text that was parsed, and a name for errors */
    str name, text;
};

struct tmpl_body { /* a template that can be called */
    str name;
    const struct tmpl_file *file;
    const struct tmpl_tree *tree;
    bool is_blank;
};

struct tmpl { /* a set of templates that may call each other */
    arena *arena;
    struct tmpl_body *bodies;
    size_t count, room;
};

struct tmpl *tmpl_parse_new(arena *a);
/* Parses a text, with what it defines, into the set. INVALID: "template: NAME:LINE: ...". */
MUST_USE err *tmpl_parse(struct tmpl *set, str name, str text);
/* NULL when there is none of the name. */
const struct tmpl_body *tmpl_parse_find(const struct tmpl *set, str name);
