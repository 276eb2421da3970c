#pragma once
/* The fields of an ImagePolicy: spec as a struct, its tables for the CRD and the reference. */
#include "control/kind.h"
#include "image/policy.h"

struct imagepolicy_repository {
    str name, namespace; /* namespace empty: our own */
};

struct imagepolicy_filter {
    str pattern, extract;
};

/* Which of them is given: checked, and kept as nodes. */
struct imagepolicy_choice {
    const node *semver, *alphabetical, *numerical;
};

enum imagepolicy_reflection { IMAGEPOLICY_NEVER, IMAGEPOLICY_IF_NOT_PRESENT, IMAGEPOLICY_ALWAYS };

struct imagepolicy_spec {
    struct imagepolicy_repository repository;
    struct imagepolicy_choice policy;
    struct imagepolicy_filter filter;
    int reflection; /* enum imagepolicy_reflection */
    int64_t interval_ns;
    bool suspend;
};

/* object is the whole ImagePolicy; texts are borrowed from it. */
MUST_USE err *imagepolicy_spec_decode(arena *a, const node *object, struct imagepolicy_spec *out);
/* How its tags are ranked; texts are borrowed from the spec. INVALID, with the reason
 * InvalidPolicy, when it says nothing of that. */
MUST_USE err *imagepolicy_spec_policy(const struct imagepolicy_spec *spec, struct policy *out);
