#pragma once
/*
 * The operator: watches our kinds, keeps the queue, runs reconcilers on the
 * workers, and tells those who refer to an object when it changed.
 *
 * A reconciler is straight-line code on a worker. It reads the current state
 * (work->object, manager_get), does what is left to do, and returns. What has
 * to wait is not waited for: the reconciler returns an outcome that names when,
 * or what, brings the key back, and goes on from current state then.
 */
#include <stdatomic.h>

#include "base/map.h"
#include "control/objects.h"
#include "kube/event.h"
#include "kube/kube.h"

struct manager;
struct observed;  /* apply/observed.h */
struct artifacts; /* the artifact store, source/artifact.h */
struct from_git;  /* source/from_git.h */
struct hub;       /* notify/hub.h */
struct registry;  /* oci/registry.h */
struct controller;

/* One run of a reconciler. Everything in the arena lives as long as the run. */
struct work {
    struct manager *manager;
    const struct controller *controller;
    arena *a;
    str namespace, name;
    node *object;  /* our own copy of the object as last seen; never NULL */
    void **memory; /* what the controller remembers of this object between runs; starts NULL */
    const atomic_bool
        *cancel; /* true once the work is no longer wanted (a newer revision, the end) */
};

struct outcome {
    int64_t again_ns; /* look again after this; 0: only when something changes */
    bool retry;       /* look again with exponential back-off instead */
};

/* A controller is one file with one of these at its end. */
struct controller {
    const char *name; /* for --controllers and logs: "kustomization" */
    struct kube_kind kind;
    const char *plural;    /* "kustomizations" */
    const char *component; /* who its events are from: the name of Flux's controller */
    int workers_least;     /* more than --concurrent where a run may wait for a slow server */
    /* Errors are for what the reconciler did not expect: logged, and tried again with back-off. */
    err *(*reconcile)(struct work *work, struct outcome *out);
    /* What the object refers to, as keys "Kind/ns/name"; the name "*" stands for every
     * one of a namespace. May be NULL. */
    void (*refs)(arena *a, const node *object, str **keys_out, size_t *count_out);
    /* Another object that this one refers to has changed: does it have to be looked at? NULL: yes.
     * `changed` is NULL when it is gone. Runs on the loop. */
    bool (*wants)(const node *object, str changed_key, const node *changed);
    /* The object is gone from the cluster: free its memory. Any thread. */
    void (*forget)(void *memory);
    /* The watch brings the object, or (NULL) its end. Before anything is reconciled, every object
     * has been seen. Runs on the loop; may be NULL. */
    void (*seen)(struct manager *manager, str key, const node *object);
};

#include "base/roster.h"
ROSTER(controller, struct controller);
#define CONTROLLER(ident) ROSTER_ROW(controller, struct controller, controller_##ident)

struct manager_options {
    str namespace;            /* empty: all namespaces */
    str runtime_namespace;    /* where the operator runs: "flux-system" */
    str storage_path;         /* caches: mirrors, artifacts, trees */
    str advertised_address;   /* host[:port] in artifact URLs */
    str watch_label_selector; /* sharding */
    str controllers;          /* comma list of names; empty: all */
    str default_service_account;
    str ssh_kex_algorithms, ssh_host_key_algorithms; /* of OpenSSH, by commas; empty: its own */
    int concurrent;     /* workers per controller */
    int jitter_percent; /* of intervals */
    int64_t requeue_dependency_ns;
    int64_t retry_first_ns, retry_last_ns;
    int retention_records; /* of artifacts */
    int64_t retention_ttl_ns;
    bool no_cross_namespace_refs, no_remote_bases;
    struct manager_notices {
        int64_t same_ns;                       /* events that repeat another are dropped */
        int64_t retry_first_ns, retry_last_ns; /* of deliveries */
        int64_t flood_window_ns;
        int flood_threshold, rate;
        str forward; /* URL that events of ours are posted to; empty: none */
    } notices;
};

MUST_USE err *manager_new(struct loop *loop, struct kube *kube, struct manager_options options,
                          struct manager **out);
void manager_start(struct manager *manager); /* [loop] watches and workers begin */
void manager_stop(struct manager *manager);  /* no new work; waits for what runs */
void manager_free(struct manager *manager);
/* Is the controller of this kind one that runs here? */
bool manager_runs(struct manager *manager, str kind);
bool manager_is_synced(const struct manager *manager); /* every watch of our kinds has its list */

/* What a reconciler may use. [any] */
struct kube *manager_kube(struct manager *manager);
struct loop *manager_loop(struct manager *manager);
const struct manager_options *manager_options_of(const struct manager *manager);
struct artifacts *manager_artifacts(struct manager *manager);
struct from_git *manager_git(struct manager *manager);
struct observed *manager_observed(struct manager *manager);
struct http *manager_http(struct manager *manager);
struct registry *manager_registry(struct manager *manager);
struct hub *manager_hub(struct manager *manager);

/* Another object of our kinds, as last seen; NULL when there is none. */
node *manager_get(struct manager *manager, arena *a, str kind, str namespace, str name);
/* All objects of one of our kinds in a namespace, by name. */
void manager_list(struct manager *manager, arena *a, str kind, str namespace, node ***out,
                  size_t *count_out);
/* Keys "Kind/ns/name" of objects of ours that refer to a key. */
void manager_referrers(struct manager *manager, arena *a, str key, str **keys_out,
                       size_t *count_out);
/* Runs the key's reconciler soon. key is "Kind/ns/name". */
void manager_enqueue(struct manager *manager, str key);
void manager_enqueue_after(struct manager *manager, str key, int64_t delay_ns);
/* Runs the key again once a CustomResourceDefinition appears or changes. */
void manager_await_definitions(struct manager *manager, str key);
/* The answer of a write to one of our objects: readers see it before the watch brings it. */
void manager_saw(struct manager *manager, const node *object);

/* Reports for people: a Kubernetes Event, and the Providers of every Alert that matches, unless
 * `trace`. */
enum manager_severity { MANAGER_TRACE, MANAGER_INFO, MANAGER_DRIFT, MANAGER_ERROR };
/* Drift and errors are warnings and are sent at once, others when the API server is not busy with
 * us. */
void manager_event(struct work *work, enum manager_severity severity, const char *reason,
                   str message, const struct http_header *metadata, size_t metadata_count);

/* interval +/- jitter. */
int64_t manager_jitter(const struct manager *manager, int64_t interval_ns);
