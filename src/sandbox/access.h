#pragma once
/*
 * Who may do what: bearer tokens name users, and RBAC is evaluated from the
 * roles and bindings that are stored. Members of system:masters may do
 * everything. One thread.
 */
#include "sandbox/world.h"

struct access_request {
    str user;
    const str *groups;
    size_t group_count;
    str verb, group, resource, namespace, name; /* resource with its subresource: "pods/log" */
    str path;                                   /* of what is no resource */
};
bool access_allows(struct world *world, const struct access_request *request);
/* Everything that the user may do there and cluster-wide, as SelfSubjectRulesReview reports it. */
void access_rules(struct world *world, arena *a, const struct access_request *request,
                  node *resource_rules, node *path_rules);
/* Forbidden, in the words of upstream. */
MUST_USE err *access_check(const struct call *call);
