#pragma once
/*
 * The rules of a CRD (x-kubernetes-validations): expressions of CEL that the
 * values of its objects have to satisfy. They are compiled anew for each write,
 * as they are short and writes to a sandbox are few; what an object may cost is
 * bounded. Pure; any thread.
 */
#include "sandbox/typing.h"

/* Adds a cause {reason, message, field} per rule that does not hold. before: NULL at a creation. */
void rules_check(arena *a, struct typing typing, const node *before, const node *object,
                 node *causes);
/* Whether a rule can be kept here at all. INVALID for what is no expression, results in no bool,
 * or is beyond the CEL of this program. */
MUST_USE err *rules_compile(arena *a, const node *rule);
