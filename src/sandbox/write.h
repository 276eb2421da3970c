#pragma once
/*
 * Changes of objects: create, update, patch and apply, for clients and
 * for the controllers of the sandbox alike. One thread.
 */
#include "sandbox/world.h"

/* For clients: the call's verb, body and parameters decide. *out is a node to send, which lives as
 * long as the call's arena and the stored object. */
MUST_USE err *write_do(struct call *call, const node **out);

/* For controllers: the object as it is to be; created, or changed where it differs. The part that
 * is changed: "" or "status". */
MUST_USE err *write_put(struct world *world, const struct served *served, const char *manager,
                        const char *subresource, node *object);
