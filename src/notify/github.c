#include "notify/github.h"

#include "base/clock.h"
#include "doc/json.h"
#include "notify/assertion.h"

#define ASSERTION_SECONDS 540 /* GitHub takes ten minutes at most */

/* What an App is asked in turn. */
enum phase { PHASE_INSTALLATION, PHASE_SLUG, PHASE_TOKEN, PHASE_WORK };

struct session {
    struct github github;
    const struct github_wish *wish;
    str assertion, installation;
    enum phase phase;
    void *memory; /* the provider's */
    int work_step;
};

void github_equip(arena *a, const struct github *github, struct http_request *out)
{
    notify_header(a, out, "Accept", STR("application/vnd.github+json"));
    out->bearer = github->token;
}

static err *locate(arena *a, const struct target *target, struct github *out)
{
    struct forge_repository repository;
    str owner, name, base = node_get_str(target->secret, STR("githubAppBaseURL"));
    TRY(forge_repository_of(a, target->address, &repository));
    TRY(forge_owner_of(&repository, &owner, &name));
    out->api = str_is(repository.host, "github.com")
                   ? STR("https://api.github.com")
                   : str_concat(a, repository.origin, STR("/api/v3"));
    str_strip_suffix(&base, STR("/"));
    if (base.len) out->api = base;
    out->repo = str_printf(a, STR_FMT "/repos/" STR_FMT "/" STR_FMT, STR_ARG(out->api),
                           STR_ARG(owner), STR_ARG(name));
    return NULL;
}

/* ---- the App ---- */

static str secret(const struct session *session, const struct target *target, const char *key)
{
    (void)session;
    return str_trim(node_get_str(target->secret, str_of(key)));
}

static err *introduce(struct exchange *exchange, struct session *session)
{
    arena *a = exchange->a;
    const struct target *target = exchange->target;
    str id = secret(session, target, "githubAppID");
    session->installation = secret(session, target, "githubAppInstallationID");
    str owner = secret(session, target, "githubAppInstallationOwner");
    str key = node_get_str(target->secret, STR("githubAppPrivateKey"));
    if (!key.len) return err_invalid("the key 'githubAppPrivateKey' of the Secret is missing");
    if (!session->installation.len == !owner.len)
        return err_invalid("the Secret needs one of 'githubAppInstallationID' and "
                           "'githubAppInstallationOwner'");
    int64_t now = clock_wall_ns() / CLOCK_SECOND;
    node *claims = notify_map(a, "iat", node_int(a, now - 60), "exp",
                              node_int(a, now + ASSERTION_SECONDS), "iss", node_str(a, id), NULL);
    err *e = assertion_sign(a, key, claims, &session->assertion);
    return e ? err_wrap(e, "githubAppPrivateKey") : NULL;
}

static void ask_as_app(arena *a, const struct session *session, str url, struct http_request *out)
{
    *out = (struct http_request){.url = url, .bearer = session->assertion};
    notify_header(a, out, "Accept", STR("application/vnd.github+json"));
}

static err *go_on(struct exchange *exchange, struct session *session, struct http_request *out)
{
    arena *a = exchange->a;
    const struct github *github = &session->github;
    if (session->phase == PHASE_INSTALLATION && !session->installation.len) {
        str owner = secret(session, exchange->target, "githubAppInstallationOwner");
        ask_as_app(a, session,
                   str_printf(a, STR_FMT "/orgs/" STR_FMT "/installation", STR_ARG(github->api),
                              STR_ARG(owner)),
                   out);
        return NULL;
    }
    if (session->phase == PHASE_INSTALLATION) session->phase = PHASE_SLUG;
    if (session->phase == PHASE_SLUG && session->wish->user) {
        ask_as_app(a, session, str_concat(a, github->api, STR("/app")), out);
        return NULL;
    }
    if (session->phase == PHASE_SLUG) session->phase = PHASE_TOKEN;
    ask_as_app(a, session,
               str_printf(a, STR_FMT "/app/installations/" STR_FMT "/access_tokens",
                          STR_ARG(github->api), STR_ARG(session->installation)),
               out);
    out->method = "POST";
    return NULL;
}

