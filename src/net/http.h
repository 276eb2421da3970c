#pragma once
/*
 * HTTP client (the only user of libcurl, with client, multi and transfer, its
 * parts). Connections live on the loop thread and are kept alive; HTTP/2
 * requests share one connection per host. TLS is 1.2 or newer.
 *
 * http_do and http_do_all are for workers: they block until the answers are in,
 * so they need a loop that runs. http_send is for those who do not wait (see
 * talk.h). http_open is for the loop: events as they come, for watches and
 * downloads.
 *
 * A status of 400 or more is an answer, not an error. Errors are TRANSIENT
 * (connection, certificate, time-out; reason "Timeout" for the latter), INVALID
 * (bad URL or header, a bound crossed, a redirect that is not followed) or
 * CANCELED. They begin with "host:port: "; nothing else of a URL appears in
 * them, because even a path may be a secret (webhooks).
 *
 * Redirects: never from https to http. To another server go neither credentials
 * nor headers that may hold some (only Accept*, Content-Type, Git-Protocol,
 * If-*, Range, User-Agent do), and a request with a body is not sent there. "The
 * same server" is the same host and port; from http:80 to https:443 counts too.
 *
 * Answers are decompressed (gzip) unless the request has an Accept-Encoding or
 * a Range header; limits count what comes out.
 */
#include <stdatomic.h>

#include "base/arena.h"
#include "base/loop.h"

struct http; /* a client: one trust domain with its own connections */

struct http_options {
    str ca_pem;            /* added to the system's certificates; empty: the system's only */
    bool ca_only;          /* trust ca_pem alone (Kubernetes API server) */
    str cert_pem, key_pem; /* client certificate */
    str server_name;       /* SNI and certificate name, when not the URL's host */
    bool insecure;         /* do not verify the server */
    str proxy, proxy_user, proxy_password; /* empty proxy: from the environment, with NO_PROXY */
    bool no_proxy;                         /* never a proxy, whatever the environment says */
    bool no_link_local; /* refuse 169.254.0.0/16 and fe80::/10, whatever a name resolves to: the
                           metadata services of clouds give out credentials there */
    str user_agent;
    int connections_per_host; /* 0: 4. HTTP/2 needs one; over HTTP/1.1 each stream holds one. */
    /* Of each request. 0: LIMIT_HTTP_BUFFER_BYTES; less for streams that are many and small. */
    int buffer_bytes;
};

/* [any] Texts are copied. INVALID for certificates, keys and proxies that cannot be used. */
MUST_USE err *http_new(struct loop *loop, struct http_options options, struct http **out);
/* [any] Soon, on the loop: what is under way ends as CANCELED. Nobody starts requests any more. */
void http_free(struct http *http);

struct http_header {
    str name, value;
};

struct http_request {
    const char *method; /* NULL: GET, or POST with a body */
    str url;
    const struct http_header *headers;
    size_t header_count;
    str body;
    str user, password; /* basic authentication; dropped on a redirect to another host */
    str bearer;         /* the same for a bearer token */
    int64_t timeout_ms; /* whole request; 0: 60 s; negative: none */
    int64_t stall_ms;   /* less than 1 byte/s for that long is a time-out, also while the server
                           thinks; 0: 30 s; negative: none */
    size_t body_limit;  /* of the answer; 0: LIMIT_HTTP_BODY_BYTES, no limit for http_open */
    bool follow;        /* redirects, at most LIMIT_HTTP_REDIRECTS; never from https to http */
    bool no_http2;
    const atomic_bool *cancel; /* checked by http_do and http_do_all; may be NULL */
};

struct http_response {
    int status;
    str body;
    struct http_header *headers; /* names in lower case */
    size_t header_count;
};

/* Its value, empty when missing; the name in lower case. */
str http_header(const struct http_response *response, str name);

/* [worker] The answer is in the arena, which nobody else may use meanwhile. */
MUST_USE err *http_do(struct http *http, arena *a, const struct http_request *request,
                      struct http_response *out);

/* [worker] Many requests, at most in_flight at a time. done runs on the calling thread for each of
 * them, in the order in which the answers arrive, while the others are under way. `a` holds the
 * answer and is reset after the call. done owns the error; response is NULL when there is one. The
 * first request's `cancel` counts for all of them. */
typedef void http_done_fn(void *context, size_t index, arena *a,
                          const struct http_response *response, err *error);
void http_do_all(struct http *http, const struct http_request *requests, size_t count,
                 int in_flight, http_done_fn *done, void *context);

/* [any] Starts a request, which is copied, and returns. done runs once, on the loop, and owns the
 * error; response is NULL when there is one. Request and answer are in the arena, which nobody else
 * may use before done is called. */
typedef void http_sent_fn(void *context, const struct http_response *response, err *error);
void http_send(struct http *http, arena *a, const struct http_request *request, http_sent_fn *done,
               void *context);

/* [loop] A streamed answer: `head` (may be NULL) once, `data` as it comes, `done` once, with NULL
 * at a clean end. data may return an error to end the stream: done gets it. A failure may bring
 * done alone. No event comes from within http_open. The request is copied. */
struct http_stream;
struct http_events {
    void (*head)(void *context, const struct http_response *response); /* body empty */
    err *(*data)(void *context, str bytes);
    void (*done)(void *context, err *error); /* owns the error */
};
struct http_stream *http_open(struct http *http, const struct http_request *request,
                              const struct http_events *events, void *context);
/* [loop] No event after this. Also from within any event, of this stream or of another. After done
 * has returned, the stream is gone and must not be closed. */
void http_close(struct http_stream *stream);
