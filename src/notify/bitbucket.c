/* Bitbucket Cloud: the state of a commit. */
#include "base/hash.h"
#include "notify/forge.h"

static bool is_there(const node *found, const struct forge_check *check)
{
    return str_is(node_get_str(found, STR("state")), check->state) &&
           str_eq(node_get_str(found, STR("description")), check->wanted.description);
}

/* compat: the key is a digest, because it may have 40 characters at most. */
static str key_of(arena *a, str id)
{
    struct hash_state *sha1 = hash_new("sha1");
    hash_add(sha1, id);
    str key = hash_hex(a, sha1);
    hash_free(sha1);
    return key;
}

static err *begin(struct exchange *exchange, struct http_request *out)
{
    arena *a = exchange->a;
    const struct target *target = exchange->target;
    struct forge_check check = {.is_there = is_there, .missing_is_none = true};
    struct forge_repository repository;
    str owner, name, user, password;
    bool wanted;
    if (!str_cut(target->token, ':', &user, &password) || !user.len || !password.len)
        return err_invalid("the key 'token' of the Secret is not <user>:<app password>");
    TRY(forge_repository_of(a, target->address, &repository));
    TRY(forge_owner_of(&repository, &owner, &name));
    TRY(forge_state_of(a, exchange->notice, target, &check.wanted, &wanted));
    if (!wanted) return NULL;
    const struct forge_state *state = &check.wanted;
    str key = key_of(a, state->id);
    check.state = state->failed ? "FAILED" : "SUCCESSFUL";
    str build = str_printf(a,
                           "https://api.bitbucket.org/2.0/repositories/" STR_FMT "/" STR_FMT
                           "/commit/" STR_FMT "/statuses/build",
                           STR_ARG(owner), STR_ARG(name), STR_ARG(state->sha));
    check.look.url = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(build), STR_ARG(key));
    notify_json(a, &check.write, build,
                notify_map(a, "state", node_str(a, str_of(check.state)), "key", node_str(a, key),
                           "name", node_str(a, state->name), "description",
                           node_str(a, state->description), "url",
                           node_str(a, STR("https://bitbucket.org")), NULL));
    check.look.user = check.write.user = user;
    check.look.password = check.write.password = password;
    forge_look(exchange, &check, out);
    return NULL;
}

PROVIDER(bitbucket) = {.type = "bitbucket",
                       .flags = NOTIFY_ADDRESS | NOTIFY_TOKEN | NOTIFY_COMMIT,
                       .begin = begin,
                       .then = forge_looked};
