#pragma once
/*
 * What somebody changed in an object of ours, and who: the text of a Drifted
 * event. Secret values are masked.
 */
#include "apply/submit.h"

/* [worker] Fetches the pieces that drifted and are to be healed, as they are now: piece->live (NULL
 * when it was deleted). They need no dry run: this very object was accepted before. Those that may
 * have drifted are compared with a dry run, and kept when they are as they should be. */
MUST_USE err *drift_look(struct kube *kube, struct observed *observed, struct pieces *pieces,
                         const atomic_bool *cancel);

/* The same, for programs. Texts are empty where the API server does not say. */
struct drift_detail {
    str object;                   /* "Deployment/ns/app" */
    str fields;                   /* "spec.replicas: 5 -> 2", a line each: as it was, as Git says */
    str manager, operation, time; /* who */
};

/* "Deployment/ns/app: spec.replicas was 5, Git says 2; changed by 'kubectl' (Update, 2026-..)".
 * For a piece that was looked at and has been applied. */
str drift_explain(arena *a, const struct piece *piece, struct drift_detail *detail_out);
/* The same with advice, for an object that is changed again and again. */
str drift_advise(arena *a, str text, int rounds);
