#include "render/gvk.h"

#include "base/buf.h"
#include "render/tables.h"

void gvk_done(struct gvks *gvks)
{
    map_done(&gvks->by_key);
}

const struct gvk *gvk_find(struct gvks *gvks, str api_version, str kind)
{
    buf key = BUF(gvks->a);
    buf_add(&key, api_version);
    buf_add_char(&key, 0);
    buf_add(&key, kind);
    struct gvk *gvk = map_get(&gvks->by_key, buf_str(&key));
    if (gvk) return gvk;

    gvk = NEW(gvks->a, struct gvk);
    gvk->kind = str_dup(gvks->a, kind);
    gvk->api_version = str_dup(gvks->a, api_version);
    if (!str_cut(gvk->api_version, '/', &gvk->group, &gvk->version)) {
        gvk->group = (str){0};
        gvk->version = gvk->api_version;
    }
    gvk->number = gvks->count++;
    gvk->cluster_scoped = tables_cluster_scoped(api_version, kind) ||
                          (gvks->schema && openapi_cluster_scoped(gvks->schema, api_version, kind));
    map_put(&gvks->by_key, buf_str(&key), gvk);
    return gvk;
}

const struct gvk *gvk_with_kind(struct gvks *gvks, const struct gvk *gvk, str kind)
{
    return str_eq(gvk->kind, kind) ? gvk : gvk_find(gvks, gvk->api_version, kind);
}

bool gvk_selected(const struct gvk *gvk, str group, str version, str kind)
{
    return (!kind.len || str_eq(kind, gvk->kind)) && (!group.len || str_eq(group, gvk->group)) &&
           (!version.len || str_eq(version, gvk->version));
}

static str or_no(str text, const char *none)
{
    return text.len ? text : str_of(none);
}

str gvk_text(arena *a, str group, str version, str kind)
{
    str k = or_no(kind, "[noKind]"), v = or_no(version, "[noVer]"), g = or_no(group, "[noGrp]");
    return str_printf(a, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(k), STR_ARG(v), STR_ARG(g));
}
