#pragma once
/* The images that the ImagePolicies of a namespace have chosen. */
#include "control/manager.h"
#include "image/setter.h"

struct image_policies {
    struct setter_policies setters;
    node *observed; /* status.observedPolicies: name to {name, tag, digest} */
    str *refused;   /* what is wrong with images that no registry can have */
    size_t refused_count;
};

/* Policies of the work's namespace that `selector` (NULL: all) takes and that have an image.
 * INVALID with the reason InvalidPolicySelector. */
MUST_USE err *image_policies_read(struct work *work, const node *selector,
                                  struct image_policies *out);
/* The same from a list of ImagePolicies. */
MUST_USE err *image_policies_choose(arena *a, str namespace, node *const *policies, size_t count,
                                    const node *selector, struct image_policies *out);
void image_policies_done(struct image_policies *policies); /* for AUTO */
