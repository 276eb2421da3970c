#pragma once
/*
 * HTTP server (the only user of libmicrohttpd, with file_answer, its part). A
 * listener has one handler; it runs on the loop thread, gets a complete request
 * (body within its bound) and answers with bytes or with a file. Slow clients
 * cost a socket, not a thread; connections, header bytes, body bytes, of one
 * request and of all, and time are bounded (limits.h). While nobody asks, it costs nothing.
 *
 * Refused before the handler sees it: a target that is not an absolute path, a
 * path that does not decode, or holds NUL, a control character, a backslash or
 * a segment "." or ".." in any spelling (400); a body longer than body_limit
 * (413); a length that is stated twice (400).
 */
#include "base/arena.h"
#include "base/loop.h"

struct httpd;

struct httpd_request {
    str method;
    str path;  /* decoded; begins with '/' and is otherwise as sent, "//" too */
    str query; /* as sent, without the '?' */
    str body;
    str peer;         /* address of the client */
    void *connection; /* for httpd_header */
    void *place;      /* for httpd_defer */
};
/* Its value, empty when missing; the name in any case. */
str httpd_header(const struct httpd_request *request, const char *name);

struct httpd_field {
    str name, value;
};

struct httpd_answer {
    int status;
    str body;         /* copied */
    str content_type; /* empty: none is sent */
    /* Instead of a body: the path of a regular file; its last part must not be a symbolic link.
     * Sent with ETag and Last-Modified, or as 206, 304 or 416 where the request asks for it. A file
     * that cannot be opened answers 404. */
    str file;
    const struct httpd_field *fields; /* further header lines, copied */
    size_t field_count;
    /* Instead of a body: one that goes on (httpd_stream_new). */
    struct httpd_stream *stream;
};
/* The request, the arena and what the answer points to live until the return; who defers an answer
 * copies what is needed later. */
typedef void httpd_fn(void *context, arena *a, const struct httpd_request *request,
                      struct httpd_answer *answer);

/* A request that is answered later; the connection is not looked at meanwhile. Whoever holds the
 * ticket answers it once, whatever has become of the client or the listener. */
struct httpd_ticket;
/* [loop] Within the handler, whose answer is then not looked at. */
struct httpd_ticket *httpd_defer(const struct httpd_request *request);
void httpd_reply(struct httpd_ticket *ticket, const struct httpd_answer *answer); /* [loop] */

/*
 * A body that comes in pieces for as long as the client listens. Made by a handler and handed to
 * the answer. `gone` is called once, when the connection is over or the stream was ended and sent;
 * after that the stream is no more. All on the loop thread.
 */
struct httpd_stream *httpd_stream_new(struct httpd *httpd, void (*gone)(void *context),
                                      void *context);
/* False, and the connection is closed, when the client reads too slowly (limits.h). */
bool httpd_stream_write(struct httpd_stream *stream, str bytes);
void httpd_stream_end(struct httpd_stream *stream); /* after what was written */
/* The connection ends, and the client can tell that the body is not whole. */
void httpd_stream_break(struct httpd_stream *stream);

struct httpd_options {
    str address;       /* ":9090", "127.0.0.1:0", "[::1]:80" */
    size_t body_limit; /* 413 beyond it; 0: no body at all */
    httpd_fn *handler;
    void *context;
    str cert_pem, key_pem; /* TLS; empty: plain HTTP */
};

/* [loop] INVALID for an address that cannot be read, TRANSIENT when it is in use. */
MUST_USE err *httpd_start(struct loop *loop, struct httpd_options options, struct httpd **out);
void httpd_stop(struct httpd *httpd);      /* [loop] closes every connection; not from a handler */
int httpd_port(const struct httpd *httpd); /* the real one when port 0 was asked */