static err *take(struct exchange *exchange, struct session *session,
                 const struct http_response *answer)
{
    arena *a = exchange->a;
    node *said;
    TRY(notify_check(answer));
    err *e = json_parse(a, answer->body, (struct json_options){.last_wins = true}, &said);
    if (e) return err_wrap(e, "the answer of GitHub");
    if (session->phase == PHASE_INSTALLATION) {
        int64_t id = node_get_int(said, STR("id"), -1);
        if (id < 0) return err_denied("the App is not installed for this owner");
        session->installation = str_printf(a, "%lld", (long long)id);
        session->phase = PHASE_SLUG;
    } else if (session->phase == PHASE_SLUG) {
        str slug = node_get_str(said, STR("slug"));
        session->github.user = str_concat(a, slug, STR("[bot]"));
        session->phase = PHASE_TOKEN;
    } else {
        session->github.token = node_get_str(said, STR("token"));
        if (!session->github.token.len) return err_denied("GitHub gave no token");
        session->phase = PHASE_WORK;
    }
    return NULL;
}

/* ---- for providers ---- */

static err *work(struct exchange *exchange, struct session *session, struct http_request *out)
{
    session->phase = PHASE_WORK;
    session->github.ready = true;
    exchange->memory = NULL;
    err *e = session->wish->work(exchange, &session->github, out);
    session->memory = exchange->memory;
    exchange->memory = session;
    return e;
}

err *github_open(struct exchange *exchange, const struct github_wish *wish,
                 struct http_request *out)
{
    struct session *session = NEW(exchange->a, struct session);
    session->wish = wish;
    exchange->memory = session;
    TRY(locate(exchange->a, exchange->target, &session->github));
    session->github.token = forge_token(exchange->target);
    if (session->github.token.len) return work(exchange, session, out);
    if (!secret(session, exchange->target, "githubAppID").len)
        return err_invalid("the Secret has neither a token nor the keys of a GitHub App");
    TRY(introduce(exchange, session));
    return go_on(exchange, session, out);
}

/* The provider sees its own memory and its own count of steps. */
static err *pass_on(struct exchange *exchange, struct session *session,
                    const struct http_response *answer, struct http_request *out)
{
    int step = exchange->step;
    exchange->step = session->work_step++;
    exchange->memory = session->memory;
    err *e = session->wish->worked(exchange, answer, out);
    session->memory = exchange->memory;
    exchange->memory = session;
    exchange->step = step;
    return e;
}

err *github_answered(struct exchange *exchange, const struct http_response *answer,
                     struct http_request *out)
{
    struct session *session = exchange->memory;
    if (session->phase == PHASE_WORK) return pass_on(exchange, session, answer, out);
    TRY(take(exchange, session, answer));
    if (session->phase == PHASE_WORK) return work(exchange, session, out);
    return go_on(exchange, session, out);
}

/* ---- the state of a commit ---- */

static bool is_there(const node *found, const struct forge_check *check)
{
    return forge_latest_is(found, check, "context", "state");
}

static err *look(struct exchange *exchange, const struct github *github, struct http_request *out)
{
    arena *a = exchange->a;
    struct forge_check check = {.is_there = is_there};
    bool wanted;
    TRY(forge_state_of(a, exchange->notice, exchange->target, &check.wanted, &wanted));
    const struct forge_state *state = &check.wanted;
    check.state = state->failed ? "failure" : "success";
    check.look.url = str_printf(a, STR_FMT "/commits/" STR_FMT "/statuses?per_page=50",
                                STR_ARG(github->repo), STR_ARG(state->sha));
    github_equip(a, github, &check.look);
    github_equip(a, github, &check.write);
    notify_json(
        a, &check.write,
        str_printf(a, STR_FMT "/statuses/" STR_FMT, STR_ARG(github->repo), STR_ARG(state->sha)),
        notify_map(a, "state", node_str(a, str_of(check.state)), "context", node_str(a, state->id),
                   "description", node_str(a, state->description), NULL));
    forge_look(exchange, &check, out);
    return NULL;
}

static err *begin(struct exchange *exchange, struct http_request *out)
{
    static const struct github_wish wish = {.work = look, .worked = forge_looked};
    struct forge_state state;
    bool wanted;
    TRY(forge_state_of(exchange->a, exchange->notice, exchange->target, &state, &wanted));
    return wanted ? github_open(exchange, &wish, out) : NULL;
}

PROVIDER(github) = {.type = "github",
                    .flags = NOTIFY_ADDRESS | NOTIFY_COMMIT,
                    .begin = begin,
                    .then = github_answered};
