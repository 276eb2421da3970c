#pragma once
/*
 * Setters: scalars of YAML files that follow an ImagePolicy, named by a marker
 * in the comment on their line:
 *
 *     image: ghcr.io/org/app:1.4.2 # {"$imagepolicy": "flux-system:app"}
 *     tag: 1.4.2 # {"$imagepolicy": "flux-system:app:tag"}
 *
 * Only the bytes of the scalar change; comments, quotes, blank lines,
 * indentation and line ends stay. Pure; any thread.
 */
#include "base/map.h"
#include "doc/doc.h"

/* What a policy has chosen. */
struct setter_image {
    str name, tag, digest; /* digest may be empty */
};

struct setter_policies {
    str namespace;      /* markers have to name it */
    struct map by_name; /* of the policy, to const struct setter_image * */
};

/* Whose scalar it is; empty where the document does not say. */
struct setter_object {
    str api_version, kind, name, namespace;
};

struct setter_change {
    str old_value, new_value;
    str setter; /* "namespace:policy[:part]" */
    struct setter_object object;
    size_t line; /* counts from 1 */
};

struct setter_result {
    str text; /* as it is to be */
    struct setter_change *changes;
    size_t count;   /* 0: text is the one that was given */
    size_t markers; /* that name a policy with an image, changed or not */
    str *unknown;   /* setters in markers that name none */
    size_t unknown_count;
};

/* Is it a file that may hold markers, going by its name? */
bool setter_takes_name(str path);
/* Can there be a marker in it? Anything else is not worth parsing. */
bool setter_takes_text(str text);

/* INVALID: it is no YAML, too large, or a value cannot be set without changing another. */
MUST_USE err *setter_edit(arena *a, str text, const struct setter_policies *policies,
                          struct setter_result *out);
/* "name:tag", "name:tag@digest" */
str setter_reference(arena *a, const struct setter_image *image);
