#pragma once
/*
 * One tree for YAML and JSON. A node is a map, a list or a scalar. A scalar
 * keeps its text exactly as it was written, so numbers never lose digits; its
 * kind says what the text means. Maps keep the order of their pairs.
 *
 * Nodes live in an arena. A node that other threads or other trees may see is
 * never changed: copy it first (doc_copy is deep; doc_copy_top shares the
 * children). Functions that change a node take the arena of the tree.
 * Reading a NULL node is allowed everywhere and gives "nothing".
 *
 * The functions recurse. What a reader makes is at most LIMIT_DOC_DEPTH deep;
 * whoever lets outside input make a tree deeper (patches, merges) asks
 * node_is_too_deep before handing the tree on.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

/* Merging one tree into another at a path can double the depth; deeper than this is our bug. */
#define DOC_DEPTH_MAX (4 * LIMIT_DOC_DEPTH)

enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_STR, NODE_LIST, NODE_MAP };

/* How a scalar (or, for FLOW, a collection) was written; PLAIN for new nodes. */
enum node_style {
    NODE_PLAIN,
    NODE_SINGLE,
    NODE_DOUBLE,
    NODE_LITERAL,
    NODE_FOLDED,
    NODE_FLOW,
};

typedef struct node node;

struct node_pair {
    str key;
    node *value; /* never NULL */
    /* A key that is no text in YAML (1, true, null) keeps its kind; JSON keys are NODE_STR. */
    uint8_t key_kind;
    uint8_t key_style;
    uint8_t key_time; /* as node.time */
    uint32_t line;    /* of the key in the source; 0 when there is none */
};

struct node {
    uint8_t kind, style;
    uint8_t time;   /* NODE_STR: an unquoted YAML timestamp; text is as written */
    uint8_t tagged; /* an explicit tag such as !!int or !foo decided the kind */
    uint32_t line;  /* 1-based line in the source; 0 when there is none */
    uint32_t count; /* items of a list, pairs of a map */
    uint32_t room;
    union {
        str text; /* scalars */
        node **items;
        struct node_pair *pairs;
    };
};

/* A document that outlives its parse: an arena and its root, counted. Immutable once shared. */
typedef struct doc {
    arena arena;
    node *root;
    _Atomic uint32_t refs;
} doc;

doc *doc_new(void); /* one reference, no root */
/* A deep copy in memory of just its size: for what is kept long and by the thousand. */
doc *doc_keep(const node *root);
doc *doc_ref(doc *d);
void doc_unref(doc *d);
void doc_unref_done(doc **d); /* for AUTO */

/* New nodes. Texts are borrowed: they must live as long as the arena. */
node *node_null(arena *a);
node *node_bool(arena *a, bool value);
node *node_int(arena *a, int64_t value);
node *node_str(arena *a, str text);
node *node_scalar(arena *a, enum node_kind kind, str text);
node *node_list(arena *a);
node *node_map(arena *a);

node *doc_copy(arena *a, const node *n);      /* deep, texts too */
node *doc_copy_tree(arena *a, const node *n); /* deep, texts borrowed */
node *doc_copy_top(arena *a, const node *n);  /* the node and its array; children shared */

/* Questions. */
bool node_is_map(const node *n);
bool node_is_list(const node *n);
bool node_is_scalar(const node *n); /* false for NULL */
bool node_is_null(const node *n);   /* also for NULL */
/* "string", "number", "boolean", "null", "array", "object" */
const char *node_kind_name(const node *n);
bool node_is_too_deep(const node *n); /* deeper than LIMIT_DOC_DEPTH */

/* Children. */
node *node_get(const node *map, str key);      /* NULL when it is no map or has no such key */
node *node_at(const node *list, size_t index); /* NULL when out of range */
/* Follows map keys: node_find(n, "metadata", "labels", NULL). */
node *node_find(const node *n, const char *key, ...) __attribute__((sentinel));
/* Text of a scalar string child, or an empty text: node_get_str(meta, STR("name")). */
str node_get_str(const node *map, str key);
bool node_get_bool(const node *map, str key, bool fallback);
int64_t node_get_int(const node *map, str key, int64_t fallback);
str node_find_str(const node *n, const char *key, ...) __attribute__((sentinel));

/* For many look-ups in one map, which node_get would pass from the front each time. Plain data in
 * the arena; lasts until the map changes. Anything but a map has no keys. */
struct node_index {
    const node *map;
    uint32_t *slots; /* index + 1 of a pair; NULL for a small map */
    uint32_t mask;
};
struct node_index node_index_of(arena *a, const node *map);
node *node_index_get(const struct node_index *index, str key); /* the first of repeated keys */

/* Scalars. */
bool node_to_int(const node *n, int64_t *out);   /* NODE_INT, or an integral NODE_FLOAT */
bool node_to_double(const node *n, double *out); /* NODE_INT and NODE_FLOAT */
bool node_to_bool(const node *n, bool *out);     /* NODE_BOOL */
bool node_to_str(const node *n, str *out);       /* NODE_STR */

/* Changes. */
void node_set(arena *a, node *map, str key, node *value); /* replaces or appends; key is borrowed */
void node_set_str(arena *a, node *map, str key, str text);
void node_set_bool(arena *a, node *map, str key, bool value);
void node_set_int(arena *a, node *map, str key, int64_t value);
bool node_unset(node *map, str key); /* keeps the order; true if it was there */
/* Adds a pair without looking for the key, for readers that check afterwards. */
struct node_pair *node_add_pair(arena *a, node *map, str key, node *value);
void node_push(arena *a, node *list, node *item);
void node_remove_at(node *list, size_t index);
void node_insert_at(arena *a, node *list, size_t index, node *item);
/* The map under key, added when it is missing or null; NULL when something else is there. */
node *node_make_map(arena *a, node *map, str key);

/* Repeated keys, which only a reader can bring in. True, with the index of both, for the first pair
 * whose key an earlier one has. node_keep_last leaves the last value, at the place of the first. */
bool node_find_twins(arena *a, const node *map, uint32_t *first_out, uint32_t *second_out);
void node_keep_last(arena *a, node *map);

/* Values are equal: numbers by value, maps without order, null unlike missing. */
bool node_equal(const node *a, const node *b);
/* Keyless 64-bit digest of the value (not of style, order of keys or line). */
uint64_t node_hash(const node *n);

#define NODE_EACH(list, it)                                                                        \
    for (node **it##_at = (list) && (list)->kind == NODE_LIST ? (list)->items : NULL,              \
              **it##_end = it##_at ? it##_at + (list)->count : NULL, *it = NULL;                   \
         it##_at < it##_end && ((it = *it##_at), true); it##_at++)
#define PAIR_EACH(map, it)                                                                         \
    for (struct node_pair *it = (map) && (map)->kind == NODE_MAP ? (map)->pairs : NULL,            \
                          *it##_end = it ? it + (map)->count : NULL;                               \
         it < it##_end; it++)
