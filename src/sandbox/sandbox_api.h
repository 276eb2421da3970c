#pragma once
/*
 * The router: an HTTP request becomes a call, is authenticated and authorized,
 * and its outcome becomes an answer. Loop thread.
 */
#include "net/httpd.h"
#include "sandbox/fault.h"
#include "sandbox/late.h"
#include "sandbox/watcher.h"
#include "sandbox/world.h"

struct sandbox_api_user {
    str token, name;
    const str *groups;
    size_t group_count;
};

struct sandbox_api {
    struct world *world;
    struct watcher *watcher;
    struct httpd *httpd; /* for streams; NULL: watches are refused */
    const struct sandbox_api_user *users;
    size_t user_count;
    struct fault_rules faults;
    struct late *late; /* for answers that a fault holds back */
    int audit_fd;      /* a line of JSON per request; -1: none */
};

/* What of a request matters here; httpd fills it, and tests. */
struct sandbox_api_request {
    str method, path, query, body;
    str authorization, accept, accept_encoding, content_type, user_agent, impersonate;
};
/* Tells what fault there is to come beyond the answer: it is to be lost, or to wait. */
struct fault sandbox_api_answer(struct sandbox_api *api, arena *a,
                                const struct sandbox_api_request *request,
                                struct httpd_answer *answer);
/* The handler of httpd; the context is the sandbox_api. */
void sandbox_api_handle(void *context, arena *a, const struct httpd_request *request,
                        struct httpd_answer *answer);
