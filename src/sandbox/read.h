#pragma once
/*
 * Objects for clients: one, or a page of many, in the form that was asked for;
 * and which objects a request selects. Loop thread.
 */
#include "doc/selector.h"
#include "sandbox/world.h"

struct read_filter {
    struct selector labels, fields;
    str namespace, name;
};
/* By the call's namespace, name and selectors; texts are the call's. */
MUST_USE err *read_filter_of(const struct call *call, struct read_filter *out);
bool read_matches(const struct read_filter *filter, const node *object);

/* What the Accept header asks for. */
enum read_form_kind { READ_OBJECT, READ_PARTIAL, READ_TABLE };
enum read_form_kind read_form_of(const struct call *call);
const node *read_shaped(arena *a, const struct served *served, enum read_form_kind form,
                        str include, const node *object);
const node *read_form(const struct call *call, const node *object);

MUST_USE err *read_list(struct call *call, const node **out);
/* The objects that a list would have, as "namespace/name". */
MUST_USE err *read_keys(struct call *call, str **keys_out, size_t *count_out);
