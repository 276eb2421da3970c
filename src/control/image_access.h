#pragma once
/*
 * How the registry of an ImageRepository is reached: the image, and what its
 * Secrets and its ServiceAccount say. For those who scan it and those who ask
 * for one tag. [worker]
 */
#include "control/imagerepository_spec.h"
#include "control/manager.h"
#include "oci/registry.h"

/* The field of the spec that we cannot honour yet, or NULL. */
const char *image_access_refused(const struct imagerepository_spec *spec);
/* Texts live as long as the work. due_ns is that of the spec from now on. Errors begin with "failed
 * to configure authentication options" and have the reason AuthenticationFailed. */
MUST_USE err *image_access_take(struct work *work, str namespace,
                                const struct imagerepository_spec *spec,
                                struct registry_access *out);
