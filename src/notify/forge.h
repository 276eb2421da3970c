#pragma once
/*
 * What the hosts of Git repositories have in common: the state of a commit, and
 * a comment on a change request that is kept up to date. A provider says where
 * things are and how they look; the order of requests is here: look first, and
 * write only what is new. Pure.
 */
#include "notify/notify.h"

/* "https://host[:port]" and "owner/repo" of a repository's address, without ".git"; an address for
 * SSH is that of the same host over https. */
struct forge_repository {
    str origin, host, path;
};
MUST_USE err *forge_repository_of(arena *a, str address, struct forge_repository *out);
/* Exactly two segments. */
MUST_USE err *forge_owner_of(const struct forge_repository *repository, str *owner_out,
                             str *name_out);
/* compat: some types take a password for a token. */
str forge_token(const struct target *target);

/* ---- The state of a commit ---- */

struct forge_state {
    str sha, id, name, description;
    bool failed;
};
/* False when there is nothing to show: the reason is Progressing. */
MUST_USE err *forge_state_of(arena *a, const struct notice *notice, const struct target *target,
                             struct forge_state *out, bool *wanted_out);

/* A look, and what to write unless the look shows that it is there. */
struct forge_check {
    struct http_request look, write;
    bool missing_is_none; /* 404 to the look: there is none yet */
    bool (*is_there)(const node *found, const struct forge_check *check);
    const char *state; /* in the words of the host */
    struct forge_state wanted;
    const node *extra; /* of the provider */
};
/* `begin` of a provider: remembers the check and looks. */
void forge_look(struct exchange *exchange, const struct forge_check *check,
                struct http_request *out);
/* `then`, with the step counted from the look. */
MUST_USE err *forge_looked(struct exchange *exchange, const struct http_response *answer,
                           struct http_request *out);
/* The newest first of a list: is the first one of this name the same? */
bool forge_latest_is(const node *list, const struct forge_check *check, const char *name_field,
                     const char *state_field);

/* ---- A comment on a change request ---- */

struct forge_comment {
    str user_url, list_url, create_url, edit_url; /* the id is added to edit_url */
    const char *edit_method;
    const char *user_field;   /* name of the user in the answer of user_url: "login" */
    const char *author_field; /* object with the author of a comment: "user" */
    str user;                 /* known already: then user_url is not asked */
    str marker, body;
    const struct http_header *headers; /* credentials */
    size_t header_count;
};
/* The number of the change request; INVALID when it is none. */
MUST_USE err *forge_change_request(const struct notice *notice, str *out);
/* marker and body; the kind of marker is "pr" or "mr". */
void forge_write(arena *a, const struct notice *notice, const struct target *target,
                 const char *kind, struct forge_comment *out);
void forge_comment(struct exchange *exchange, const struct forge_comment *comment,
                   struct http_request *out);
MUST_USE err *forge_commented(struct exchange *exchange, const struct http_response *answer,
                              struct http_request *out);
