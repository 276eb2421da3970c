/* jwt: what is accepted is signed by a key of the set, now valid, and nothing else. */
#include "cloud/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "signed_token.h"

#define HEADER "{\"alg\":\"RS256\",\"kid\":\"one\"}"
#define CLAIMS "{\"iss\":\"x\",\"aud\":[\"a\",7,\"b\"],\"exp\":2000}"

struct fixture {
    arena a;
    EVP_PKEY *key, *other;
    node *keys;
};

static node *parse(arena *a, str text)
{
    node *n;
    err *e = json_parse(a, text, (struct json_options){0}, &n);
    must(!e);
    return n;
}

static int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    f->key = EVP_RSA_gen(2048);
    f->other = EVP_RSA_gen(2048);
    f->keys = parse(&f->a, signed_key_set(&f->a, f->key, "one"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY_free(f->key);
    EVP_PKEY_free(f->other);
    arena_done(&f->a);
    free(f);
    return 0;
}

static void check(struct fixture *f, str token, const node *keys, enum err_kind kind,
                  const char *why)
{
    struct jwt jwt;
    err *e AUTO(err_done) = jwt_parse(&f->a, token, &jwt);
    if (!e) e = jwt_verify(&jwt, keys);
    if (!e) fail_msg("accepted, instead of: %s", why);
    if (e->kind != kind || str_find(err_text(e), str_of(why)) < 0)
        fail_msg("%d %s, instead of: %s", e->kind, e->message, why);
    assert_true(str_find(err_text(e), str_head(token, 20)) < 0 || token.len < 20);
}

static str token_of(struct fixture *f, const char *header)
{
    return signed_token(&f->a, f->key, str_of(header), STR(CLAIMS));
}

static void signatures(void **state)
{
    struct fixture *f = *state;
    arena *a = &f->a;
    struct jwt jwt;
    str good = token_of(f, HEADER), head, rest;
    assert_null(jwt_parse(a, good, &jwt));
    assert_null(jwt_verify(&jwt, f->keys));
    assert_true(jwt_has_audience(&jwt, STR("a")) && jwt_has_audience(&jwt, STR("b")));
    assert_false(jwt_has_audience(&jwt, STR("c")) || jwt_has_audience(&jwt, STR("")));
    assert_true(str_is(jwt_claim(&jwt, "iss"), "x"));
    assert_false(jwt_claim(&jwt, "exp").len);
    /* A token without a key id is tried with every key. */
    assert_null(jwt_parse(a, token_of(f, "{\"alg\":\"RS256\"}"), &jwt));
    assert_null(jwt_verify(&jwt, f->keys));

    const char *algorithm = "an algorithm other than RS256 and ES256";
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"kid\":\"one\"}",  "{\"alg\":\"HS256\",\"kid\":\"one\"}",
        "{\"alg\":\"RS512\",\"kid\":\"one\"}", "{\"alg\":\"rs256\",\"kid\":\"one\"}",
        "{\"alg\":7,\"kid\":\"one\"}",         "{\"kid\":\"one\"}",
    };
    for (size_t i = 0; i < COUNT(headers); i++)
        check(f, token_of(f, headers[i]), f->keys, ERR_DENIED, algorithm);
    check(f, token_of(f, "{\"alg\":\"ES256\",\"kid\":\"one\"}"), f->keys, ERR_DENIED,
          "signature is not the issuer's");
    check(f, token_of(f, "{\"alg\":\"RS256\",\"kid\":\"two\"}"), f->keys, ERR_NOT_FOUND, "no key");
    check(f, token_of(f, "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}"), f->keys, ERR_INVALID,
          "critical extensions");
    check(f, signed_token(a, f->other, STR(HEADER), STR(CLAIMS)), f->keys, ERR_DENIED,
          "signature is not the issuer's");
    check(f, str_head(good, good.len - 4), f->keys, ERR_DENIED, "signature is not the issuer's");
    str_cut(good, '.', &head, &rest);
    str claims = b64_encode_url(a, STR("{\"iss\":\"y\",\"exp\":2000}"));
    str_cut(rest, '.', &head, &rest);
    check(f,
          str_printf(a, "%s." STR_FMT "." STR_FMT, "eyJhbGciOiJSUzI1NiJ9", STR_ARG(claims),
                     STR_ARG(rest)),
          f->keys, ERR_DENIED, "signature is not the issuer's");
}

