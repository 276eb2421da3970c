#pragma once
/*
 * The kinds that the sandbox serves: those of builtin.json, and those that
 * stored CustomResourceDefinitions declare. Also what clients ask about kinds:
 * discovery, plain and aggregated, and OpenAPI v3. One thread.
 */
#include "sandbox/store.h"
#include "sandbox/typing.h"

struct served {
    str group, version, plural, singular, kind;
    str api_version; /* "apps/v1" */
    bool namespaced, custom, has_status, has_scale;
    const node *verbs, *short_names, *categories;
    const node *columns, *scale, *selectable; /* of a CRD version; may be NULL */
    struct typing typing;
    struct collection *collection;
};

struct served_table;

struct served_table *served_new(struct store *store);
void served_free(struct served_table *table);
/* Reads the stored CRDs anew; rows from before are gone. */
void served_refresh(struct served_table *table);

/* NULL when it is not served. */
const struct served *served_find(const struct served_table *table, str group, str version,
                                 str plural);
/* Any version when version is empty. */
const struct served *served_kind(const struct served_table *table, str group, str version,
                                 str kind);
const struct served *served_rows(const struct served_table *table, size_t *count_out);
struct typing served_type(const struct served_table *table, str name); /* of a built-in type */
struct collection *served_crds(const struct served_table *table);
bool served_has_group(const struct served_table *table, str group, str version);

/* Its objects count the changes of what is wanted. */
bool served_has_generation(const struct served *served);

/* Documents of discovery; NULL for a group that is not there. */
node *served_groups(arena *a, const struct served_table *table);
node *served_group(arena *a, const struct served_table *table, str group);
node *served_resources(arena *a, const struct served_table *table, str group, str version);
node *served_aggregated(arena *a, const struct served_table *table, bool core);
