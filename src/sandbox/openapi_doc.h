#pragma once
/*
 * OpenAPI v3 of the kinds that are served, as far as kubectl reads it: types,
 * their kinds, and that patches take fieldValidation. One thread.
 */
#include "sandbox/served.h"

node *openapi_doc_index(arena *a, const struct served_table *table);
/* OpenAPI v2, which is here for one reader only: kubectl looks there for the kinds that are in a
 * List, to check them itself, and passes over what it does not find. So there are none in it, and
 * the server checks them. In protobuf when asked for. */
#define OPENAPI_DOC_V2_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
node *openapi_doc_v2(arena *a);
str openapi_doc_v2_protobuf(void);
/* NULL for a group that is not there. */
node *openapi_doc_of(arena *a, const struct served_table *table, str group, str version);
