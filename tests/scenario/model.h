#pragma once
/*
 * What Git says, as the scenario wrote it: revisions, each with the objects
 * that every unit is to have. A unit is a Kustomization; it may be bad in a
 * revision, which has to leave its objects as they are.
 */
#include "base/str.h"

enum { MODEL_UNITS = 4, MODEL_THINGS = 24, MODEL_REVISIONS = 128 };
/* Some units are special: one depends on another, and of one no Deployment becomes ready. */
enum { MODEL_DEPENDENCY = 1, MODEL_DEPENDENT = 2, MODEL_STUCK = 3 };

enum model_kind { MODEL_CONFIG_MAP, MODEL_SECRET, MODEL_DEPLOYMENT, MODEL_SERVICE, MODEL_KINDS };

struct model_thing {
    bool exists;
    enum model_kind kind;
    int unit;
    int version; /* in an annotation, and in the content */
};

struct model_revision {
    struct model_thing things[MODEL_THINGS];
    int bad[MODEL_UNITS]; /* how many faults its files have */
    str sha;
};

extern const char *const model_kind_names[MODEL_KINDS];
extern const char *const model_collections[MODEL_KINDS]; /* ids in the store */
/* "config-map-7" */
str model_name(struct arena *a, const struct model_thing *thing, int index);
str model_unit_name(struct arena *a, int unit);
/* What no one but the API server and the operator may see. */
#define MODEL_SECRET_MARK   "hush-"
#define MODEL_SECRET_BASE64 "aHVzaC0"
#define MODEL_SECRET_NUMBER "424283171"

/* Writes the revision into the repository as the newest, and keeps it. */
const struct model_revision *model_commit(struct model_revision *revision);
/* The branch was moved to it, as by a forced push. */
void model_move(const struct model_revision *revision);
/* Is there a revision that the branch was at, since it was first at the one that the text names,
 * whose unit is without the thing of that name? Its index, from `from` on, or -1. Unknown texts:
 * since ever. */
int model_head_without(str since, int unit, str thing, int from);
const struct model_revision *model_head_at(int index);
int model_revision_count(void);
const struct model_revision *model_revision_at(int index);
const struct model_revision *model_find(str sha); /* within a text such as "main@sha1:..." */
