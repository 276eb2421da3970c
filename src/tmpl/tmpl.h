#pragma once
/*
 * The values of Go's template language (text/template). tmpl_parse.h reads
 * templates, tmpl_exec.h runs them, call.h is what their functions are made of.
 *
 * Values live in the arena of the run. A map keeps its pairs in the order they
 * came; it is walked and printed in the order of its keys. Any thread.
 */
#include "base/buf.h"
#include "doc/doc.h"

enum tmpl_kind { TMPL_NIL, TMPL_BOOL, TMPL_INT, TMPL_FLOAT, TMPL_STR, TMPL_LIST, TMPL_MAP };

struct tmpl_list;
struct tmpl_map;

struct tmpl_value {
    uint8_t kind;
    bool wide;    /* TMPL_INT: int64 to Go, where plain literals are int */
    bool missing; /* TMPL_NIL: a key that a map has not; printed as <no value> */
    union {
        bool truth;
        int64_t integer;
        double real;
        str text;
        struct tmpl_list *list;
        struct tmpl_map *map;
    };
};

struct tmpl_list {
    struct tmpl_value *items;
    size_t count, room;
};

struct tmpl_pair {
    struct tmpl_value key, value;
};

/* Also a struct of Go: then it has a type, its keys are texts, and a field that it has not is an
 * error. */
struct tmpl_map {
    struct tmpl_pair *pairs;
    size_t count, room;
    const char *type; /* "policy.Change"; NULL: a map */
    str shown;        /* a struct that prints itself; empty: by its fields */
};

/* ---- Values ---- */

struct tmpl_value tmpl_nil(void);
struct tmpl_value tmpl_bool(bool truth);
struct tmpl_value tmpl_int(int64_t integer);
struct tmpl_value tmpl_int64(int64_t integer);
struct tmpl_value tmpl_float(double real);
struct tmpl_value tmpl_str(str text); /* borrowed */
struct tmpl_value tmpl_list_new(arena *a);
struct tmpl_value tmpl_map_new(arena *a, const char *type);
/* Numbers become floats, as Go reads JSON. Texts are borrowed. */
struct tmpl_value tmpl_from_node(arena *a, const node *n);

void tmpl_push(arena *a, struct tmpl_value list, struct tmpl_value item);
/* Adds, or replaces the value of an equal key. */
void tmpl_put(arena *a, struct tmpl_value map, struct tmpl_value key, struct tmpl_value value);
void tmpl_put_str(arena *a, struct tmpl_value map, const char *key, str text);
/* NULL when there is none. */
const struct tmpl_value *tmpl_get(struct tmpl_value map, str key);
/* The pairs in the order of their keys. */
const struct tmpl_pair **tmpl_sorted(arena *a, struct tmpl_value map);

bool tmpl_truth(struct tmpl_value value);
bool tmpl_equal(struct tmpl_value a, struct tmpl_value b); /* deep, kinds too */
int tmpl_order(struct tmpl_value a, struct tmpl_value b);  /* of keys */
/* As Go's %v prints it. */
void tmpl_print(buf *b, struct tmpl_value value);
const char *tmpl_type_name(struct tmpl_value value); /* "string", "[]interface {}" */
