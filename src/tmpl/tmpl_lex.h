#pragma once
/* The tokens of a template. Texts are borrowed but for strings with escapes. Pure. */
#include "base/arena.h"
#include "base/err.h"

enum tmpl_token_kind {
    TMPL_END, /* of the text */
    TMPL_TEXT,
    TMPL_OPEN,  /* {{ */
    TMPL_CLOSE, /* }} */
    TMPL_IDENT, /* also keywords */
    TMPL_FIELD, /* .name, without the point */
    TMPL_DOT,
    TMPL_VARIABLE, /* $ or $name */
    TMPL_NUMBER,
    TMPL_STRING, /* decoded */
    TMPL_CHAR,   /* 'a', decoded */
    TMPL_PIPE,
    TMPL_DECLARE, /* := */
    TMPL_ASSIGN,
    TMPL_LEFT,
    TMPL_RIGHT,
    TMPL_COMMA,
};

struct tmpl_token {
    enum tmpl_token_kind kind;
    str text;
    size_t at, end; /* in the template */
    bool apart;     /* white space stands before it */
};

/* INVALID, without a place: *at_out says where. */
MUST_USE err *tmpl_lex(arena *a, str text, struct tmpl_token **out, size_t *count_out,
                       size_t *at_out);
