#pragma once
/*
 * Kubernetes Events (core/v1). event_send queues and returns at once: [any]
 * thread. Sending has the lowest priority, so reports never delay the work
 * they report on: it waits until the client is quiet, at most EVENT_DELAY.
 * The same event (object, type, reason, message) within ten minutes becomes a
 * count on the first one. The queue is bounded; the oldest is dropped, and that
 * is counted.
 */
#include "kube/kube.h"

struct event_sender;

struct event {
    struct kube_ref about;
    str uid, resource_version;
    bool warning;
    str reason, message; /* message is cut at 1024 bytes, the API's bound */
    const struct http_header *annotations;
    size_t annotation_count;
    bool urgent; /* sent at once: drift and failures */
};

/* [any] The reporting instance is the host's name. */
struct event_sender *event_sender_new(struct kube *kube, str component);
void event_sender_free(struct event_sender *sender); /* [worker] sends what waits, at most 5 s */
void event_send(struct event_sender *sender, const struct event *event); /* [any] copies */
uint64_t event_dropped(const struct event_sender *sender); /* [any] never sent, since the start */
