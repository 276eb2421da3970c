/* lsrefs: what servers list, in every protocol and with every fault. */
#include "git/lsrefs.h"

#include "base/limits.h"
#include "git/pktline.h"
#include "harness/git_server.h"
#include "net/talk.h"

static struct lsrefs *lsrefs;

static int setup(void **state)
{
    git_setup(state);
    git_new("one");
    git_sh("cd work; git tag light; git tag -am note annotated; git push -q origin --tags");
    git_sh("git init -q --bare -b main empty.git");
    lsrefs = lsrefs_new((struct lsrefs_options){.loop = git_server.loop, .wake = git_wake});
    return 0;
}

static int teardown(void **state)
{
    lsrefs_free(lsrefs);
    return git_teardown(state);
}

#define WAKER STR("GitRepository/apps/one")

/* Waits for the answer, which is the test's from then on. */
static err *wait_for(struct lsrefs_poll *poll, struct lsrefs_answer *out)
{
    unsigned seen = 0;
    err *e;
    while (talk_is_pending(e = lsrefs_answer(poll, WAKER, out))) {
        err_free(e);
        git_wait(&seen);
    }
    if (!e) {
        arena *a = &git_server.arena;
        struct reflist_ref *refs = NEW_ARRAY(a, struct reflist_ref, out->count + 1);
        for (size_t i = 0; i < out->count; i++) {
            const struct reflist_ref *ref = &out->refs[i];
            refs[i] = (struct reflist_ref){str_dup(a, ref->name), str_dup(a, ref->sha),
                                           str_dup(a, ref->peeled), str_dup(a, ref->target)};
        }
        *out = (struct lsrefs_answer){remote_dup(a, &out->remote), refs, out->count};
    }
    lsrefs_drop(poll, WAKER);
    return e;
}

static struct lsrefs_poll *begin(struct remote remote, const char *prefix, int64_t timeout_ms)
{
    struct lsrefs_poll *poll;
    struct lsrefs_request request = {&remote, str_of(prefix), timeout_ms * CLOCK_MS};
    git_ok(remote_check(&git_server.arena, &remote));
    git_ok(lsrefs_ask(lsrefs, &request, &poll));
    return poll;
}

static err *ask(struct remote remote, const char *prefix, int64_t timeout_ms,
                struct lsrefs_answer *out)
{
    return wait_for(begin(remote, prefix, timeout_ms), out);
}

static struct lsrefs_answer listed(struct remote remote, const char *prefix)
{
    struct lsrefs_answer answer;
    git_ok(ask(remote, prefix, 10000, &answer));
    return answer;
}

static void refused(struct remote remote, enum err_kind kind, const char *message)
{
    struct lsrefs_answer answer;
    err *e AUTO(err_done) = ask(remote, NULL, 10000, &answer);
    if (!e) fail_msg("must be refused: %s", message);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, kind);
}

static void check_all(struct remote remote, bool symrefs)
{
    str head = git_sh("git -C one.git rev-parse main"),
        tag = git_sh("git -C one.git rev-parse annotated");
    struct lsrefs_answer answer = listed(remote, NULL);
    assert_int_equal(answer.count, 4);
    assert_true(str_is(answer.refs[0].name, "HEAD"));
    if (symrefs) assert_true(str_is(answer.refs[0].target, "refs/heads/main"));
    assert_true(str_is(answer.refs[1].name, "refs/heads/main"));
    assert_true(str_eq(answer.refs[1].sha, head));
    assert_true(str_is(answer.refs[2].name, "refs/tags/annotated"));
    assert_true(str_eq(answer.refs[2].sha, tag));
    assert_true(str_eq(answer.refs[2].peeled, head));
    assert_true(str_is(answer.refs[3].name, "refs/tags/light"));
    assert_true(str_eq(answer.refs[3].sha, head));
    assert_int_equal(answer.refs[3].peeled.len, 0);
    assert_int_equal(listed(remote, "refs/tags/li").count, 1);
    assert_int_equal(listed(remote, "refs/none").count, 0);
}

static void test_protocols(void **state UNUSED)
{
    check_all((struct remote){.url = git_url("plain", "one")}, true);
    check_all((struct remote){.url = git_url("old", "one")}, false);
    assert_int_equal(listed((struct remote){.url = git_url("plain", "empty")}, NULL).count, 0);
    assert_int_equal(listed((struct remote){.url = git_url("old", "empty")}, NULL).count, 0);
}

