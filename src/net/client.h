#pragma once
/*
 * What all requests of one `struct http` share: the texts of its options, whom
 * it trusts, its proxies, its connections. Made on any thread, then [loop].
 */
#include <sys/socket.h>

#include "net/http.h"
#include "net/multi.h"
#include "net/tls.h"
#include "net/url.h"

enum { CLIENT_CONNECT_MS = 30 * 1000 }; /* also of a request that may take for ever */

struct client {
    struct loop *loop;
    struct multi *multi;
    struct tls *tls;
    struct http_options options; /* texts in the arena and terminated; the PEM texts are empty */
    str proxy_http, proxy_https; /* terminated; empty: none */
    str proxy_except;            /* NO_PROXY */
    bool proxy_from_environment;
    arena arena;
};

/* done(owner, code): the transfer that `owner` started on a handle has ended. */
MUST_USE err *client_new(struct loop *loop, struct http_options options,
                         void (*done)(void *owner, CURLcode code), struct client **out);
void client_free(struct client *client);
/* The proxy for a URL, terminated; empty when there is none. Whether NO_PROXY excepts the host is
 * libcurl's to decide. */
str client_proxy(const struct client *client, const struct url *url);
/* INVALID when options.no_link_local forbids the host as it is written, which a proxy would reach
 * for us; what a name resolves to is looked at when a connection is made. */
MUST_USE err *client_check(const struct client *client, const struct url *url);
/* 169.254.0.0/16 and fe80::/10, also mapped into IPv6. */
bool client_is_link_local(const struct sockaddr *address, size_t len);
