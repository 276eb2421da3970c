#pragma once
/*
 * Faults that a sandbox makes on purpose, for those who want to see how a
 * repository, a tool or an operator takes them. Rules are separated by ';', the
 * words of a rule by ',': what happens, how often, and to which requests for
 * objects:
 *
 *     status=503,rate=0.1; delay=2s,verb=patch; cut=30s,resource=deployments
 *
 *     status=CODE   refused with this status, 400 to 599, and nothing is done
 *     lost          done, and the connection breaks before the answer
 *     delay=SPAN    answered that much later
 *     cut=SPAN      a watch breaks after that time
 *     expired       a watch that resumes is told that its version is too old
 *
 *     rate=SHARE    of those requests, 0 to 1; all when it is not given
 *     verb=VERB, resource=PLURAL, user=NAME
 *
 * The first rule that fits, and whose turn it is, counts. Loop thread.
 */
#include "sandbox/world.h"

enum fault_kind { FAULT_NONE, FAULT_STATUS, FAULT_LOST, FAULT_DELAY, FAULT_CUT, FAULT_EXPIRED };

struct fault {
    enum fault_kind kind;
    int status;
    int64_t span_ns;
};

struct fault_rule {
    struct fault fault;
    double rate;
    str verb, resource, user; /* empty: any */
};
struct fault_rules {
    struct fault_rule *items;
    size_t count;
};

/* INVALID names the rule and what is wrong with it. Texts are copied. */
MUST_USE err *fault_parse(arena *a, str text, struct fault_rules *out);
/* What happens to this request. */
struct fault fault_choose(const struct fault_rules *rules, const struct call *call);
/* The refusal with a status, in the form of an API server. */
MUST_USE err *fault_refusal(int status);
