#pragma once
/*
 * kstatus: the health of one object from the object alone. Pure. The rules are
 * spec/flux-kustomization.md section 12.1; see also docs/compatibility.md.
 */
#include "doc/doc.h"

enum health_status {
    HEALTH_UNKNOWN,
    HEALTH_NOT_FOUND,
    HEALTH_IN_PROGRESS,
    HEALTH_FAILED,
    HEALTH_TERMINATING,
    HEALTH_CURRENT,
};

/* The message says why in plain words ("2 of 3 replicas are ready"); text in the arena. */
enum health_status health_of(arena *a, const node *object, str *message_out);
const char *health_name(enum health_status status); /* "InProgress" */
/* False for kinds that are Current as soon as they exist (ConfigMap, Secret, Service account,
 * roles...): for these, metadata is enough to observe them. */
bool health_needs_body(str group, str kind);
