#pragma once
/*
 * What is different between two trees, field by field. Pure; any thread.
 *
 * A path reads "spec.template.spec.containers[name=app].image": an item of a
 * list is named by its `name` when every item of both lists has one and none
 * repeats, else by its place. A key that holds '.' or '[' is quoted:
 * metadata.labels."app.kubernetes.io/name".
 */
#include "base/buf.h"
#include "doc/doc.h"

struct diff_entry {
    str path;
    const node *before, *after; /* NULL: not there */
};

struct diff {
    struct diff_entry *entries;
    size_t count;
    size_t left_out; /* beyond the limit */
};

/* Entries in the order of `before`, what is only in `after` at its end. Whole subtrees that are
 * only on one side are one entry. Nodes are borrowed. */
void diff_nodes(arena *a, const node *before, const node *after, size_t limit, struct diff *out);

/* Without what the API server and clients write: status, and of metadata everything but labels and
 * annotations. The copies share their children. */
node *diff_desired_part(arena *a, const node *object);

/* The value on one line, at most about max_bytes of it; "(nothing)" for NULL. */
str diff_value(arena *a, const node *value, size_t max_bytes);

/* Values of a Secret's data and stringData become "***"; where the two differ, "*** (before)" and
 * "*** (after)", so that a difference still shows. So does the copy of them that kubectl keeps in
 * an annotation, without telling a difference. The nodes are replaced by masked copies. Other
 * objects are left alone. */
void diff_mask_secrets(arena *a, node **before, node **after);

/* "  ± path\n    - before\n    + after\n" for each entry. */
void diff_write(buf *b, const struct diff *diff);
