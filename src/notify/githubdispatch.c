/* GitHub: an event that workflows of the repository can start on. */
#include "notify/github.h"

static err *dispatch(struct exchange *exchange, const struct github *github,
                     struct http_request *out)
{
    arena *a = exchange->a;
    const struct kube_ref *about = &exchange->notice->about;
    str type = str_printf(a, STR_FMT "/" STR_FMT "." STR_FMT, STR_ARG(about->kind.kind),
                          STR_ARG(about->name), STR_ARG(about->namespace));
    github_equip(a, github, out);
    notify_json(a, out, str_concat(a, github->repo, STR("/dispatches")),
                notify_map(a, "event_type", node_str(a, type), "client_payload",
                           notice_node(a, exchange->notice), NULL));
    return NULL;
}

static err *dispatched(struct exchange *exchange UNUSED, const struct http_response *answer,
                       struct http_request *out UNUSED)
{
    return notify_check(answer);
}

static err *begin(struct exchange *exchange, struct http_request *out)
{
    static const struct github_wish wish = {.work = dispatch, .worked = dispatched};
    return github_open(exchange, &wish, out);
}

PROVIDER(githubdispatch) = {.type = "githubdispatch",
                            .flags = NOTIFY_ADDRESS | NOTIFY_SINGLY,
                            .begin = begin,
                            .then = github_answered};
