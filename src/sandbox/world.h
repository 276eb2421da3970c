#pragma once
/*
 * Everything one sandbox holds, and one request to it. A call is filled by the
 * router (sandbox_api), checked by access, and answered by reading or writing.
 * All on the loop thread of the sandbox.
 */
#include "sandbox/served.h"

struct world {
    struct store *store;
    struct served_table *served;
    uint32_t next_address; /* of the next Service */
};

enum call_verb {
    CALL_GET,
    CALL_LIST,
    CALL_WATCH,
    CALL_CREATE,
    CALL_UPDATE,
    CALL_PATCH,
    CALL_DELETE,
    CALL_DELETE_COLLECTION,
};

struct call {
    struct world *world;
    arena *a;
    enum call_verb verb;
    const struct served *served; /* NULL: the path is no object */
    str namespace, name, subresource;
    str user;
    const str *groups;
    size_t group_count;
    str query, content_type, accept, user_agent, body;
    bool dry_run;
    int64_t cut_ns; /* a watch breaks after that time; 0: it does not */
    /* What the answer tells of itself. */
    int status;
    node *causes; /* of a refusal */
    str about_name, about_kind, about_group;
    bool names_resource; /* a refusal as invalid is about what is said there, not about the kind */
};

const char *world_verb_name(enum call_verb verb);
/* The decoded value of a parameter; empty when it is not there. */
str world_query(const struct call *call, const char *name);
/* "deployments.apps" */
str world_resource(arena *a, const struct served *served);
/* Refusals in the words of upstream. */
MUST_USE err *world_not_found(const struct call *call, const struct served *served, str name);
MUST_USE err *world_bad_request(const char *format, ...) PRINTF(1, 2);
MUST_USE err *world_forbidden(const char *format, ...) PRINTF(1, 2);
/* 422: options of the request that are wrong, which are of `kind`; adds the cause. */
MUST_USE err *world_wrong_options(struct call *call, const char *kind, const char *reason,
                                  const char *field, str message);
