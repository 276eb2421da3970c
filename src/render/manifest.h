#pragma once
/*
 * A file of manifests to objects: split into documents, lists of objects taken
 * apart, each checked to have a kind and a name. Pure; any thread.
 */
#include "render/hint.h"

struct manifest_object {
    node *root;
    const struct hints *hints; /* schemas in its comments; may be NULL */
};

struct manifest_objects {
    struct manifest_object *items;
    size_t count, room;
};

/* Documents without content are left out. Errors are the reference's: "MalformedYAMLError: yaml:
 * line 3: ...", "missing metadata.name in object {{v1 ConfigMap} {{ } map[] map[]}}". */
MUST_USE err *manifest_read(arena *a, str text, struct manifest_objects *out);
/* What every object needs: a kind, and unless it is a list, a name. */
MUST_USE err *manifest_check(arena *a, const node *object);
/* " in File: PATH" behind the error of a file that is no YAML; other errors stay as they are. */
MUST_USE err *manifest_name_file(err *e, str path);
/* An error of manifest_read that says that the text is no YAML. */
bool manifest_is_malformed(const err *e);
