/* Azure DevOps: the state of a commit, with a personal access token. */
#include "notify/forge.h"

/* The newest of this name and genre. */
static bool is_there(const node *found, const struct forge_check *check)
{
    NODE_EACH (node_get(found, STR("value")), item) {
        const node *context = node_get(item, STR("context"));
        const node *wanted = node_get(check->extra, STR("context"));
        if (!str_eq(node_get_str(context, STR("name")), check->wanted.id)) continue;
        if (!str_eq(node_get_str(context, STR("genre")), node_get_str(wanted, STR("genre"))))
            continue;
        return str_is(node_get_str(item, STR("state")), check->state) &&
               str_eq(node_get_str(item, STR("description")), check->wanted.description);
    }
    return false;
}

/* https://host/<organization>/<project>/_git/<repository> */
static err *statuses_of(arena *a, str address, str sha, str *out)
{
    struct forge_repository repository;
    TRY(forge_repository_of(a, address, &repository));
    str rest = repository.path, parts[5] = {0};
    size_t count = 0;
    for (str piece; count < COUNT(parts) && str_next(&rest, '/', &piece);)
        parts[count++] = piece;
    if (count != 4 || !str_is(parts[2], "_git"))
        return err_invalid("address: the path is not <organization>/<project>/_git/<repository>");
    *out = str_printf(a,
                      STR_FMT "/" STR_FMT "/" STR_FMT "/_apis/git/repositories/" STR_FMT
                              "/commits/" STR_FMT "/statuses",
                      STR_ARG(repository.origin), STR_ARG(parts[0]), STR_ARG(parts[1]),
                      STR_ARG(parts[3]), STR_ARG(sha));
    return NULL;
}

static void equip(arena *a, const struct target *target, struct http_request *out)
{
    notify_header(a, out, "Accept", STR("application/json;api-version=6.0"));
    out->user = (str){0};
    out->password = target->token;
}

static err *begin(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    const struct target *target = exchange->target;
    struct forge_check check = {.is_there = is_there};
    bool wanted;
    str url;
    TRY(forge_state_of(a, exchange->notice, target, &check.wanted, &wanted));
    if (!wanted) return NULL;
    const struct forge_state *state = &check.wanted;
    TRY(statuses_of(a, target->address, state->sha, &url));
    str summary = notice_value(exchange->notice, "summary");
    str genre = summary.len ? str_concat(a, STR("fluxcd:"), summary) : STR("fluxcd");
    check.state = state->failed ? "error" : "succeeded";
    node *context =
        notify_map(a, "genre", node_str(a, genre), "name", node_str(a, state->id), NULL);
    node *body = notify_map(a, "state", node_str(a, str_of(check.state)), "description",
                            node_str(a, state->description), "context", context, NULL);
    check.extra = body;
    equip(a, target, &check.look);
    equip(a, target, &check.write);
    check.look.url = url;
    notify_json(a, &check.write, url, body);
    forge_look(exchange, &check, out);
    return NULL;
}

PROVIDER(azuredevops) = {.type = "azuredevops",
                         .flags = NOTIFY_ADDRESS | NOTIFY_TOKEN | NOTIFY_COMMIT,
                         .begin = begin,
                         .then = forge_looked};
