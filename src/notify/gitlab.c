/* GitLab: the state of a commit, and a note on a merge request. */
#include "net/url.h"
#include "notify/forge.h"

static err *project_of(arena *a, const struct target *target, str *out)
{
    struct forge_repository repository;
    if (!forge_token(target).len) return err_invalid("the key 'token' of the Secret is missing");
    TRY(forge_repository_of(a, target->address, &repository));
    str id = url_escape(a, repository.path);
    *out =
        str_printf(a, STR_FMT "/api/v4/projects/" STR_FMT, STR_ARG(repository.origin), STR_ARG(id));
    return NULL;
}

static bool is_there(const node *found, const struct forge_check *check)
{
    return forge_latest_is(found, check, "name", "status");
}

static err *begin(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    const struct target *target = exchange->target;
    struct forge_check check = {.is_there = is_there};
    str project;
    bool wanted;
    TRY(project_of(a, target, &project));
    TRY(forge_state_of(a, exchange->notice, target, &check.wanted, &wanted));
    if (!wanted) return NULL;
    const struct forge_state *state = &check.wanted;
    str name = url_escape(a, state->id);
    check.state = state->failed ? "failed" : "success";
    check.look.url = str_printf(a, STR_FMT "/repository/commits/" STR_FMT "/statuses?name=" STR_FMT,
                                STR_ARG(project), STR_ARG(state->sha), STR_ARG(name));
    notify_header(a, &check.look, "PRIVATE-TOKEN", forge_token(target));
    notify_header(a, &check.write, "PRIVATE-TOKEN", forge_token(target));
    notify_json(a, &check.write,
                str_printf(a, STR_FMT "/statuses/" STR_FMT, STR_ARG(project), STR_ARG(state->sha)),
                notify_map(a, "name", node_str(a, state->id), "description",
                           node_str(a, state->description), "state",
                           node_str(a, str_of(check.state)), NULL));
    forge_look(exchange, &check, out);
    return NULL;
}

static err *begin_note(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    const struct target *target = exchange->target;
    struct forge_comment comment = {
        .edit_method = "PUT", .user_field = "username", .author_field = "author"};
    struct forge_repository repository;
    str project, number;
    TRY(project_of(a, target, &project));
    TRY(forge_repository_of(a, target->address, &repository));
    TRY(forge_change_request(exchange->notice, &number));
    str notes = str_printf(a, STR_FMT "/merge_requests/" STR_FMT "/notes", STR_ARG(project),
                           STR_ARG(number));
    comment.user_url = str_concat(a, repository.origin, STR("/api/v4/user"));
    comment.list_url = str_concat(a, notes, STR("?per_page=100&order_by=created_at&sort=asc"));
    comment.create_url = notes;
    comment.edit_url = str_concat(a, notes, STR("/"));
    struct http_request headers = {0};
    notify_header(a, &headers, "PRIVATE-TOKEN", forge_token(target));
    comment.headers = headers.headers;
    comment.header_count = headers.header_count;
    forge_write(a, exchange->notice, target, "mr", &comment);
    forge_comment(exchange, &comment, out);
    return NULL;
}

PROVIDER(gitlab) = {.type = "gitlab",
                    .flags = NOTIFY_ADDRESS | NOTIFY_COMMIT,
                    .begin = begin,
                    .then = forge_looked};
PROVIDER(gitlab_note) = {.type = "gitlabmergerequestcomment",
                         .flags = NOTIFY_ADDRESS | NOTIFY_COMMENT,
                         .begin = begin_note,
                         .then = forge_commented};
