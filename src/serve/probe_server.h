#pragma once
/*
 * What a cluster asks a process: /healthz (the loop answers), /readyz (the
 * caller says) and, on the metrics port, /metrics.
 */
#include "net/httpd.h"

struct probe_options {
    str address;
    bool metrics;                    /* serve /metrics; else /healthz and /readyz */
    bool (*is_ready)(void *context); /* on the loop */
    void *context;
};

struct probe_server;
MUST_USE err *probe_server_start(struct loop *loop, struct probe_options options,
                                 struct probe_server **out);
void probe_server_stop(struct probe_server *server);