/* The first time the server is asked what it speaks; from then on a poll is one request. */
static void test_poll_is_one_request(void **state UNUSED)
{
    git_new("polled");
    struct remote remote = {.url = git_url("plain", "polled")};
    git_log();
    listed(remote, "refs/heads/main");
    assert_true(str_is(git_log(), "GET /plain/polled.git/info/refs?service=git-upload-pack\n"
                                  "POST /plain/polled.git/git-upload-pack\n"));
    listed(remote, "refs/heads/main");
    assert_true(str_is(git_log(), "POST /plain/polled.git/git-upload-pack\n"));
    /* A repository that went away and came back. */
    git_sh("mv polled.git gone.git");
    refused(remote, ERR_NOT_FOUND, "repository not found");
    git_sh("mv gone.git polled.git");
    assert_int_equal(listed(remote, "refs/heads/").count, 1);
}

static void test_credentials(void **state UNUSED)
{
    str url = git_url("auth", "one"), bearer = git_url("bearer", "one");
    str inside = str_replace(&git_server.arena, url, STR("http://"), STR("http://u:s3c%72et@"));
    assert_int_equal(listed((struct remote){url, STR("u"), STR("s3cret")}, NULL).count, 4);
    assert_int_equal(listed((struct remote){.url = inside}, NULL).count, 4);
    assert_int_equal(listed((struct remote){.url = bearer, .bearer = STR("t0ken")}, NULL).count, 4);
    refused((struct remote){url, STR("u"), STR("wr0ng")}, ERR_DENIED,
            "authentication required: wrong name  or password");
    refused((struct remote){.url = url}, ERR_DENIED,
            "authentication required: wrong name  or password");
    refused((struct remote){.url = bearer, .bearer = STR("other")}, ERR_DENIED,
            "authentication required");
    refused((struct remote){.url = git_url("forbidden", "one")}, ERR_DENIED,
            "authorization failed: not for you");
}

static void test_faults(void **state UNUSED)
{
    str broken = git_url("broken", "one");
    refused((struct remote){.url = git_url("plain", "missing")}, ERR_NOT_FOUND,
            "repository not found");
    refused((struct remote){.url = broken}, ERR_TRANSIENT,
            str_z(&git_server.arena,
                  str_printf(&git_server.arena,
                             "unexpected client error: unexpected requesting \"" STR_FMT
                             "/info/refs?service=git-upload-pack\" status code: 500",
                             STR_ARG(broken))));
    refused((struct remote){.url = git_url("html", "one")}, ERR_INVALID,
            "the server answered with a web page instead of a Git repository; check the URL");
    refused((struct remote){.url = git_url("dumb", "one")}, ERR_INVALID,
            "the server does not speak the smart HTTP protocol of Git");
    refused((struct remote){.url = git_url("lies", "one")}, ERR_INVALID,
            "the answer ends within a pkt-line");
    refused((struct remote){.url = git_url("says", "one")}, ERR_TRANSIENT,
            "remote: access denied or not exported");
    refused((struct remote){.url = git_url("sha256", "one")}, ERR_INVALID,
            "the repository has 'sha256' objects, which are not supported");
}

static void test_redirects(void **state UNUSED)
{
    struct lsrefs_answer answer;
    struct remote moved = {git_url("moved", "one"), STR("u"), STR("s3cret")};
    struct remote away = {git_url("away", "one"), STR("u"), STR("s3cret")};
    answer = listed(moved, NULL);
    assert_int_equal(answer.count, 4);
    assert_true(str_eq(answer.remote.url, git_url("plain", "one")));
    assert_true(str_is(answer.remote.password, "s3cret"));
    git_log();
    listed(moved, NULL);
    assert_true(str_is(git_log(), "POST /plain/one.git/git-upload-pack\n"));
    /* The other host would refuse credentials. */
    answer = listed(away, NULL);
    assert_int_equal(answer.count, 4);
    assert_int_equal(answer.remote.user.len + answer.remote.password.len, 0);
    assert_int_equal(listed(away, NULL).count, 4);
    refused((struct remote){.url = git_url("page", "one")}, ERR_INVALID,
            "the server redirects to something that is no Git repository; check the URL");
    refused((struct remote){.url = git_url("loop", "one")}, ERR_INVALID,
            "the server redirects more than 3 times");
}

static void test_hanging_host(void **state UNUSED)
{
    struct lsrefs_answer answer;
    struct remote remote = {.url = git_url("hang", "one")};
    err *late AUTO(err_done) = ask(remote, NULL, 300, &answer);
    assert_true(err_is(late, ERR_TRANSIENT));
    assert_string_equal(late->reason, "Timeout");
    remote.url = str_printf(&git_server.arena, "http://127.0.0.1:1/x.git");
    err *closed AUTO(err_done) = ask(remote, NULL, 5000, &answer);
    assert_true(err_is(closed, ERR_TRANSIENT));
}

static void pending(struct lsrefs_poll *poll)
{
    struct lsrefs_answer answer;
    err *e AUTO(err_done) = lsrefs_answer(poll, WAKER, &answer);
    assert_true(talk_is_pending(e));
}

