#pragma once
/* How deliveries went, in the status of an Alert or a Provider. */
#include "control/kind.h"
#include "control/status.h"
#include "notify/outlet.h"

extern const struct schema delivered_status;

/* Ready, with the error (borrowed) or without, and what the hub counted. [worker] */
MUST_USE err *delivered_save(struct work *work, str key, const err *error);
