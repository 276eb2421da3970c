#include "render/build.h"

#include "base/limits.h"

struct build_map {
    struct build_map *next;
    struct resmap map;
};

void build_init(struct build *build, arena *a, struct tree *tree,
                const struct kustomize_options *options)
{
    *build = (struct build){
        .a = a,
        .options = options,
        .loading = {.tree = tree, .root_only = options->root_only},
        .gvks = {.a = a},
        .warnings = BUF(a),
        .arena_before = a->used_bytes,
    };
}

void build_done(struct build *build)
{
    for (struct build_map *it = build->maps; it; it = it->next)
        resmap_done(&it->map);
    gvk_done(&build->gvks);
}

struct resmap *build_resmap(struct build *build)
{
    struct build_map *added = NEW(build->a, struct build_map);
    resmap_init(&added->map, build->a, &build->gvks);
    added->next = build->maps;
    build->maps = added;
    return &added->map;
}

err *build_check(const struct build *build)
{
    if (build->a->used_bytes - build->arena_before <= LIMIT_RENDER_MEMORY_BYTES) return NULL;
    return err_invalid("the build needs more than %u bytes of memory, the limit of one build",
                       LIMIT_RENDER_MEMORY_BYTES);
}