/* Whoever asks a host that hangs is not held up, neither there nor at other repositories of it. */
static void test_nobody_waits(void **state UNUSED)
{
    struct lsrefs_poll *polls[50];
    for (size_t i = 0; i < COUNT(polls); i++) {
        polls[i] = begin((struct remote){.url = git_url("hang", "few")}, NULL, 60000);
        pending(polls[i]);
    }
    /* As many as may be under way are; the others share the one that follows. */
    for (size_t i = 1; i < COUNT(polls); i++)
        assert_int_equal(polls[i] == polls[i - 1], i > LIMIT_GIT_POLLS);
    listed((struct remote){.url = git_url("plain", "one")}, NULL);
    for (size_t i = 0; i < COUNT(polls); i++)
        lsrefs_drop(polls[i], WAKER);
}

/* Those who ask while polls are under way get one that began after they asked. */
static void test_polls_are_shared(void **state UNUSED)
{
    struct lsrefs_poll *polls[20];
    struct remote remote = {.url = git_url("plain", "one")};
    listed(remote, "refs/heads/"); /* what the server is able to do is known from now on */
    git_log();
    for (size_t i = 0; i < COUNT(polls); i++)
        polls[i] = begin(remote, "refs/heads/", 10000);
    for (size_t i = 0; i < COUNT(polls); i++) {
        struct lsrefs_answer answer;
        git_ok(wait_for(polls[i], &answer));
        assert_int_equal(answer.count, 1);
    }
    assert_int_equal(git_log_count(), LIMIT_GIT_POLLS + 1);
}

/* ---- Listings by hand ---- */

#define SHA   "1111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222"

static void test_listings_that_lie(void **state UNUSED)
{
    static const struct {
        const char *body;
        size_t len;
        bool advertisement;
        const char *message;
    } rows[] = {
#define ROW(text, advertisement, message) {text, sizeof(text) - 1, advertisement, message}
        ROW("", true, "the list of references has no end"),
        ROW("0005x", true, "the server lists a reference without a name"),
        ROW("003f" SHA " refs/heads/main\n", true, "the answer ends within a pkt-line"),
        ROW("003d" SHA " refs/heads/main\n", true, "the list of references has no end"),
        ROW("0003", false, "the answer has a pkt-line of the impossible length 3"),
        ROW("fff1", false, "the answer has a pkt-line of the impossible length 65521"),
        ROW("zzzz", false, "the answer is not in pkt-lines"),
        ROW("00", false, "the answer ends within a pkt-line"),
        ROW("000a1 main0000", false, "the server lists a reference without a valid object name"),
        ROW("000dERR a\x1b b\n0000", false, "remote: a  b"),
        ROW("004a" SHA "111111111111111111111111 HEAD\n0000", false,
            "the repository has SHA-256 objects, which are not supported"),
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reflist listing;
        str body = str_from(rows[i].body, rows[i].len);
        err *e AUTO(err_done) = rows[i].advertisement
                                    ? reflist_parse_advertisement(&a, body, &listing)
                                    : reflist_parse_answer(&a, body, &listing);
        if (!e) fail_msg("row %zu was taken", i);
        assert_string_equal(e->message, rows[i].message);
    }
}

static str framed(arena *a, const char *const *lines)
{
    buf b = BUF(a);
    for (; *lines; lines++)
        pktline_add(&b, str_of(*lines));
    pktline_add_mark(&b, PKTLINE_FLUSH);
    return buf_str(&b);
}

static void test_listings(void **state UNUSED)
{
    static const char *const answer[] = {SHA " refs/../x",
                                         SHA " refs/tags/v1 peeled:" OTHER " new-attribute",
                                         "unborn HEAD symref-target:refs/heads/main", NULL};
    static const char *const advertisement[] = {"version 1", SHA " refs/tags/a^{}",
                                                SHA " refs/tags/b", OTHER " refs/tags/b^{}", NULL};
    arena a AUTO(arena_done) = {0};
    struct reflist listing;
    /* Names that git would not take are left out; a peeled line without its tag is, too. */
    git_ok(reflist_parse_answer(&a, framed(&a, answer), &listing));
    assert_int_equal(listing.count, 1);
    assert_true(str_is(listing.refs[0].peeled, OTHER));
    git_ok(reflist_parse_advertisement(&a, framed(&a, advertisement), &listing));
    assert_int_equal(listing.count, 1);
    assert_true(str_is(listing.refs[0].peeled, OTHER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocols),         cmocka_unit_test(test_poll_is_one_request),
        cmocka_unit_test(test_credentials),       cmocka_unit_test(test_faults),
        cmocka_unit_test(test_redirects),         cmocka_unit_test(test_hanging_host),
        cmocka_unit_test(test_nobody_waits),      cmocka_unit_test(test_polls_are_shared),
        cmocka_unit_test(test_listings_that_lie), cmocka_unit_test(test_listings),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
