#pragma once
/*
 * The words of an expression of CEL. Literals are decoded: texts without their
 * quotes and escapes, numbers as values. Part of cel.c.
 */
#include "doc/cel_value.h"

enum cel_token {
    CEL_END,
    CEL_NAME,    /* text */
    CEL_LITERAL, /* value */
    CEL_SIGN,    /* text: "==", "(", ... */
};

struct cel_lex {
    arena *a;
    str source;
    size_t at; /* where the next token begins, blanks aside */
    enum cel_token token;
    size_t from; /* where the token begins */
    str text;
    struct cel_value value;
};

/* Reads the next token. Errors have their position in front. */
MUST_USE err *cel_lex_next(struct cel_lex *lex);
/* "line:column: " in front of the message. */
MUST_USE err *cel_lex_place(str source, size_t at, err *e);
bool cel_lex_is_sign(const struct cel_lex *lex, const char *sign);
bool cel_lex_is_word(const struct cel_lex *lex, const char *word);
