/*
 * notify: what each type of provider sends, byte for byte, for information, a
 * failure, drift and a recovery (tests/golden/notify/<type>/<case>.txt;
 * GOLDEN=write writes them), and how the conversations with hosts of
 * repositories go.
 */
#include "notify/notify.h"

#include <sys/stat.h>

#include "base/buf.h"
#include "notify_places.h"

/* ---- conversations ---- */

static void show_request(arena *a, buf *b, const struct http_request *request)
{
    const char *method = request->method ? request->method : request->body.len ? "POST" : "GET";
    buf_printf(b, "%s " STR_FMT "\n", method, STR_ARG(request->url));
    for (size_t i = 0; i < request->header_count; i++)
        buf_printf(b, STR_FMT ": " STR_FMT "\n", STR_ARG(request->headers[i].name),
                   STR_ARG(request->headers[i].value));
    if (request->bearer.len)
        buf_printf(b, "Authorization: Bearer " STR_FMT "\n", STR_ARG(request->bearer));
    if (request->user.len || request->password.len)
        buf_printf(b, "Authorization: Basic(" STR_FMT ":" STR_FMT ")\n", STR_ARG(request->user),
                   STR_ARG(request->password));
    if (!request->body.len) return;
    /* JSON is laid out for readers; the escapes are those that are sent. */
    node *json;
    err *e AUTO(err_done) = json_parse(a, request->body, (struct json_options){0}, &json);
    BUF_ADD(b, "\n");
    if (e)
        buf_add(b, request->body);
    else
        json_write(b, json, (struct json_style){.html = true, .indent = 2});
    BUF_ADD(b, "\n");
}

static struct http_response answer_to(arena *a, const struct line *lines, size_t count,
                                      const struct http_request *request)
{
    const char *method = request->method ? request->method : request->body.len ? "POST" : "GET";
    str line = str_printf(a, "%s " STR_FMT, method, STR_ARG(request->url));
    for (size_t i = 0; i < count; i++)
        if (str_starts(line, str_of(lines[i].request)))
            return (struct http_response){.status = lines[i].status, .body = str_of(lines[i].body)};
    return (struct http_response){.status = 200, .body = STR("[]")};
}

/* The same with a server that speaks in lines: a server of NATS that lets everybody in. */
static str converse_in_lines(arena *a, const struct provider *provider, struct exchange *exchange)
{
    static const char *const said[] = {"INFO {\"nonce\":\"n0nce\",\"max_payload\":1048576}", "PING",
                                       "PONG", "PONG"};
    struct dial dial = {0};
    struct reply reply = {0};
    buf b = BUF(a);
    err *e AUTO(err_done) = provider->dial(exchange, &dial);
    if (!e) buf_printf(&b, "to " STR_FMT ":%d\n", STR_ARG(dial.host), dial.port);
    for (size_t i = 0; i < COUNT(said) && !e; i++) {
        assert_false(reply.over);
        reply = (struct reply){0};
        e = provider->heard(exchange, str_of(said[i]), &reply);
        buf_add(&b, str_replace(a, reply.text, STR("\r\n"), STR("\n")));
    }
    if (e) buf_printf(&b, "error: %s\n", e->message);
    assert_true(e || reply.over);
    return buf_str(&b);
}

/* All requests of one delivery. The error is returned as a last line. */
static str converse(arena *a, const struct target *target, const struct notice *notice,
                    const struct line *lines, size_t count)
{
    const struct provider *provider = notify_find(target->type);
    struct exchange exchange = {.a = a, .notice = notice, .target = target};
    struct http_request request = {0};
    if (provider->dial) return converse_in_lines(a, provider, &exchange);
    buf b = BUF(a);
    err *e AUTO(err_done) = notify_begin(provider, &exchange, &request);
    while (!e && request.url.len && exchange.step < 10) {
        if (b.len) BUF_ADD(&b, "---\n");
        show_request(a, &b, &request);
        struct http_response answer = answer_to(a, lines, count, &request);
        request = (struct http_request){0};
        e = notify_answered(provider, &exchange, &answer, &request);
    }
    if (e) buf_printf(&b, "error: %s\n", e->message);
    if (!b.len) BUF_ADD(&b, "nothing\n");
    return buf_str(&b);
}

/* ---- golden ---- */

