#pragma once
/*
 * The kinds of our API. A kind is one table, in control/<kind>_spec.c: its
 * names, its fields, what kubectl and the CLI print of it. The CRD, the API
 * reference and the commands get, reconcile, suspend and resume are made from it.
 */
#include "base/roster.h"
#include "doc/schema.h"
#include "kube/kube.h"

struct kind_column {
    const char *name; /* NULL ends the list */
    const char *type; /* "string", "date" */
    const char *path; /* kubectl: JSONPath ".spec.url"; the CLI: "status.artifact.revision" */
    int priority;     /* kubectl: above 0 only with -o wide */
};

struct kind {
    const char *group, *version, *kind, *plural;
    const char *short_names[3], *categories[4]; /* end with NULL */
    const char *doc;                            /* one sentence */
    const struct schema *spec, *status;
    const char *status_default;    /* JSON; NULL: none */
    struct kind_column columns[8]; /* of `kubectl get`, after the name */

    /* The command line: `get sources git`, `reconcile source git`; without a family `get
     * kustomizations`. */
    const char *family;        /* "source" or NULL */
    const char *words[4];      /* "git", or "kustomization", "kustomizations", "ks" */
    const char *human;         /* "source git": in messages */
    struct kind_column get[4]; /* columns of `get` between the name and Suspended */
    /* What a reconciliation ends with: "fetched revision {status.artifact.revision}"; a sign behind
     * the brace, as in "{@status.latestRef.digest}", stands in front of what is there. NULL: the
     * message of Ready. */
    const char *done;
    bool hides_suspend; /* `get` has no column Suspended, though spec.suspend is there */
    int rank;           /* order in `get all` and in the CRDs */
};

ROSTER(kind, struct kind);
#define KIND(ident) ROSTER_ROW(kind, struct kind, kind_##ident)

/* The columns of every kind. */
#define KIND_AGE                                                                                   \
    {                                                                                              \
        "Age", "date", ".metadata.creationTimestamp"                                               \
    }
#define KIND_READY                                                                                 \
    {                                                                                              \
        "Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"                       \
    }
#define KIND_STATUS                                                                                \
    {                                                                                              \
        "Status", "string", ".status.conditions[?(@.type==\"Ready\")].message"                     \
    }

/* What the status of several kinds has in common. */
extern const struct schema kind_condition, kind_artifact;

/* The object as expressions see it: without the bookkeeping of the API server. */
node *kind_plain(arena *a, const node *object);

/* By rank. */
const struct kind **kind_all(arena *a, size_t *count_out);
/* By the exact Kind; NULL when it is none of ours. */
const struct kind *kind_find(str kind);
/* By any word people use: Kind, plural, singular, short name, in any case. */
const struct kind *kind_find_word(str word);
struct kube_kind kind_gvk(const struct kind *kind);
/* "gitrepositories.source.toolkit.fluxcd.io" */
str kind_crd_name(arena *a, const struct kind *kind);
/* The CustomResourceDefinition, without labels. */
node *kind_crd(arena *a, const struct kind *kind);
/* Its page of the API reference. */
void kind_markdown(buf *b, const struct kind *kind);
