#pragma once
/*
 * HTTP server (the only user of libmicrohttpd). A listener has one handler; it
 * runs on the loop thread, gets a complete request (body within its bound) and
 * answers with bytes or with a file. Slow clients cost a socket, not a thread;
 * connections, header bytes, body bytes and idle time are bounded.
 */
#include "base/arena.h"
#include "base/loop.h"

struct httpd;

struct httpd_request {
    str method, path, query; /* path is decoded; one that does not decode or holds NUL is refused before */
    str body;
    str peer;                /* address of the client */
    void *connection;        /* for httpd_header */
};
str httpd_header(const struct httpd_request *request, const char *name);

struct httpd_answer {
    int status;
    str body;               /* copied */
    str content_type;
    str file;               /* instead of body: served with Range, HEAD, ETag, Last-Modified */
    const struct httpd_field {
        str name, value;
    } *fields;              /* further header lines, copied */
    size_t field_count;
};
typedef void httpd_fn(void *context, arena *a, const struct httpd_request *request,
                      struct httpd_answer *answer);

struct httpd_options {
    str address;            /* ":9090", "127.0.0.1:0", "[::1]:80" */
    size_t body_limit;      /* 413 beyond it; 0: no body at all */
    httpd_fn *handler;
    void *context;
};
MUST_USE err *httpd_start(struct loop *loop, struct httpd_options options, struct httpd **out);
void httpd_stop(struct httpd *httpd);
int httpd_port(const struct httpd *httpd); /* the real one when port 0 was asked */
