#pragma once
/*
 * Group, version and kind of an object. One build, one thread; all memory but
 * the index is the build's arena.
 */
#include "base/map.h"
#include "doc/doc.h"
#include "render/openapi.h"

/* Each exists once per build: compare the pointers. */
struct gvk {
    str group, version, kind;
    str api_version;
    bool cluster_scoped;
    uint32_t number; /* 0, 1, 2 ... for tables by gvk */
};

struct gvks {
    arena *a;
    struct map by_key;
    uint32_t count;
    const struct openapi *schema; /* adds to what is cluster-scoped; may be NULL */
};

void gvk_done(struct gvks *gvks);
const struct gvk *gvk_find(struct gvks *gvks, str api_version, str kind);
const struct gvk *gvk_with_kind(struct gvks *gvks, const struct gvk *gvk, str kind);

/* Empty parts select any. */
bool gvk_selected(const struct gvk *gvk, str group, str version, str kind);
/* "Kind.version.group", with "[noKind]" and so on for empty parts. */
str gvk_text(arena *a, str group, str version, str kind);
