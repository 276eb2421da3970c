#pragma once
/*
 * Webhooks over HTTP, below /hook/. A call is read on the loop, within its
 * bounds, and verified and acted upon by a few workers of its own, so that a
 * slow issuer of tokens delays nobody but other calls. Answers have no body.
 */
#include "control/manager.h"
#include "net/httpd.h"

struct hook_server;

struct hook_options {
    str address;
    str google_keys_url; /* empty: Google's */
};

/* [loop] */
MUST_USE err *hook_server_start(struct loop *loop, struct manager *manager,
                                struct hook_options options, struct hook_server **out);
int hook_server_port(const struct hook_server *server);
/* [loop] No call comes in any more. What is under way goes on. */
void hook_server_stop(struct hook_server *server);
/* Waits for the workers; the loop has to run meanwhile. After hook_server_stop. */
void hook_server_free(struct hook_server *server);
