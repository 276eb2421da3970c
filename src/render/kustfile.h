#pragma once
/*
 * The kustomization file: read with YAML 1.1 rules, checked field by field,
 * old fields moved to their new places. The tree that comes out has every name
 * spelled as documented, nothing null and nothing unknown. Pure; any thread.
 */
#include "base/buf.h"
#include "render/decode.h"

struct kustfile {
    node *root;    /* canonical: node_get(root, STR("namePrefix")) and so on */
    str file_name; /* "kustomization.yaml" */
    bool component;
};

/* The names a file may have; the first of the tables is the one that is made. */
#define KUSTFILE_NAME_COUNT 3
extern const str kustfile_names[KUSTFILE_NAME_COUNT];

/*
 * Reads the text of a file in the folder that messages call `root`. Deprecation notices are added
 * to `warnings`, a line each. Errors: "invalid Kustomization: json: unknown field "x"",
 * "kustomization.yaml is empty".
 */
MUST_USE err *kustfile_read(arena *a, str text, str file_name, str root, buf *warnings,
                            struct kustfile *out);
/* The same from a tree that kustfile_decode made. */
MUST_USE err *kustfile_use(arena *a, node *decoded, str file_name, str root, buf *warnings,
                           struct kustfile *out);
/* Only the fields: unknown ones are an error when strict, else dropped. */
MUST_USE err *kustfile_decode(arena *a, str text, bool strict, node **out);
MUST_USE err *kustfile_decode_node(arena *a, const node *value, bool strict, node **out);

/* Types that configs of plugins share with the file. */
extern const struct decode_struct kustfile_selector, kustfile_field_spec, kustfile_patch_args,
    kustfile_image, kustfile_replica, kustfile_replacement, kustfile_config_map_args,
    kustfile_secret_args;
