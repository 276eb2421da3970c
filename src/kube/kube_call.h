#pragma once
/*
 * One request from the loop, its answer gathered: pages of a LIST, the Lease,
 * Events. Nothing is waited for or sent again; whoever calls has timers.
 */
#include "kube/kube.h"

struct kube_call;

/* On the loop, exactly once and never within kube_call_start, unless the call was canceled before.
 * The call is over then; what is in the arena lasts until fn returns. An answer of 400 or more
 * comes as the error it means, with the response beside it; response is NULL when there was no
 * answer. */
typedef void kube_call_fn(void *context, arena *a, const struct http_response *response,
                          err *error);

/* [loop] Texts of the request are copied into the call. */
struct kube_call *kube_call_start(struct kube *kube, const struct kube_request *request,
                                  const struct kube_resource *resource, kube_call_fn *fn,
                                  void *context);
void kube_call_cancel(struct kube_call *call); /* [loop] NULL is fine */
