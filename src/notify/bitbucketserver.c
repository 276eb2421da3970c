/* Bitbucket Server and Data Center: the state of a commit. */
#include "base/hash.h"
#include "notify/forge.h"

static bool is_there(const node *found, const struct forge_check *check)
{
    return str_is(node_get_str(found, STR("state")), check->state) &&
           str_eq(node_get_str(found, STR("description")), check->wanted.description);
}

/* The address for cloning holds /scm/<project>/<repository>; what stands before is kept. */
static err *builds_of(arena *a, str address, str sha, str *out)
{
    struct forge_repository repository;
    TRY(forge_repository_of(a, address, &repository));
    str path = str_concat(a, STR("/"), repository.path), project, name;
    ptrdiff_t at = str_find(path, STR("/scm/"));
    str rest = at < 0 ? (str){0} : str_skip(path, (size_t)at + 5);
    if (!str_cut(rest, '/', &project, &name) || !name.len || str_has_char(name, '/'))
        return err_invalid("address: the URL for cloning holds no /scm/<project>/<repository>");
    str context = str_head(path, (size_t)at);
    *out = str_printf(a,
                      STR_FMT STR_FMT "/rest/api/latest/projects/" STR_FMT "/repos/" STR_FMT
                                      "/commits/" STR_FMT "/builds",
                      STR_ARG(repository.origin), STR_ARG(context), STR_ARG(project), STR_ARG(name),
                      STR_ARG(sha));
    return NULL;
}

static void equip(arena *a, const struct target *target, struct http_request *out)
{
    notify_header(a, out, "x-atlassian-token", STR("no-check"));
    notify_header(a, out, "x-requested-with", STR("XMLHttpRequest"));
    notify_authorize(out, target);
}

static err *begin(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    const struct target *target = exchange->target;
    struct forge_check check = {.is_there = is_there, .missing_is_none = true};
    bool wanted;
    str builds;
    if (!target->token.len && !(target->user.len && target->password.len))
        return err_invalid("the Secret has neither a token nor a username and password");
    TRY(forge_state_of(a, exchange->notice, target, &check.wanted, &wanted));
    if (!wanted) return NULL;
    const struct forge_state *state = &check.wanted;
    TRY(builds_of(a, target->address, state->sha, &builds));
    struct hash_state *sha1 = hash_new("sha1");
    hash_add(sha1, state->id);
    str key = hash_hex(a, sha1);
    hash_free(sha1);
    check.state = state->failed ? "FAILED" : "SUCCESSFUL";
    equip(a, target, &check.look);
    equip(a, target, &check.write);
    check.look.url = str_printf(a, STR_FMT "?key=" STR_FMT, STR_ARG(builds), STR_ARG(key));
    str name =
        str_printf(a, STR_FMT " [" STR_FMT "]", STR_ARG(state->name), STR_ARG(state->description));
    notify_json(a, &check.write, builds,
                notify_map(a, "key", node_str(a, key), "state", node_str(a, str_of(check.state)),
                           "url", node_str(a, target->address), "description",
                           node_str(a, state->description), "name", node_str(a, name), NULL));
    forge_look(exchange, &check, out);
    return NULL;
}

PROVIDER(bitbucketserver) = {.type = "bitbucketserver",
                             .flags = NOTIFY_ADDRESS | NOTIFY_COMMIT,
                             .begin = begin,
                             .then = forge_looked};
