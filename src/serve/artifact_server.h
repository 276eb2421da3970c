#pragma once
/*
 * Artifacts over HTTP, at the paths that status.artifact.url names. [loop] Who
 * needs the address for something else, events, takes POST. The struct is the
 * caller's and outlives the listener.
 */
#include "net/httpd.h"
#include "source/artifact.h"

struct artifact_server {
    struct artifacts *artifacts;
    str address;
    httpd_fn *post; /* NULL: POST is refused */
    void *post_context;
    size_t post_limit; /* bytes of a body */
};

MUST_USE err *artifact_server_start(struct loop *loop, struct artifact_server *server,
                                    struct httpd **out);
