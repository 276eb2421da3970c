#pragma once
/*
 * A provider is a service that notices are sent to; each is one file that
 * formats requests and never opens a connection:
 *
 *     static err *format(arena *a, const struct notice *notice, const struct target *target,
 *                        struct http_request *out)
 *     ...
 *     PROVIDER(zulip) = {.type = "zulip", .needs = NOTIFY_ADDRESS, .format = format};
 *
 * A request without a URL means that this service has nothing to be told. Where
 * one request is not enough (look first, then write), `then` reads each answer
 * and forms the next request. Errors never hold a secret. Pure; any thread.
 */
#include "base/roster.h"
#include "net/http.h"
#include "notify/notice.h"

/* Where to and as whom: a Provider with what its Secrets hold, and the Alert that has matched. */
struct target {
    str type, address, channel, user, password, token;
    const struct http_header *headers; /* of the Secret */
    size_t header_count;
    const node *secret; /* its data, decoded; NULL: there is none */
    str provider_namespace, provider_name, provider_uid;
    str alert_namespace, alert_name, alert_uid;
    str status_id; /* what commitStatusExpr gave; empty: it is not set */
};

/* One delivery under way, for providers with more than one request. */
struct exchange {
    arena *a;
    const struct notice *notice;
    const struct target *target;
    int step;     /* answers seen so far */
    void *memory; /* what the provider keeps between its steps */
};

/* For services that do not speak HTTP but in lines, over TCP. */
struct dial {
    str host; /* a name or an address */
    int port;
};
struct reply {
    str text;  /* to be said; empty: nothing */
    bool over; /* all went well */
};

enum {
    NOTIFY_ADDRESS = 1 << 0, /* what has to be given */
    NOTIFY_TOKEN = 1 << 1,
    NOTIFY_CHANNEL = 1 << 2,
    NOTIFY_COMMIT = 1 << 3,  /* shows the state of commits */
    NOTIFY_COMMENT = 1 << 4, /* writes on change requests */
    NOTIFY_UPDATES = 1 << 5, /* takes events that only refresh commits, too */
    NOTIFY_SINGLY = 1 << 6,  /* follows each object by itself: events are never summed up */
};

struct provider {
    const char *type;
    unsigned flags;
    err *(*format)(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out);
    /* Instead of format, where later requests need something of the first. */
    err *(*begin)(struct exchange *exchange, struct http_request *out);
    /* NULL: any 2xx is success. Called with each answer, whatever its status; *out without a URL
     * ends the exchange well. */
    err *(*then)(struct exchange *exchange, const struct http_response *answer,
                 struct http_request *out);
    /* Instead of all of these, for a service that speaks in lines: whom to connect to, and what
     * each line that it says is answered with. */
    err *(*dial)(struct exchange *exchange, struct dial *out);
    err *(*heard)(struct exchange *exchange, str line, struct reply *out);
};

ROSTER(provider, struct provider);
#define PROVIDER(ident) ROSTER_ROW(provider, struct provider, provider_##ident)

/* The first request of a delivery. */
MUST_USE err *notify_begin(const struct provider *provider, struct exchange *exchange,
                           struct http_request *out);
/* What follows an answer; no URL when all is done. */
MUST_USE err *notify_answered(const struct provider *provider, struct exchange *exchange,
                              const struct http_response *answer, struct http_request *out);
/* NULL when there is none of this type. */
const struct provider *notify_find(str type);

/* ---- for providers ---- */

void notify_header(arena *a, struct http_request *out, const char *name, str value);
/* POST of a document, escaped as Go does. */
void notify_json(arena *a, struct http_request *out, str url, const node *body);
/* A map of the pairs, up to a NULL key; a NULL value leaves its pair out. */
node *notify_map(arena *a, const char *key, node *value, ...) __attribute__((sentinel));
node *notify_list(arena *a, node *item, ...) __attribute__((sentinel));

/* The error of an answer that is not 2xx: "request failed with status code 404: not found". */
MUST_USE err *notify_check(const struct http_response *answer);
/* "https://host:port" of the address; INVALID when it is no http(s) URL. */
MUST_USE err *notify_origin(arena *a, str address, str *out);

/* "kustomization/apps.flux-system" */
str notify_object_name(arena *a, const struct notice *notice);
str notify_first_line(str text);
/* The text with spaces in place of control characters: for headers, logs, errors. */
str notify_one_line(arena *a, str text);
/* The text with an invisible space in each place where the service would see a mention of people or
 * a command of its own: after the first character of each trigger. The list ends with NULL. */
str notify_defuse(arena *a, str text, const char *const *triggers);
/* "✅" or so: the first for information, the second for errors. */
str notify_either(const struct notice *notice, const char *info, const char *error);
/* "reconciliation succeeded" for ReconciliationSucceeded */
str notify_reason_words(arena *a, str reason);
/* The block that zulip and comments on change requests show. */
str notify_markdown(arena *a, const struct notice *notice);
/* Bearer of the token, or basic authentication of user and password. */
void notify_authorize(struct http_request *out, const struct target *target);
