#pragma once
/*
 * The generators and transformers that kustomize brings along. One row each,
 * in the file of its family; a kustomization runs them by its fields, and by
 * configs under `generators`, `transformers` and `validators`.
 *
 * To configure reads everything from files and checks it; to run only works on
 * resources. All of a kustomization are configured before the first one runs.
 */
#include "base/roster.h"
#include "render/build.h"
#include "render/decode.h"
#include "render/fieldspec.h"

struct builtin_config {
    const node *config;       /* with the names of the row's type */
    struct field_specs specs; /* of the config, or the defaults of a kustomization */
    const node *shown;        /* as messages quote the config; NULL: config itself */
};

struct builtin {
    const char *kind;
    const struct decode_struct *type;
    /* *state_out is what run gets. Only the arena, nothing on the heap. */
    err *(*configure)(struct build *build, const struct loader *loader,
                      const struct builtin_config *config, void **state_out);
    /* One of the two. */
    err *(*transform)(struct build *build, const void *state, struct resmap *map);
    err *(*generate)(struct build *build, const void *state, struct resource **out);
};

ROSTER(builtin, struct builtin);
#define BUILTIN(ident) ROSTER_ROW(builtin, struct builtin, builtin_##ident)

/* One that is configured. */
struct plugin {
    const struct builtin *type;
    void *state;
    const node *origin; /* who configured it, for annotations; NULL: do not annotate */
};

const struct builtin *builtin_find(str kind); /* NULL: unknown */

/* From a field of a kustomization. "trouble configuring builtin KIND with config: `..." */
MUST_USE err *builtin_configure(struct build *build, const struct loader *loader, const char *kind,
                                struct builtin_config config, struct plugin *out);
/* From a resource under generators, transformers or validators. "plugin ID fails configuration:
 * ..." */
MUST_USE err *builtin_load(struct build *build, const struct loader *loader,
                           const struct resource *resource, struct plugin *out);
