#pragma once
/*
 * A value while an expression of CEL is evaluated. Lists and maps are those of
 * a document, read in place, or made by the expression. Plain data in an arena;
 * immutable.
 */
#include "doc/doc.h"

enum cel_type {
    CEL_DYN, /* of no value: not known */
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_TYPE,
    CEL_OPTIONAL,
};

struct cel_pair;

struct cel_time {
    int64_t seconds; /* since 1970 UTC, within the years 1 to 9999 */
    int32_t nanos;
};

struct cel_value {
    uint8_t type;   /* enum cel_type */
    bool is_double; /* LIST, MAP of a document: every number is a double, as Go reads JSON */
    uint32_t count; /* LIST, MAP that were made */
    union {
        bool truth;
        int64_t number;
        uint64_t natural;
        double real;
        str text; /* STRING, BYTES */
        int64_t span_ns;
        struct cel_time time;
        enum cel_type named;
        const struct cel_value *inner; /* OPTIONAL; NULL: none */
        struct {
            const node *node; /* of a document, else NULL */
            union {
                const struct cel_value *items;
                const struct cel_pair *pairs;
            };
        };
    };
};

struct cel_pair {
    struct cel_value key, value;
};

/* What bounds an evaluation. */
struct cel_budget {
    uint64_t cost;
};
/* INVALID once more than LIMIT_CEL_COST was spent. */
MUST_USE err *cel_value_spend(struct cel_budget *budget, uint64_t cost);

struct cel_value cel_value_of(const node *n);      /* integers stay integers */
struct cel_value cel_value_of_json(const node *n); /* every number is a double */
struct cel_value cel_value_bool(bool value);
struct cel_value cel_value_int(int64_t value);
struct cel_value cel_value_str(str text);
struct cel_value cel_value_list(const struct cel_value *items, size_t count);

uint32_t cel_value_size(const struct cel_value *value); /* of a LIST or MAP */
struct cel_value cel_value_item(const struct cel_value *list, uint32_t index);
void cel_value_pair(const struct cel_value *map, uint32_t index, struct cel_value *key,
                    struct cel_value *value);
bool cel_value_find(const struct cel_value *map, const struct cel_value *key,
                    struct cel_value *out);

/* Equal as == says: numbers by value, other types never across. Costs what it looks at. */
MUST_USE err *cel_value_equal(struct cel_budget *budget, const struct cel_value *a,
                              const struct cel_value *b, bool *out);
/* -1, 0, 1; 2 when one is NaN. False when the types have no order. */
bool cel_value_order(const struct cel_value *a, const struct cel_value *b, int *out);
bool cel_value_is_number(const struct cel_value *value);
/* An index or a key: an integer in any of the number types. */
bool cel_value_integer(const struct cel_value *value, int64_t *out);

/* "int", "string", "list", "google.protobuf.Timestamp" ... */
const char *cel_value_type_name(enum cel_type type);
/* The reverse; false for a text that names no type. */
bool cel_value_type_of(str name, enum cel_type *out);
