#pragma once
/*
 * HTTP clients by whom they trust: requests with the same certificates, keys
 * and proxy share one client and its kept connections, others never do. At most
 * LIMIT_HTTP_TRUSTS are kept; the one that was not used for longest goes first.
 */
#include "net/http.h"

struct trust;

struct trust *trust_new(struct loop *loop); /* [any] */
void trust_free(struct trust *trust);       /* [any] when every client was given back */

/* [any] The client for these options, made if there is none. Give it back when the requests are
 * done. INVALID for certificates, keys and proxies that cannot be used. */
MUST_USE err *trust_take(struct trust *trust, const struct http_options *options,
                         struct http **out);
void trust_give(struct trust *trust, struct http *http);
