/* token: whom credentials are told, the exchange, and what is kept. */
#include "oci/token.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"

static void tells_its_own_domain_only(void **state UNUSED)
{
    static const struct {
        const char *registry;
        bool tls;
        const char *realm;
        bool good;
    } rows[] = {
        {"index.docker.io", true, "https://auth.docker.io/token", true},
        {"ghcr.io", true, "https://ghcr.io/token", true},
        {"registry.gitlab.com", true, "https://gitlab.com/jwt/auth", true},
        {"registry.example.com", true, "https://gitlab.example.com/jwt/auth", true},
        {"Registry.Example.com", true, "https://GITLAB.example.COM/jwt", true},
        {"localhost:5000", false, "http://localhost:5001/token", true},
        {"127.0.0.1:5000", false, "http://127.0.0.1:6000/token", true},
        {"a.example.co.uk", true, "https://b.example.co.uk/token", true},
        {"registry.example.com", true, "https://evil.com/token", false},
        {"registry.example.com", true, "https://example.com.evil.com/token", false},
        {"registry.example.com", true, "https://evilexample.com/token", false},
        {"example.co.uk", true, "https://evil.co.uk/token", false},
        {"a.example.co.uk", true, "https://evil.co.uk/token", false},
        {"example.com.au", true, "https://evil.com.au/token", false},
        {"registry.example.com", true, "http://registry.example.com/token", false},
        {"registry.example.com", true, "https://169.254.169.254/token", false},
        {"registry.example.com", true, "https://10.0.0.1/token", false},
        {"10.0.0.2", true, "https://10.0.0.1/token", false},
        {"1.2.3.4", true, "https://9.2.3.4/token", false},
        {"localhost", false, "http://evil/token", false},
        {"registry.example.com", true, "https://me@registry.example.com/token", false},
        {"registry.example.com", true, "file:///etc/passwd", false},
        {"registry.example.com", true, "ftp://registry.example.com/", false},
        {"registry.example.com", true, "", false},
        {"registry.example.com", true, "/token", false},
        {"registry.example.com", true, "https://registry.example.com\r\nX: y/", false},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        err *e AUTO(err_done) =
            token_check_realm(&a, str_of(rows[i].registry), rows[i].tls, str_of(rows[i].realm));
        if (!e != rows[i].good) fail_msg("%s -> '%s'", rows[i].registry, rows[i].realm);
    }
}

static void asks_for_a_token(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct http_request request;
    struct challenge challenge = {CHALLENGE_BEARER, STR("https://auth.io/token"), STR("reg&io"),
                                  STR("repository:a/b:pull")};
    struct keychain_entry who = {.user = STR("me"), .password = STR("secret")};
    token_request(&a, &challenge, STR("a/b"), &who, &request);
    assert_true(str_is(request.url, "https://auth.io/token?service=reg%26io"
                                    "&scope=repository%3Aa%2Fb%3Apull"));
    assert_true(str_is(request.user, "me") && str_is(request.password, "secret"));
    assert_true(str_find(request.url, STR("secret")) < 0);

    challenge = (struct challenge){CHALLENGE_BEARER, STR("https://auth.io/t?x=1"), {0}, {0}};
    token_request(&a, &challenge, STR("a/b"), NULL, &request);
    assert_true(str_is(request.url, "https://auth.io/t?x=1&scope=repository%3Aa%2Fb%3Apull"));
    assert_int_equal(request.user.len, 0);

    who = (struct keychain_entry){.user = STR("<token>"), .identity_token = STR("refresh me")};
    token_request(&a, &challenge, STR("a/b"), &who, &request);
    assert_string_equal(request.method, "POST");
    assert_true(str_find(request.body, STR("grant_type=refresh_token")) >= 0);
    assert_true(str_find(request.body, STR("refresh_token=refresh%20me")) >= 0);
    assert_true(str_find(request.url, STR("refresh")) < 0);
}

static void reads_answers(void **state UNUSED)
{
    static const struct {
        const char *body, *token;
        int64_t lifetime_s; /* before the tenth that is taken off */
    } rows[] = {
        {"{\"token\":\"abc\"}", "abc", 60},
        {"{\"access_token\":\"abc\",\"expires_in\":300}", "abc", 300},
        {"{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":1}", "a", 60},
        {"{\"token\":\"a\",\"expires_in\":-5}", "a", 60},
        {"{\"token\":\"a\",\"expires_in\":9223372036854775807}", "a", 3600},
        {"{\"token\":\"a\",\"expires_in\":\"soon\"}", "a", 60},
        {"{\"token\":\"\"}", NULL, 0},
        {"{}", NULL, 0},
        {"[]", NULL, 0},
        {"", NULL, 0},
        {"<html>", NULL, 0},
        {"{\"token\":7}", NULL, 0},
        {"{\"token\":\"a\\r\\nX: y\"}", NULL, 0},
        {"{\"token\":\"a b\"}", NULL, 0},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        str token;
        int64_t lifetime_ns;
        err *e AUTO(err_done) = token_read(&a, str_of(rows[i].body), &token, &lifetime_ns);
        if (!e != (rows[i].token != NULL)) fail_msg("'%s'", rows[i].body);
        if (e) continue;
        assert_true(str_is(token, rows[i].token));
        assert_int_equal(lifetime_ns, rows[i].lifetime_s * CLOCK_SECOND / 10 * 9);
    }
}

static void forgets_in_time(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct tokens *tokens = token_new();
    struct token_proof out, proof = {.bearer = STR("abc")};
    int64_t now_ns = clock_now_ns(), later_ns = now_ns + 3600 * CLOCK_SECOND;
    assert_false(token_recall(tokens, &a, STR("k"), &out));
    token_remember(tokens, STR("k"), &proof, later_ns);
    assert_true(token_recall(tokens, &a, STR("k"), &out) && str_is(out.bearer, "abc"));
    token_remember(tokens, STR("k"), &proof, now_ns);
    assert_false(token_recall(tokens, &a, STR("k"), &out));
    token_remember(tokens, STR("k"), &proof, later_ns);
    token_forget(tokens, STR("k"));
    token_forget(tokens, STR("k"));
    assert_false(token_recall(tokens, &a, STR("k"), &out));

    for (int i = 0; i <= LIMIT_OCI_TOKENS; i++) {
        token_remember(tokens, str_printf(&a, "k%d", i), &proof, later_ns);
        assert_true(token_recall(tokens, &a, STR("k0"), &out)); /* in use, so it stays */
    }
    assert_false(token_recall(tokens, &a, STR("k1"), &out)); /* the longest unused */
    assert_true(token_recall(tokens, &a, STR("k2"), &out));
    token_free(tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_its_own_domain_only), cmocka_unit_test(asks_for_a_token),
        cmocka_unit_test(reads_answers), cmocka_unit_test(forgets_in_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
