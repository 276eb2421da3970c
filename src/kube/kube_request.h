#pragma once
/*
 * A kube_request as an HTTP request: method, URL, headers and body, without
 * the credentials. Pure.
 */
#include "kube/kube.h"

/* What the client adds to every request. */
struct kube_request_client {
    str server, field_manager, impersonate;
};

/* Everything is in the arena. INVALID when a name or namespace would change the path. */
MUST_USE err *kube_request_build(arena *a, struct kube_request_client client,
                                 const struct kube_request *request,
                                 const struct kube_resource *resource, struct http_request *out);
