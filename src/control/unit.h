#pragma once
/*
 * One run over one Kustomization, as kustomization.c and converge.c share it. A
 * unit is a Kustomization with all that belongs to it.
 */
#include "apply/drift.h"
#include "base/clock.h"
#include "control/health_expr.h"
#include "control/manifests.h"
#include "control/status.h"
#include "source/artifact.h"

/* A tug of war over one object. */
struct unit_fight {
    int rounds;
    int64_t healed_ns, next_ns; /* when it was last healed; when it may be healed again */
};

/* What is remembered of a unit between runs. Losing it (a restart) costs requests, never
 * correctness. */
struct unit_memory {
    uint64_t want;        /* artifact, spec and variables that were last applied in full; 0: none */
    uint64_t failed_want; /* what was last refused; not tried again before retry_ns */
    uint64_t variables;   /* digest of the variables, as of variables_ns */
    int64_t variables_ns;
    bool finished;       /* `want` is applied, healthy and reported */
    bool announced;      /* the status says that we wait */
    bool unhealthy;      /* `failed_want` is applied, but was not healthy */
    int64_t started_ns;  /* when work on `want` began */
    int64_t waiting_ns;  /* since when we wait for health; 0: we do not */
    int64_t stage_ns;    /* since when a stage waits for definitions; 0: it does not */
    int64_t blocked_ns;  /* since when a dependency is not ready; 0: none is */
    int64_t drifted_ns;  /* since when it is known that something drifted; 0: nothing has */
    int64_t interval_ns; /* when the interval is over */
    int64_t retry_ns;
    str built_digest; /* of what was last built; in good_arena */
    struct artifact
        good; /* the artifact that was last applied in full; its texts are in good_arena */
    struct artifact_tree
        *good_tree; /* keeps its files, so that drift is healed while a newer one is refused */
    int64_t good_generation;
    bool unproven; /* after a restart: what `good` made may have changed meanwhile */
    arena good_arena;
    int healed; /* objects that were brought back, and not told of yet */
    char healed_first[400];
    struct map fights; /* inventory id to struct unit_fight *: objects others keep changing */
    arena checks_arena;
    struct kube_ref *checks; /* what has to be healthy */
    size_t check_count;
};

struct unit_memory *unit_new(void);
void unit_free(struct unit_memory *memory);
/* The fight over the object with this inventory id; NULL when there is none and `make` is false. */
struct unit_fight *unit_fight(struct unit_memory *memory, str id, bool make);

struct unit {
    struct work *work;
    arena *a;
    struct unit_memory *memory;
    struct status status;
    struct kustomization_spec spec;
    struct health_exprs health_exprs;
    struct artifact artifact;
    str owner; /* "ns/name" */
    str key;   /* "Kustomization/ns/name" */
    str step;  /* what Reconciling says while we retry */
    uint64_t want;
    struct map variables;
    struct inventory before; /* of the status */
    str built_digest;        /* of what was built, in this run or the one that we wait for */
    bool shrunk;             /* the inventory is smaller than the status says */
    bool is_past;   /* what is applied is the last good revision, not the one we should be at */
    bool is_proven; /* the status says that this very revision and spec was applied before */
    struct outcome *out;
};

int64_t unit_timeout_ns(const struct unit *unit); /* spec.timeout with Flux's default */
/* "Building manifests for revision X with a timeout of 5m0s" */
str unit_step(const struct unit *unit, const char *what);
void unit_event(struct unit *unit, enum manager_severity severity, const char *reason, str message);
/* A Drifted event, with what, how and by whom as metadata. */
void unit_drift(struct unit *unit, str message, const struct drift_detail *detail);
/* The notice that what had drifted is as Git says again; nothing when nothing had. */
void unit_tell_healed(struct unit *unit);

/* Keeps the earliest of the times that were asked for. */
void unit_look_again(struct unit *unit, int64_t delay_ns);