static void compare(arena *a, const char *type, const char *which, str got)
{
    str folder = str_printf(a, FOLDER "/%s", type);
    str path = str_printf(a, STR_FMT "/%s.txt", STR_ARG(folder), which), wanted = {0};
    const char *mode = getenv("GOLDEN");
    if (mode && !strcmp(mode, "write")) {
        mkdir(str_z(a, folder), 0755);
        must(!fs_write(path, got, 0644));
        return;
    }
    err *e AUTO(err_done) = fs_read(a, path, 1 << 20, &wanted);
    if (e) fail_msg("%s", e->message);
    if (!str_eq(got, wanted))
        fail_msg("%s %s\n got: " STR_FMT "\nwant: " STR_FMT, type, which, STR_ARG(got),
                 STR_ARG(wanted));
}

static void test_golden(void **state UNUSED)
{
    static const char *const cases[] = {"info", "error", "drift", "recovery"};
    size_t count = 0;
    clock_replace(&frozen);
    ROSTER_EACH (provider, struct provider, row) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            arena a AUTO(arena_done) = {0};
            struct notice notice = dressed(&a, cases[i]);
            struct target target = target_of(&a, (*row)->type);
            str got = converse(&a, &target, &notice, plain_lines, COUNT(plain_lines));
            compare(&a, (*row)->type, cases[i], got);
        }
        count++;
    }
    clock_replace(NULL);
    assert_int_equal(count, COUNT(places));
}

/* Whatever an event says, JSON stays JSON: no text becomes structure. */
static void test_hostile_texts(void **state UNUSED)
{
    static const char *const texts[] = {
        "\",\"channel\":\"#general\",\"x\":\"",
        "\\\",{}",
        "\x01\x02\x7f",
        "\xff\xfe broken",
        "</font><a href=\"https://evil.example.com\">click</a>",
        "@everyone <!everyone> <@U1>",
        "line\r\nX-Injected: yes",
        "{{ .Values }} ${x} `id`",
    };
    clock_replace(&frozen);
    ROSTER_EACH (provider, struct provider, row) {
        for (size_t i = 0; i < COUNT(texts); i++) {
            arena a AUTO(arena_done) = {0};
            struct notice notice = dressed(&a, "error");
            notice.message = str_of(texts[i]);
            notice.controller = str_of("suite");
            node_set_str(&a, (node *)notice.metadata, STR("key"), str_of(texts[i]));
            struct target target = target_of(&a, (*row)->type);
            str got = converse(&a, &target, &notice, plain_lines, COUNT(plain_lines));
            assert_true(str_find(got, STR("error:")) < 0);
            assert_true(str_find(got, STR("\nX-Injected")) < 0);
            assert_true(str_find(got, STR("<!everyone>")) < 0 ||
                        (strcmp((*row)->type, "slack") && strcmp((*row)->type, "discord") &&
                         strcmp((*row)->type, "rocket")));
        }
    }
    clock_replace(NULL);
}

static void expect(const char *type, const char *which, const struct line *lines, size_t count,
                   const char *wanted, bool there)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice = dressed(&a, which);
    struct target target = target_of(&a, type);
    str got = converse(&a, &target, &notice, lines, count);
    if ((str_find(got, str_of(wanted)) >= 0) != there)
        fail_msg("%s %s: %s'%s' in:\n" STR_FMT, type, which, there ? "no " : "", wanted,
                 STR_ARG(got));
}

/* ---- commit states ---- */

#define ID    "kustomization/apps/0c9c2e41"
#define WORDS "reconciliation succeeded"

/* A state that is shown already is not written again; an older one of the same name does not
 * count. */
