#pragma once
/*
 * OpenAPI v3 of the kinds that are served, as far as kubectl reads it: types,
 * their kinds, and that patches take fieldValidation. One thread.
 */
#include "sandbox/served.h"

node *openapi_doc_index(arena *a, const struct served_table *table);
/* NULL for a group that is not there. */
node *openapi_doc_of(arena *a, const struct served_table *table, str group, str version);
