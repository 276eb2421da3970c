#pragma once
/*
 * Takes in events that others post, in the format of Flux's event API: other
 * controllers, tools, scripts. Whoever reaches the address may post, as with
 * Flux: the NetworkPolicies of the installation decide who does. [loop]
 */
#include "control/manager.h"
#include "net/httpd.h"

/* For a listener of its own, or for one that is shared; context is the manager. */
httpd_fn event_server_handle;
#define EVENT_SERVER_BODY_BYTES LIMIT_NOTICE_BODY_BYTES

MUST_USE err *event_server_start(struct loop *loop, struct manager *manager, str address,
                                 struct httpd **out);