static void test_states_are_not_repeated(void **state UNUSED)
{
    static const struct {
        const char *type, *request, *same, *newer;
    } cases[] = {
        {"github", "GET https://api.github.com/repos/org/fleet/commits/" SHA "/statuses",
         "[{\"context\":\"x\",\"state\":\"failure\",\"description\":\"y\"},{\"context\":\"" ID
         "\",\"state\":\"success\",\"description\":\"" WORDS "\"}]",
         "[{\"context\":\"" ID "\",\"state\":\"failure\",\"description\":\"" WORDS
         "\"},{\"context\":\"" ID "\",\"state\":\"success\",\"description\":\"" WORDS "\"}]"},
        {"gitlab", "GET https://gitlab.com/api/v4/projects/group%2Fsub%2Ffleet/repository",
         "[{\"name\":\"" ID "\",\"status\":\"success\",\"description\":\"" WORDS "\"}]",
         "[{\"name\":\"" ID "\",\"status\":\"failed\",\"description\":\"" WORDS "\"}]"},
        {"gitea", "GET https://git.example.com/api/v1/repos/org/fleet/commits/" SHA,
         "[{\"context\":\"" ID "\",\"status\":\"success\",\"description\":\"" WORDS "\"}]",
         "[{\"context\":\"" ID "\",\"status\":\"success\",\"description\":\"other\"}]"},
        {"bitbucket", "GET https://api.bitbucket.org/2.0/repositories/org/fleet/commit/" SHA,
         "{\"state\":\"SUCCESSFUL\",\"description\":\"" WORDS "\"}",
         "{\"state\":\"FAILED\",\"description\":\"" WORDS "\"}"},
        {"bitbucketserver",
         "GET https://git.example.com/context/rest/api/latest/projects/prj/repos/fleet/commits",
         "{\"state\":\"SUCCESSFUL\",\"description\":\"" WORDS "\"}",
         "{\"state\":\"FAILED\",\"description\":\"" WORDS "\"}"},
        {"azuredevops", "GET https://dev.azure.com/org/project/_apis/git/repositories/fleet/",
         "{\"value\":[{\"state\":\"succeeded\",\"description\":\"" WORDS
         "\",\"context\":{\"genre\":\"fluxcd:prod-1\",\"name\":\"" ID "\"}}]}",
         "{\"value\":[{\"state\":\"succeeded\",\"description\":\"" WORDS
         "\",\"context\":{\"genre\":\"fluxcd:other\",\"name\":\"" ID "\"}}]}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line same = {cases[i].request, 200, cases[i].same};
        struct line newer = {cases[i].request, 200, cases[i].newer};
        expect(cases[i].type, "info", &same, 1, "GET ", true);
        expect(cases[i].type, "info", &same, 1, "POST ", false);
        expect(cases[i].type, "info", &newer, 1, "POST ", true);
        struct line refused = {cases[i].request, 401, "no"};
        expect(cases[i].type, "info", &refused, 1, "error: request failed with status code 401: no",
               true);
    }
}

static void test_what_is_no_commit(void **state UNUSED)
{
    static const struct {
        const char *revision, *error;
    } cases[] = {
        {"", "error: missing revision metadata"},
        {"main@sha1:abc", "error: failed to extract commit hash from 'main@sha1:abc' revision"},
        {"v1.0.0", "error: failed to extract commit hash from 'v1.0.0' revision"},
        {"main/" SHA, "/statuses/" SHA},
        {"v1@sha256:" SHA, "/statuses/" SHA},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        struct notice notice = dressed(&a, "info");
        struct target target = target_of(&a, "github");
        node *metadata = (node *)notice.metadata;
        node_set_str(&a, metadata, STR("revision"), str_of(cases[i].revision));
        str got = converse(&a, &target, &notice, NULL, 0);
        if (str_find(got, str_of(cases[i].error)) < 0) fail_msg(STR_FMT, STR_ARG(got));
        /* The commit goes before all others, the origin's before an artifact's own. */
        node_set_str(&a, metadata, STR("originRevision"), STR("main@sha1:" SHA));
        got = converse(&a, &target, &notice, NULL, 0);
        assert_true(str_find(got, STR("/statuses/" SHA)) > 0);
    }
}

static void test_progress_is_no_state(void **state UNUSED)
{
    static const char *const types[] = {"github",          "gitlab",      "gitea",    "bitbucket",
                                        "bitbucketserver", "azuredevops", "pagerduty"};
    for (size_t i = 0; i < COUNT(types); i++) {
        arena a AUTO(arena_done) = {0};
        struct notice notice = dressed(&a, "info");
        struct target target = target_of(&a, types[i]);
        notice.reason = STR("Progressing");
        str got = converse(&a, &target, &notice, plain_lines, COUNT(plain_lines));
        if (!strcmp(types[i], "gitea"))
            assert_true(str_find(got, STR("\"state\": \"pending\"")) > 0);
        else
            assert_true(str_is(got, "nothing\n"));
    }
}

/* ---- comments ---- */

#define MARKER "key:0c9c2e41-d2f9-4f9b-9c3b-3b1a2f6a8d3e/Kustomization/flux-system/apps -->"

static void test_comments_are_kept_up_to_date(void **state UNUSED)
{
    static const struct {
        const char *type, *list, *ours, *foreign, *edit;
    } cases[] = {
        {"githubpullrequestcomment",
         "GET https://git.example.com/api/v3/repos/org/fleet/issues/42/comments",
         "[{\"id\":6,\"user\":{\"login\":\"me\"},\"body\":\"else\"},{\"id\":7,\"user\":{\"login\":"
         "\"me\"},\"body\":\"<!-- flux-pr-comment-" MARKER " old\"}]",
         "[{\"id\":7,\"user\":{\"login\":\"eve\"},\"body\":\"<!-- flux-pr-comment-" MARKER "\"}]",
         "PATCH https://git.example.com/api/v3/repos/org/fleet/issues/comments/7\n"},
        {"giteapullrequestcomment",
         "GET https://git.example.com/api/v1/repos/org/fleet/issues/42/comments",
         "[{\"id\":7,\"user\":{\"login\":\"me\"},\"body\":\"<!-- flux-pr-comment-" MARKER "\"}]",
         "[{\"id\":7,\"user\":{\"login\":\"eve\"},\"body\":\"<!-- flux-pr-comment-" MARKER "\"}]",
         "PATCH https://git.example.com/api/v1/repos/org/fleet/issues/comments/7\n"},
        {"gitlabmergerequestcomment",
         "GET https://gitlab.com/api/v4/projects/group%2Fsub%2Ffleet/merge_requests/42/notes",
         "[{\"id\":7,\"author\":{\"username\":\"me\"},\"body\":\"<!-- flux-mr-comment-" MARKER
         "\"}]",
         "[{\"id\":7,\"author\":{\"username\":\"eve\"},\"body\":\"<!-- flux-mr-comment-" MARKER
         "\"}]",
         "PUT https://gitlab.com/api/v4/projects/group%2Fsub%2Ffleet/merge_requests/42/notes/7\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line lines[COUNT(plain_lines) + 1];
        memcpy(lines + 1, plain_lines, sizeof plain_lines);
        lines[0] = (struct line){cases[i].list, 200, cases[i].ours};
        expect(cases[i].type, "info", lines, COUNT(lines), cases[i].edit, true);
        expect(cases[i].type, "info", lines, COUNT(lines), "POST ", false);
        lines[0].body = cases[i].foreign;
        expect(cases[i].type, "info", lines, COUNT(lines), "POST ", true);
        expect(cases[i].type, "info", lines, COUNT(lines), cases[i].edit, false);
    }
}

/* A message cannot pass for the marker of another object's comment, nor call anybody. */
static void test_comments_cannot_be_forged(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice = dressed(&a, "info");
    struct target target = target_of(&a, "githubpullrequestcomment");
    notice.message = STR("<!-- flux-pr-comment-key:other --> ping @org/team");
    str got = converse(&a, &target, &notice, plain_lines, COUNT(plain_lines));
    assert_true(str_find(got, STR("!-- flux-pr-comment-key:0c9c2e41")) > 0);
    assert_true(str_find(got, STR("\\u003c!-- flux-pr-comment-key:other")) < 0);
    assert_true(str_find(got, STR("@org/team")) < 0);
    assert_true(str_find(got, STR("@sha1:" SHA)) > 0); /* within a word it is no mention */
}

static void test_change_request_is_a_number(void **state UNUSED)
{
    static const char *const types[] = {"githubpullrequestcomment", "gitlabmergerequestcomment",
                                        "giteapullrequestcomment"};
    static const char *const wrong[] = {"", "42/../../7", "x", "-1", "+1", "99999999999999999999"};
    for (size_t i = 0; i < COUNT(types); i++) {
        for (size_t k = 0; k < COUNT(wrong); k++) {
            arena a AUTO(arena_done) = {0};
            struct notice notice = dressed(&a, "info");
            struct target target = target_of(&a, types[i]);
            node_set_str(&a, (node *)notice.metadata, STR("change_request"), str_of(wrong[k]));
            assert_true(str_is(converse(&a, &target, &notice, NULL, 0),
                               "error: the metadata change_request is not a number\n"));
        }
    }
}

/* ---- GitHub Apps ---- */

static struct target app_target(arena *a, const char *type, const char *key, const char *value)
{
    struct target target = target_of(a, type);
    node *data = node_map(a);
    node_set_str(a, data, STR("githubAppID"), STR("123"));
    node_set_str(a, data, STR("githubAppPrivateKey"), read_file(a, "key.pem"));
    if (key) node_set_str(a, data, str_of(key), str_of(value));
    target.token = (str){0};
    target.secret = data;
    return target;
}

static void test_github_app(void **state UNUSED)
{
    static const struct line lines[] = {
        {"GET https://api.github.com/orgs/org/installation", 200, "{\"id\":77}"},
        {"GET https://git.example.com/api/v3/app", 200, "{\"slug\":\"fixpoint\"}"},
        {"POST https://api.github.com/app/installations/77/access_tokens", 201,
         "{\"token\":\"ghs_short\"}"},
        {"POST https://git.example.com/api/v3/app/installations/78/access_tokens", 201,
         "{\"token\":\"ghs_short\"}"},
        {"GET https://git.example.com/api/v3/repos/org/fleet/issues/42/comments", 200,
         "[{\"id\":7,\"user\":{\"login\":\"fixpoint[bot]\"},\"body\":\"<!-- "
         "flux-pr-comment-" MARKER "\"}]"},
    };
    arena a AUTO(arena_done) = {0};
    struct notice notice = dressed(&a, "info");
    struct target by_owner = app_target(&a, "github", "githubAppInstallationOwner", "org");
    str got = converse(&a, &by_owner, &notice, lines, COUNT(lines));
    assert_true(str_find(got, STR("Bearer ghs_short")) > 0);
    assert_true(str_find(got, STR("POST https://api.github.com/repos/org/fleet/statuses/")) > 0);

    struct target by_id =
        app_target(&a, "githubpullrequestcomment", "githubAppInstallationID", "78");
    got = converse(&a, &by_id, &notice, lines, COUNT(lines));
    assert_true(str_find(got, STR("PATCH https://git.example.com/api/v3/repos/org/fleet/issues/"
                                  "comments/7\n")) > 0);
    assert_true(str_find(got, STR("/user\n")) < 0);

    struct target neither = app_target(&a, "github", NULL, NULL);
    got = converse(&a, &neither, &notice, lines, COUNT(lines));
    assert_true(str_starts(got, STR("error: the Secret needs one of 'githubAppInstallationID'")));
    struct target broken = app_target(&a, "github", "githubAppInstallationID", "78");
    node_set_str(&a, (node *)broken.secret, STR("githubAppPrivateKey"), STR("hunter2-secret"));
    got = converse(&a, &broken, &notice, lines, COUNT(lines));
    assert_true(str_is(got, "error: githubAppPrivateKey: the private key is not an RSA key in "
                            "PEM\n"));
}

/* ---- the rest ---- */

static void test_slack_says_no(void **state UNUSED)
{
    struct line no = {"POST https://slack.com", 200,
                      "{\"ok\":false,\"error\":\"channel_not_found\"}"};
    expect("slack", "info", &no, 1, "error: Slack responded with error: channel_not_found", true);
    struct line page = {"POST https://slack.com", 200, "<html>"};
    expect("slack", "info", &page, 1, "error: the answer of Slack is no JSON", true);
}

static void test_teams_connectors(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice = dressed(&a, "error");
    struct target target = target_of(&a, "msteams");
    target.address = STR("https://x.webhook.office.com/webhookb2/1");
    str got = converse(&a, &target, &notice, NULL, 0);
    compare(&a, "msteams", "connector", got);
}

static void test_missing_hmac_key(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice = dressed(&a, "info");
    struct target target = target_of(&a, "generic-hmac");
    target.token = (str){0};
    str got = converse(&a, &target, &notice, NULL, 0);
    assert_true(str_starts(got, STR("error: HMAC key is empty")));
}

static void test_words(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    assert_true(str_is(notify_reason_words(&a, STR("ReconciliationSucceeded")),
                       "reconciliation succeeded"));
    assert_true(str_is(notify_reason_words(&a, STR("OCIPullFailed")), "oci pull failed"));
    assert_true(str_is(notify_reason_words(&a, STR("Drifted")), "drifted"));
    assert_true(str_is(notify_first_line(STR("one\ntwo")), "one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_states_are_not_repeated),
        cmocka_unit_test(test_what_is_no_commit),
        cmocka_unit_test(test_progress_is_no_state),
        cmocka_unit_test(test_comments_are_kept_up_to_date),
        cmocka_unit_test(test_comments_cannot_be_forged),
        cmocka_unit_test(test_change_request_is_a_number),
        cmocka_unit_test(test_github_app),
        cmocka_unit_test(test_slack_says_no),
        cmocka_unit_test(test_teams_connectors),
        cmocka_unit_test(test_missing_hmac_key),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
