#pragma once
/*
 * configMapGenerator and secretGenerator: from one entry of a kustomization
 * to an object, and how a generated object goes together with one that is
 * there already. Pure: files come from the caller. Any thread.
 */
#include "doc/doc.h"

/* Reads a file of the kustomization; its errors are handed through. */
struct generator_files {
    err *(*read)(void *context, arena *a, str path, str *out);
    void *context;
};

enum generator_behavior { GENERATOR_UNSPECIFIED, GENERATOR_CREATE, GENERATOR_REPLACE, GENERATOR_MERGE };

/* An entry as it is meant: `options` filled up from the kustomization's generatorOptions (may be
 * NULL). The nodes of the arguments are not changed. */
node *generator_entry(arena *a, const node *entry, const node *generator_options);

/* An entry {namespace, name, behavior, literals, files, envs, options, type} in canonical spelling
 * to an object. Errors: "loading KV pairs: literal sources [=x]: invalid literal source =x, expected
 * key=value". */
MUST_USE err *generator_config_map(arena *a, const node *entry, struct generator_files files,
                                   node **out);
MUST_USE err *generator_secret(arena *a, const node *entry, struct generator_files files,
                               node **out);

enum generator_behavior generator_behavior(const node *entry); /* an unknown text is unspecified */
const char *generator_behavior_name(enum generator_behavior behavior);
bool generator_wants_hash(const node *entry); /* unless options.disableNameSuffixHash */

/* How `object`, just generated, takes over from `old`: keeps its name and namespace, its labels and
 * annotations where it has none, and with `merge` its data. `object` is changed in place; nothing of
 * `old` is shared afterwards. */
MUST_USE err *generator_absorb(arena *a, const node *old, bool merge, node *object);
