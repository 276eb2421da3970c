#pragma once
/*
 * One request from its start to its end: what libcurl is told, redirects,
 * bounds on what comes back, time-outs, and errors in plain words. [loop]
 *
 * A transfer is embedded in its owner and zeroed before the start. The request
 * with its texts, the arena and the transfer itself stay as they are until
 * `done` was called or transfer_stop has returned.
 */
#include "net/client.h"

struct transfer {
    struct client *client;
    const struct http_request *request;
    const struct http_events *events;
    void *context;
    arena *arena; /* keeps the head of the answer */
    bool unbounded; /* no body limit unless the request has one */

    /* Of the current hop; a redirect begins the next one. */
    struct multi_handle *handle; /* NULL when not under way */
    struct url url;
    str host_port;
    const char *method;
    str body;
    bool trusted; /* still the server that the request was for */
    int redirects;

    struct http_response response;
    size_t header_room, header_bytes, body_bytes, body_limit;
    bool head_complete, redirecting;
    err *error; /* why a callback of libcurl gave up */

    struct loop_timer timer; /* the end of time, or the next look for a stall */
    int64_t started_ns, deadline_ns; /* 0: it may take for ever */
    int64_t stall_ns, look_ns;       /* 0: it may stall for ever */
    int64_t received_bytes;          /* over all hops */
    int64_t moved_bytes;             /* both ways, as of the last look */
};

/* Every outcome, a bad URL too, comes as an event after the return. */
void transfer_start(struct transfer *transfer);
/* No event after this. Not from within an event of head or data. */
void transfer_stop(struct transfer *transfer);
/* Ends it with an error, which goes to done. Not from within an event of head or data. */
void transfer_fail(struct transfer *transfer, err *e);
/* For the client's multi: libcurl has ended the hop. */
void transfer_hop_ended(void *owner, CURLcode code);
