#pragma once
/*
 * A type of the API, declared once as a table of fields. From the table come
 * the decoder with its errors, the OpenAPI schema of the CRD, the reference in
 * docs/ and `fixpoint explain`; there is no second place to edit.
 *
 *     static const struct field fields[] = {
 *         FIELD(struct spec, interval_ns, "interval", FIELD_DURATION, .required = true, .doc =
 * "..."), FIELD(struct spec, path,        "path",     FIELD_STR,      .doc = "..."),
 *     };
 *     static const struct schema spec_schema = SCHEMA(struct spec, fields);
 *
 * Pure; any thread. Tables have static storage.
 */
#include "base/buf.h"
#include "doc/doc.h"

/* What a field means, and the C type that holds it. What is missing stays zero. */
enum field_type {
    FIELD_STR,      /* str; missing has data == NULL, "" has not */
    FIELD_BOOL,     /* bool */
    FIELD_INT,      /* int64_t */
    FIELD_DURATION, /* int64_t, nanoseconds, never negative; Go's text such as "1m30s" */
    FIELD_TIME,     /* str, RFC 3339 */
    FIELD_ENUM,     /* int: index into choices; missing is 0 */
    FIELD_STR_LIST, /* struct schema_strings */
    FIELD_STR_MAP,  /* const node *: a map of texts, checked; NULL when missing */
    FIELD_OBJECT,   /* the struct of .schema, by value */
    FIELD_LIST,     /* SCHEMA_LIST of the struct of .schema */
    FIELD_NODE,     /* const node *: any value, not looked into */
};

struct schema;

struct field {
    const char *name; /* in JSON */
    enum field_type type;
    size_t offset, size;         /* in the struct; a row without storage (of a status) has size 0 */
    const char *doc;             /* one sentence or two, for people */
    const struct schema *schema; /* of FIELD_OBJECT, and of the items of FIELD_LIST */
    const char *fallback;        /* the value of a missing field, as text: "60s", "true", "5" */
    const char *const *choices; /* texts allowed, ends with NULL; for FIELD_STR_LIST of each item */
    const char *pattern;        /* regular expression of a text */
    int64_t min;                /* FIELD_INT: least value, if has_min */
    uint32_t min_length, max_length; /* characters of a text; 0: no bound */
    bool required;
    bool raw; /* checked as its type says, but kept as const node * */
    bool has_min;
};

/* A rule over a whole object, in CEL. The API server checks it; `message` is what it answers. */
struct schema_rule {
    const char *rule, *message;
};

struct schema {
    const struct field *fields;
    size_t field_count, size_bytes;
    const struct schema_rule *rules;
    size_t rule_count;
};

#define FIELD(struct_type, member, json_name, field_type_, ...)                                    \
    {                                                                                              \
        .name = (json_name), .type = (field_type_), .offset = offsetof(struct_type, member),       \
        .size = sizeof(((struct_type *)0)->member), __VA_ARGS__                                    \
    }
/* A row that is only described: status is written and read as nodes. */
#define FIELD_SHOWN(json_name, field_type_, ...)                                                   \
    {                                                                                              \
        .name = (json_name), .type = (field_type_), __VA_ARGS__                                    \
    }
#define SCHEMA(struct_type, table, ...)                                                            \
    {                                                                                              \
        .fields = (table), .field_count = COUNT(table),                                            \
        .size_bytes = sizeof(struct_type) __VA_OPT__(, ) __VA_ARGS__                               \
    }
#define SCHEMA_SHOWN(table, ...)                                                                   \
    {                                                                                              \
        .fields = (table), .field_count = COUNT(table) __VA_OPT__(, ) __VA_ARGS__                  \
    }
#define SCHEMA_CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SCHEMA_RULES(table) .rules = (table), .rule_count = COUNT(table)

#define SCHEMA_LIST(item_type)                                                                     \
    struct {                                                                                       \
        item_type *items;                                                                          \
        size_t count;                                                                              \
    }
struct schema_strings {
    str *items;
    size_t count;
};

/* Fills *out (zeroed first) from value. Texts and nodes are borrowed from value. Unknown fields are
 * passed over, as the API server prunes them; null counts as missing. The error is INVALID and
 * names the field below `path`: "spec.interval: 'abc' is not a duration such as 10m or 1h30m". CEL
 * rules are the API server's to check. */
MUST_USE err *schema_decode(arena *a, const struct schema *schema, const node *value,
                            const char *path, void *out);

/* The structural schema for a CRD: {type: object, properties, required, ...}. */
node *schema_openapi(arena *a, const struct schema *schema);

/* Rows of a markdown table, one per field and nested field: | `path` | type | default | text |. */
void schema_markdown(buf *b, const struct schema *schema, str path);

/* The row of a dotted path such as "sourceRef.kind"; NULL when there is none. */
const struct field *schema_find(const struct schema *schema, str path);
/* "string", "duration", "list of objects", "map of strings" ... */
const char *schema_type_name(const struct field *field);
