/* Gitea and Forgejo: the state of a commit, and a comment on a pull request. */
#include "notify/forge.h"

struct place {
    str api;  /* https://host/api/v1 */
    str repo; /* https://host/api/v1/repos/owner/name */
    struct http_request credentials;
};

static err *place_of(arena *a, const struct target *target, struct place *out)
{
    struct forge_repository repository;
    str owner, name, token = forge_token(target);
    if (!token.len) return err_invalid("the key 'token' of the Secret is missing");
    TRY(forge_repository_of(a, target->address, &repository));
    TRY(forge_owner_of(&repository, &owner, &name));
    *out = (struct place){.api = str_concat(a, repository.origin, STR("/api/v1"))};
    out->repo = str_printf(a, STR_FMT "/repos/" STR_FMT "/" STR_FMT, STR_ARG(out->api),
                           STR_ARG(owner), STR_ARG(name));
    notify_header(a, &out->credentials, "Authorization", str_concat(a, STR("token "), token));
    return NULL;
}

static bool is_there(const node *found, const struct forge_check *check)
{
    return forge_latest_is(found, check, "context", "status");
}

/* compat: progress is shown here, and only here. */
static err *begin(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    struct forge_check check = {.is_there = is_there};
    struct place place;
    bool done;
    TRY(place_of(a, exchange->target, &place));
    TRY(forge_state_of(a, exchange->notice, exchange->target, &check.wanted, &done));
    const struct forge_state *state = &check.wanted;
    check.state = state->failed ? "failure" : done ? "success" : "pending";
    check.look = check.write = place.credentials;
    check.look.url = str_printf(a, STR_FMT "/commits/" STR_FMT "/statuses", STR_ARG(place.repo),
                                STR_ARG(state->sha));
    notify_json(
        a, &check.write,
        str_printf(a, STR_FMT "/statuses/" STR_FMT, STR_ARG(place.repo), STR_ARG(state->sha)),
        notify_map(a, "state", node_str(a, str_of(check.state)), "target_url", node_str(a, STR("")),
                   "description", node_str(a, state->description), "context",
                   node_str(a, state->id), NULL));
    forge_look(exchange, &check, out);
    return NULL;
}

static err *begin_comment(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    struct forge_comment comment = {
        .edit_method = "PATCH", .user_field = "login", .author_field = "user"};
    struct place place;
    str number;
    TRY(place_of(a, exchange->target, &place));
    TRY(forge_change_request(exchange->notice, &number));
    comment.user_url = str_concat(a, place.api, STR("/user"));
    comment.create_url =
        str_printf(a, STR_FMT "/issues/" STR_FMT "/comments", STR_ARG(place.repo), STR_ARG(number));
    comment.list_url = comment.create_url;
    comment.edit_url = str_concat(a, place.repo, STR("/issues/comments/"));
    comment.headers = place.credentials.headers;
    comment.header_count = place.credentials.header_count;
    forge_write(a, exchange->notice, exchange->target, "pr", &comment);
    forge_comment(exchange, &comment, out);
    return NULL;
}

PROVIDER(gitea) = {
    .type = "gitea", .flags = NOTIFY_ADDRESS | NOTIFY_COMMIT, .begin = begin, .then = forge_looked};
PROVIDER(gitea_comment) = {.type = "giteapullrequestcomment",
                           .flags = NOTIFY_ADDRESS | NOTIFY_COMMENT,
                           .begin = begin_comment,
                           .then = forge_commented};
