/* remote: URLs that are taken, credentials that do not show, names of references. */
#include "git/remote.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_urls(void **state UNUSED)
{
    static const char *const rows[][3] = {
        /* URL, error, or the URL it becomes */
        {"https://example.org/a/b.git", NULL, "https://example.org/a/b.git"},
        {"http://example.org:8080/a//", NULL, "http://example.org:8080/a"},
        {"https://u:p@example.org/a", NULL, "https://example.org/a"},
        {"https://[::1]:443/a", NULL, "https://[::1]:443/a"},
        {"https://example.org", "has no path", NULL},
        {"https://example.org/", "has no path", NULL},
        {"https://example.org/a?token=s3cret", "has a query or a fragment", NULL},
        {"https://example.org/a#s3cret", "has a query or a fragment", NULL},
        {"ssh://example.org/a", NULL, "ssh://git@example.org/a"},
        {"file:///etc/passwd", "", NULL},
        {"ext::sh -c x", "", NULL},
        {"ftp://example.org/a", "is not http, https or ssh", NULL},
        {"-oProxyCommand=x", "", NULL},
        {"https://-oProxyCommand=x/a", "", NULL},
        {"https://example.org/a\nb", "", NULL},
        {"https://s3cret:s3cret@exa mple.org/a", "", NULL},
        {"https://u:s3cret%zz@example.org/a", "", NULL},
        {"", "", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct remote remote = {.url = str_of(rows[i][0])};
        err *e AUTO(err_done) = remote_check(&a, &remote);
        if (rows[i][2]) {
            if (e) fail_msg("'%s': %s", rows[i][0], e->message);
            assert_true(str_is(remote.url, rows[i][2]));
            continue;
        }
        if (!e) fail_msg("'%s' was taken", rows[i][0]);
        if (str_find(err_text(e), str_of(rows[i][1])) < 0)
            fail_msg("'%s': %s", rows[i][0], e->message);
        assert_true(str_find(err_text(e), STR("s3cret")) < 0);
        assert_true(err_is(e, ERR_INVALID));
    }
}

static void test_credentials(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct remote remote = {.url = STR("https://us%40er:p%3Aw@example.org/a"),
                            .user = STR("other")};
    assert_null(remote_check(&a, &remote));
    assert_true(str_is(remote.user, "other"));
    assert_true(str_is(remote.password, "p:w"));
    assert_true(str_is(remote_authorization(&a, &remote), "Basic b3RoZXI6cDp3"));
    struct remote both = {.url = STR("https://u@example.org/a"), .bearer = STR("t")};
    err *e AUTO(err_done) = remote_check(&a, &both);
    assert_string_equal(e->message, "basic auth and bearer token cannot be set at the same time");
    assert_string_equal(e->reason, "AuthenticationFailed");
    assert_true(str_is(remote_authorization(&a, &(struct remote){.bearer = STR("t")}), "Bearer t"));
    assert_int_equal(remote_authorization(&a, &(struct remote){0}).len, 0);
}

static void test_identity(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct remote remotes[] = {
        {.url = STR("https://h/ab")},
        {.url = STR("https://h/a"), .user = STR("b")},
        {.url = STR("https://h/a"), .password = STR("b")},
        {.url = STR("https://h/a"), .bearer = STR("b")},
        {.url = STR("https://h/a"), .ca_pem = STR("b")},
        {.url = STR("https://h/a"), .cert_pem = STR("b")},
        {.url = STR("https://h/a"), .key_pem = STR("b")},
        {.url = STR("https://h/a"), .proxy = STR("b")},
        {.url = STR("https://h/a"), .identity = STR("b")},
        {.url = STR("https://h/a"), .passphrase = STR("b")},
        {.url = STR("https://h/a"), .known_hosts = STR("b")},
    };
    for (size_t i = 0; i < COUNT(remotes); i++) {
        assert_int_equal(remote_id(&a, &remotes[i]).len, 32);
        for (size_t k = 0; k < i; k++) {
            assert_false(str_eq(remote_id(&a, &remotes[i]), remote_id(&a, &remotes[k])));
        }
    }
    assert_true(str_eq(remote_trust(&a, &remotes[0]), remote_trust(&a, &remotes[1])));
    assert_false(str_eq(remote_trust(&a, &remotes[4]), remote_trust(&a, &remotes[5])));
}

static void test_names(void **state UNUSED)
{
    static const char *const good[] = {"refs/heads/main",     "HEAD",
                                       "refs/heads/a.b/c-d",  "refs/tags/v1",
                                       "refs/heads/\xc3\xa9", "refs/heads/--x"};
    static const char *const bad[] = {"",       "-x",       "--upload-pack=x",
                                      "/a",     "a/",       "a//b",
                                      "a..b",   ".a",       "a/.b",
                                      "a.lock", "a.lock/b", "a.",
                                      "a b",    "a~b",      "a^b",
                                      "a:b",    "a?",       "a*",
                                      "a[b",    "a\\b",     "a@{b",
                                      "@",      "a\x01",    "a\x7f",
                                      "a\nb"};
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(remote_ref_is_valid(str_of(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (remote_ref_is_valid(str_of(bad[i]))) fail_msg("'%s' was taken", bad[i]);
    }
    buf b = BUF(&a);
    buf_fill(&b, 'a', 2000);
    assert_false(remote_ref_is_valid(buf_str(&b)));
    assert_true(remote_sha_is_valid(STR("0123456789abcdef0123456789abcdef01234567")));
    assert_false(remote_sha_is_valid(STR("0123456789ABCDEF0123456789abcdef01234567")));
    assert_false(remote_sha_is_valid(STR("0123456789abcdef")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
