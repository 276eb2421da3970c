#pragma once
/*
 * GitHub, as its providers share it: where the API is, and a token, which an
 * App has to ask for first. Pure.
 */
#include "notify/forge.h"

struct github {
    str api;  /* "https://api.github.com", or "https://host/api/v3" */
    str repo; /* "<api>/repos/owner/name" */
    str token;
    str user; /* "<slug>[bot]" of an App, when asked for; else empty */
    bool ready;
};

/* For github_open: what has to be known before the provider's own requests. */
struct github_wish {
    bool user; /* the name that an App writes under */
    /* The provider's first request, once there is a token. */
    err *(*work)(struct exchange *exchange, const struct github *github, struct http_request *out);
    /* Its answers. */
    err *(*worked)(struct exchange *exchange, const struct http_response *answer,
                   struct http_request *out);
};

/* `begin` and `then` of a provider. While there is no token yet, exchange->memory is ours; after
 * that it is the provider's, and the step is counted from its first request. */
MUST_USE err *github_open(struct exchange *exchange, const struct github_wish *wish,
                          struct http_request *out);
MUST_USE err *github_answered(struct exchange *exchange, const struct http_response *answer,
                              struct http_request *out);
/* What every request to the API carries. */
void github_equip(arena *a, const struct github *github, struct http_request *out);
