#pragma once
/*
 * One run of kustomize_build: what all its parts share. Lives on the stack of
 * kustomize_build; one thread.
 */
#include "base/buf.h"
#include "render/kustomize.h"
#include "render/loader.h"
#include "render/resmap.h"

struct build {
    arena *a;
    const struct kustomize_options *options;
    struct loading loading;
    struct gvks gvks;
    const struct openapi *schema; /* custom; NULL: the built-in one */
    bool schema_set; /* the first kustomization that says something has the last word */
    bool origins;    /* annotate where objects come from */
    buf warnings;
    size_t arena_before;    /* bytes of the arena that are not ours */
    struct build_map *maps; /* every resmap of this build, for build_done */
};

void build_init(struct build *build, arena *a, struct tree *tree,
                const struct kustomize_options *options);
void build_done(struct build *build);

/* A new, empty resmap that build_done releases. */
struct resmap *build_resmap(struct build *build);
/* The memory of this build is within limits.h. */
MUST_USE err *build_check(const struct build *build);
