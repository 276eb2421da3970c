#include "render/resid.h"

#define NO_NAMESPACE "_non_namespaceable_"

static str or_no(str text, const char *none)
{
    return text.len ? text : str_of(none);
}

str resid_show(arena *a, str group, str version, str kind, str name, str namespace)
{
    str gvk = gvk_text(a, group, version, kind);
    str n = or_no(name, "[noName]"), ns = or_no(namespace, "[noNs]");
    return str_printf(a, STR_FMT "/" STR_FMT "." STR_FMT, STR_ARG(gvk), STR_ARG(n), STR_ARG(ns));
}

str resid_text(arena *a, struct resid id)
{
    return resid_show(a, id.gvk->group, id.gvk->version, id.gvk->kind, id.name, id.namespace);
}

str resid_namespace(struct resid id)
{
    if (id.gvk->cluster_scoped) return STR(NO_NAMESPACE);
    return id.namespace.len ? id.namespace : STR("default");
}

bool resid_equal(struct resid a, struct resid b)
{
    return a.gvk == b.gvk && str_eq(a.name, b.name) &&
           str_eq(resid_namespace(a), resid_namespace(b));
}