static void key_sets(void **state)
{
    struct fixture *f = *state;
    static const char *const sets[] = {
        "{\"keys\":[]}",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[null,7,\"x\",[]]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"one\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"one\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"one\",\"n\":7,\"e\":\"!\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"one\",\"k\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"one\",\"x\":\"AQ\",\"y\":\"AQ\"}]}",
    };
    for (size_t i = 0; i < COUNT(sets); i++) {
        struct jwt jwt;
        assert_null(jwt_parse(&f->a, token_of(f, HEADER), &jwt));
        err *e AUTO(err_done) = jwt_verify(&jwt, parse(&f->a, str_of(sets[i])));
        assert_non_null(e);
    }
}

/* What ES256 of RFC 7515, appendix A.3, signs. */
static void example_of_the_standard(void **state)
{
    struct fixture *f = *state;
    struct jwt jwt;
    node *keys = parse(&f->a, STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                                  "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
                                  "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"));
    str token =
        STR("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6L"
            "y9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXF"
            "CgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    assert_null(jwt_parse(&f->a, token, &jwt));
    assert_null(jwt_verify(&jwt, keys));
    assert_true(str_is(jwt_claim(&jwt, "iss"), "joe"));
    err *e AUTO(err_done) = jwt_check_time(&jwt, 1300819380 * CLOCK_SECOND + 61 * CLOCK_SECOND);
    assert_string_equal(e->message, "the token has expired");
    assert_null(jwt_check_time(&jwt, 1300819380 * CLOCK_SECOND));
}

static void times(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *claims, *why;
    } cases[] = {
        {"{\"exp\":1000}", NULL},
        {"{\"exp\":940.5}", NULL},
        {"{\"exp\":939}", "the token has expired"},
        {"{\"exp\":-1}", "the token has expired"},
        {"{}", "the token has no expiry"},
        {"{\"exp\":null}", "a time in the token is no number"},
        {"{\"exp\":\"2000\"}", "a time in the token is no number"},
        {"{\"exp\":[]}", "a time in the token is no number"},
        {"{\"exp\":1e400}", NULL},
        {"{\"exp\":2000,\"nbf\":1060}", NULL},
        {"{\"exp\":2000,\"nbf\":1061}", "the token is not valid yet"},
        {"{\"exp\":2000,\"nbf\":{}}", "a time in the token is no number"},
        {"{\"exp\":2000,\"iat\":1061}", "the token was issued in the future"},
        {"{\"exp\":2000,\"iat\":true}", "a time in the token is no number"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct jwt jwt = {.claims = parse(&f->a, str_of(cases[i].claims))};
        err *e AUTO(err_done) = jwt_check_time(&jwt, 1000 * CLOCK_SECOND);
        if (!e != !cases[i].why) fail_msg("%s: %s", cases[i].claims, e ? e->message : "accepted");
        if (e) assert_string_equal(e->message, cases[i].why);
    }
}

static void no_tokens(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "e30.e30.!",
        "e30.W10.AA",
        "W10.e30.AA",
        "e30.e30.AA.AA",
        "bnVsbA.e30.AA",
        "eyJhIjp9.e30.AA",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct jwt jwt;
        err *e AUTO(err_done) = jwt_parse(&f->a, str_of(texts[i]), &jwt);
        if (!e) fail_msg("'%s' is taken for a token", texts[i]);
    }
    buf deep = BUF(&f->a), big = BUF(&f->a);
    buf_fill(&deep, '[', 100);
    buf_fill(&big, 'A', LIMIT_JWT_BYTES + 1);
    struct jwt jwt;
    str text = b64_encode_url(&f->a, buf_str(&deep));
    err *e AUTO(err_done) =
        jwt_parse(&f->a, str_printf(&f->a, "e30." STR_FMT ".AA", STR_ARG(text)), &jwt);
    assert_non_null(e);
    err *long_one AUTO(err_done) = jwt_parse(&f->a, buf_str(&big), &jwt);
    assert_string_equal(long_one->message, "the token is no JWT: it is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures),
        cmocka_unit_test(key_sets),
        cmocka_unit_test(example_of_the_standard),
        cmocka_unit_test(times),
        cmocka_unit_test(no_tokens),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
