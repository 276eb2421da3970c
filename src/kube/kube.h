#pragma once
/*
 * Requests to one API server. A `struct kube` is made once and used from any
 * thread; kube_do and kube_batch block and are for workers (the CLI's main
 * thread counts as one while another thread runs the loop).
 *
 * Every error has the kind and reason of the server's Status (kube_status.h):
 * NOT_FOUND, CONFLICT, INVALID, DENIED, TRANSIENT (429, 5xx, time-out,
 * connection). 429 and 503 with Retry-After are waited for and tried again
 * inside, at most LIMIT_KUBE_WAIT_NS in all. What the server quotes of a Secret
 * is taken out of its message.
 */
#include <stdatomic.h>

#include "doc/doc.h"
#include "kube/kube_status.h"
#include "kube/kubeconfig.h"
#include "net/http.h"

struct kube;

struct kube_options {
    str field_manager; /* default for applies and patches */
    str user_agent;
    str impersonate; /* empty: the kubeconfig's `as`, else ourselves */
};

/* [any] Texts are copied. Nothing is sent yet. */
MUST_USE err *kube_new(struct loop *loop, const struct kubeconfig *config,
                       struct kube_options options, struct kube **out);
/* [any] The same server as another user ("system:serviceaccount:ns:name"): shares the connections
 * and what was discovered with `kube`, either may be freed first. An empty user is refused, so that
 * a lost name never means "with our own rights". */
MUST_USE err *kube_impersonate(struct kube *kube, str user, struct kube **out);
void kube_free(struct kube *kube); /* [any] when nothing of it is under way any more */
struct loop *kube_loop(const struct kube *kube);
str kube_server(const struct kube *kube);

/* A kind, an object. Texts are borrowed. */
struct kube_kind {
    str group, version, kind; /* group "" is core */
};
struct kube_ref {
    struct kube_kind kind;
    str namespace, name; /* namespace "" for cluster-scoped */
};
struct kube_kind kube_kind_of(const node *object);
struct kube_ref kube_ref_of(const node *object);
str kube_api_version(arena *a, struct kube_kind kind); /* "v1", "apps/v1" */
struct kube_kind kube_kind_parse(str api_version, str kind);
/* "Deployment/ns/name", cluster-scoped "Namespace/name". */
str kube_ref_text(arena *a, struct kube_ref ref);

enum kube_verb {
    KUBE_GET,
    KUBE_LIST, /* all pages, gathered into one List node, unless limit is set; without a name */
    KUBE_CREATE,
    KUBE_UPDATE,
    KUBE_APPLY, /* server-side apply of body */
    KUBE_MERGE_PATCH,
    KUBE_JSON_PATCH,
    KUBE_DELETE,
};

struct kube_request {
    enum kube_verb verb;
    struct kube_ref ref;
    const char *subresource; /* "status" or NULL */
    const node *body;
    str body_json; /* instead of body: ready-made JSON */
    bool dry_run;
    bool force;        /* apply: take fields from other managers */
    str field_manager; /* empty: the client's */
    str label_selector, field_selector;
    int limit;
    bool metadata_only;      /* answer is PartialObjectMetadata(List), whatever the verb */
    const char *propagation; /* delete: "Background" (default), "Foreground", "Orphan" */
    str uid;                 /* delete: precondition, when not empty */
    str resource_version;    /* the same; list: from that version on */
    int64_t timeout_ms;      /* 0: 30 s */
    str continue_token;      /* list: the page to begin with */
    int watch_seconds;       /* list: above 0 it is a WATCH; only watch.c asks for that */
};

/* [worker] The answer is in the arena; out may be NULL when it is of no interest. A ref without a
 * version means the one the server prefers. Names that would change the path ("..", "a/b", an empty
 * one) are INVALID and never sent. */
MUST_USE err *kube_do(struct kube *kube, arena *a, const struct kube_request *request, node **out);

/* [worker] Many requests, at most LIMIT_BATCH_IN_FLIGHT at a time. done runs on the calling thread
 * exactly once for each, in any order; object lives in `a`, which is reset after the call; done
 * owns the error. After `cancel` turns true no further request is sent and the rest end as
 * CANCELED. A LIST in a batch gets one page. */
typedef void kube_done_fn(void *context, size_t index, arena *a, node *object, err *error);
void kube_batch(struct kube *kube, const struct kube_request *requests, size_t count,
                const atomic_bool *cancel, kube_done_fn *done, void *context);

/* [worker] A raw GET such as "/version" or "/openapi/v3". */
MUST_USE err *kube_raw(struct kube *kube, arena *a, str path, str *out);

/* ---- What the server offers: kept until a CRD or APIService changes ---- */

struct kube_resource {
    str plural;
    bool namespaced;
    bool can_watch, can_list;
};
/* [worker] NOT_FOUND with reason "NoMatch" ("no matches for kind 'X' in version 'g/v'") when the
 * server has no such kind; it asks the server again at most once per second before it says so.
 * TRANSIENT when the server cannot say now, because the API service behind the group is down. */
MUST_USE err *kube_resource_of(struct kube *kube, arena *a, struct kube_kind kind,
                               struct kube_resource *out);
/* The version the server prefers for a group and kind (used when an id has no version). */
MUST_USE err *kube_preferred(struct kube *kube, arena *a, str group, str kind,
                             struct kube_kind *out);
/* [any] What was discovered may be out of date. Known kinds are asked for again at most once per
 * second, unknown ones at once. */
void kube_forget(struct kube *kube);
/* "/apis/apps/v1/namespaces/x/deployments/y"; without a name, the collection. */
str kube_path(arena *a, struct kube_ref ref, const struct kube_resource *resource);

/* ---- For kube_call, watch and event ---- */
/* [any] The request with its URL, headers, body and credentials, all in the arena. */
MUST_USE err *kube_prepare(struct kube *kube, arena *a, const struct kube_request *request,
                           const struct kube_resource *resource, struct http_request *out);
/* [any] An answer for the metrics; a status of 0: there was none. */
void kube_count_answer(const struct kube *kube, const struct http_request *request, int status);
/* Watches have connections of their own, so that they never take a stream from a request. */
struct http *kube_http(const struct kube *kube, bool watch);
/* [any] The server refuses this token: reads the file again. True when we have another now. */
bool kube_renew_token(struct kube *kube, str refused);
/* [any] For how long no worker has been waiting for this server; 0 while one is. */
int64_t kube_quiet_ns(const struct kube *kube);
