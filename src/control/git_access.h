#pragma once
/*
 * How the repository of a GitRepository is reached: its URL, the credentials and the proxy of its
 * Secrets. For those who read from it and those who write to it. [worker]
 */
#include "control/gitrepository_spec.h"
#include "control/manager.h"
#include "git/remote.h"

/* The field of the spec that we cannot honour yet, or NULL. */
const char *git_access_refused(const struct gitrepository_spec *spec);
/* Texts live as long as the work. Errors have Flux's texts and the reasons AuthenticationFailed,
 * InvalidProviderConfiguration, URLInvalid. */
MUST_USE err *git_access_take(struct work *work, str namespace,
                              const struct gitrepository_spec *spec, struct remote *out);
