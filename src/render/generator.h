#pragma once
/*
 * configMapGenerator and secretGenerator: from one entry of a kustomization
 * to an object, and how a generated object goes together with one that is
 * there already. Pure: files come from the caller. Any thread.
 *
 * Errors about a Secret name the source and never its value.
 */
#include "doc/doc.h"

/* Reads a file of the kustomization; its errors are handed through. */
struct generator_files {
    err *(*read)(void *context, arena *a, str path, str *out);
    void *context;
};

enum generator_behavior {
    GENERATOR_UNSPECIFIED, /* also for a word that is none of the others */
    GENERATOR_CREATE,
    GENERATOR_REPLACE,
    GENERATOR_MERGE,
};

/* The entry, its `options` filled up from the kustomization's generatorOptions (or NULL). Neither
 * is changed. */
node *generator_entry(arena *a, const node *entry, const node *generator_options);

/* An entry {namespace, name, literals, files, envs, options, type} in canonical spelling, to an
 * object. Errors: "loading KV pairs: literal sources [=x]: invalid literal source =x, expected
 * key=value". */
MUST_USE err *generator_config_map(arena *a, const node *entry, struct generator_files files,
                                   node **out);
MUST_USE err *generator_secret(arena *a, const node *entry, struct generator_files files,
                               node **out);

enum generator_behavior generator_behavior(const node *entry);
const char *generator_behavior_name(enum generator_behavior behavior);
bool generator_wants_hash(const node *entry); /* unless options.disableNameSuffixHash */

/* How `object`, just generated, takes the place of `old`: it gets the name and namespace, the
 * labels and annotations it does not have itself, and with `merge` the data. `object` is changed in
 * place; texts of `old` are borrowed. */
MUST_USE err *generator_absorb(arena *a, const node *old, bool merge, node *object);
