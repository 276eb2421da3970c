#pragma once
/*
 * What an object is called: its group, version and kind, its name and its
 * namespace. Pure.
 */
#include "render/gvk.h"

struct resid {
    const struct gvk *gvk;
    str name, namespace; /* as written; may be empty */
};

str resid_text(arena *a, struct resid id); /* "Kind.version.group/name.namespace" */
str resid_show(arena *a, str group, str version, str kind, str name, str namespace);
/* "default" for none, a constant that is no namespace for cluster-scoped kinds. */
str resid_namespace(struct resid id);
bool resid_equal(struct resid a, struct resid b);
