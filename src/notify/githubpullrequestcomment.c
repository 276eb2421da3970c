/* GitHub: a comment on a pull request that is kept up to date. */
#include "notify/github.h"

static err *comment(struct exchange *exchange, const struct github *github,
                    struct http_request *out)
{
    arena *a = exchange->a;
    struct forge_comment comment = {.edit_method = "PATCH",
                                    .user_field = "login",
                                    .author_field = "user",
                                    .user = github->user};
    struct http_request credentials = {0};
    str number;
    TRY(forge_change_request(exchange->notice, &number));
    github_equip(a, github, &credentials);
    notify_header(a, &credentials, "Authorization", str_concat(a, STR("Bearer "), github->token));
    comment.user_url = str_concat(a, github->api, STR("/user"));
    comment.create_url = str_printf(a, STR_FMT "/issues/" STR_FMT "/comments",
                                    STR_ARG(github->repo), STR_ARG(number));
    comment.list_url = str_concat(a, comment.create_url, STR("?per_page=100"));
    comment.edit_url = str_concat(a, github->repo, STR("/issues/comments/"));
    comment.headers = credentials.headers;
    comment.header_count = credentials.header_count;
    forge_write(a, exchange->notice, exchange->target, "pr", &comment);
    forge_comment(exchange, &comment, out);
    return NULL;
}

static err *begin(struct exchange *exchange, struct http_request *out)
{
    static const struct github_wish wish = {
        .user = true, .work = comment, .worked = forge_commented};
    return github_open(exchange, &wish, out);
}

PROVIDER(githubpullrequestcomment) = {.type = "githubpullrequestcomment",
                                      .flags = NOTIFY_ADDRESS | NOTIFY_COMMENT,
                                      .begin = begin,
                                      .then = github_answered};
