#pragma once
/*
 * Label selectors of Kubernetes: the text form "app=web,tier!=cache,env in (a,b),!old,n>1" and the
 * field form { matchLabels, matchExpressions }. Terms are all to hold. Errors are those of
 * apimachinery. A parsed selector is immutable; any thread.
 */
#include "doc/doc.h"

enum selector_op {
    SELECTOR_IN, /* also "=" and "==" */
    SELECTOR_NOT_IN,
    SELECTOR_EXISTS,
    SELECTOR_MISSING,
    SELECTOR_MORE,
    SELECTOR_LESS,
};

struct selector_term {
    str key;
    enum selector_op op;
    str *values; /* sorted, none twice */
    size_t value_count;
    str sign;  /* how it was written, for selector_text: "=", "==", "!=", "in", ... */
    size_t at; /* its place in the source */
};

/* Terms are in the order of their keys. Without a term it holds for everything, unless it was made
 * from no selector at all, which holds for nothing. */
struct selector {
    struct selector_term *terms;
    size_t count;
    bool nothing;
};

struct selector_label {
    str key, value;
};

/* Texts are borrowed. */
MUST_USE err *selector_parse(arena *a, str text, struct selector *out);
/* A LabelSelector; NULL and null select nothing, an empty map everything. */
MUST_USE err *selector_from_node(arena *a, const node *n, struct selector *out);

/* Against metadata.labels (or annotations): a map of scalars, or nothing. */
bool selector_match(const struct selector *selector, const node *labels);
bool selector_match_pairs(const struct selector *selector, const struct selector_label *labels,
                          size_t count);

/* The text form, as a query of the API takes it. */
str selector_text(arena *a, const struct selector *selector);
