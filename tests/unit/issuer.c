/* issuer: what an issuer says of itself is not believed further than it has to be. */
#include "cloud/issuer.h"

#include "http_fixture.h"
#include "signed_token.h"

#define HEADER "{\"alg\":\"RS256\",\"kid\":\"one\"}"

/* What the server says; changed while nothing is under way. */
static struct {
    str document, keys;
    const char *redirect;
    atomic_int asked_document, asked_keys;
} world;

static bool tell(struct scripted_peer *peer, const char *request)
{
    arena a AUTO(arena_done) = {0};
    bool keys = strstr(request, "GET /keys ") == request;
    atomic_fetch_add(keys ? &world.asked_keys : &world.asked_document, 1);
    if (world.redirect) {
        scripted_say(peer, str_z(&a, str_printf(&a,
                                                "HTTP/1.1 302 Found\r\nLocation: %s\r\n"
                                                "Content-Length: 0\r\n\r\n",
                                                world.redirect)));
        return true;
    }
    str body = keys ? world.keys : world.document;
    if (!body.len) {
        scripted_say(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        return true;
    }
    return scripted_answer(peer, str_z(&a, body));
}

struct test {
    struct fixture *f;
    struct issuer_keys *keys;
    EVP_PKEY *key;
    str url;
};

static struct test open_test(void **state)
{
    struct test test = {.f = serve(state, tell), .key = EVP_RSA_gen(2048)};
    arena *a = &test.f->a;
    test.keys = issuer_new(test.f->http);
    test.url = url_of(test.f, "");
    world.keys = signed_key_set(a, test.key, "one");
    world.document = str_printf(a, "{\"issuer\":\"" STR_FMT "\",\"jwks_uri\":\"" STR_FMT "/keys\"}",
                                STR_ARG(test.url), STR_ARG(test.url));
    world.redirect = NULL;
    atomic_store(&world.asked_document, 0);
    atomic_store(&world.asked_keys, 0);
    return test;
}

static void close_test(struct test *test)
{
    issuer_free(test->keys);
    EVP_PKEY_free(test->key);
}

/* NULL, or the error, as text that lives in the fixture's arena. */
static const char *verify(struct test *test, str url, const char *header)
{
    arena *a = &test->f->a;
    struct jwt jwt;
    str token = signed_token(a, test->key, str_of(header), STR("{\"exp\":1}"));
    assert_null(jwt_parse(a, token, &jwt));
    err *e AUTO(err_done) = issuer_verify(test->keys, a, url, &jwt);
    return e ? str_z(a, err_text(e)) : NULL;
}

static void check_fails(struct test *test, const char *why)
{
    const char *is = verify(test, test->url, HEADER);
    if (!is || !strstr(is, why)) fail_msg("%s instead of %s", is, why);
}

static void keys_are_kept(void **state)
{
    struct test test = open_test(state);
    for (int i = 0; i < 5; i++)
        assert_null(verify(&test, test.url, HEADER));
    assert_int_equal(world.asked_document, 1);
    assert_int_equal(world.asked_keys, 1);
    /* A key that is not there is no reason to ask again and again. */
    for (int i = 0; i < 5; i++)
        assert_non_null(verify(&test, test.url, "{\"alg\":\"RS256\",\"kid\":\"../two\"}"));
    assert_int_equal(world.asked_keys, 1);
    close_test(&test);
}

static void lies(void **state)
{
    struct test test = open_test(state);
    arena *a = &test.f->a;
    str slash = str_concat(a, test.url, STR("/"));
    /* The issuer's own name of itself counts, to the last slash. */
    assert_string_equal(verify(&test, slash, HEADER), "the issuer's document names another issuer");
    close_test(&test);

    static const char *const documents[] = {
        "{\"issuer\":\"https://else.test\",\"jwks_uri\":\"https://else.test/keys\"}",
        "{\"jwks_uri\":\"https://else.test/keys\"}",
        "{\"issuer\":7}",
    };
    for (size_t i = 0; i < COUNT(documents); i++) {
        test.keys = issuer_new(test.f->http);
        test.key = EVP_RSA_gen(2048);
        world.document = str_of(documents[i]);
        check_fails(&test, "names another issuer");
        close_test(&test);
    }
    static const char *const places[] = {"", "file:///etc/passwd", "gopher://x", "keys",
                                         "//x/keys"};
    for (size_t i = 0; i < COUNT(places); i++) {
        test.keys = issuer_new(test.f->http);
        test.key = EVP_RSA_gen(2048);
        world.document = str_printf(a, "{\"issuer\":\"" STR_FMT "\",\"jwks_uri\":\"%s\"}",
                                    STR_ARG(test.url), places[i]);
        check_fails(&test, "no https URL of its keys");
        close_test(&test);
    }
}

static void answers_that_are_none(void **state)
{
    struct test test = open_test(state);
    world.redirect = "http://127.0.0.1:1/internal";
    assert_non_null(verify(&test, test.url, HEADER));
    assert_int_equal(world.asked_document, 1);
    /* It is left alone for a while, though it would be right now. */
    world.redirect = NULL;
    check_fails(&test, "the issuer did not answer a moment ago");
    assert_int_equal(world.asked_document, 1);
    close_test(&test);

    buf big = BUF(&test.f->a), deep = BUF(&test.f->a);
    BUF_ADD(&big, "{\"keys\":[\"");
    buf_fill(&big, 'x', LIMIT_ISSUER_BYTES);
    BUF_ADD(&big, "\"]}");
    BUF_ADD(&deep, "{\"keys\":");
    buf_fill(&deep, '[', 5000);
    const str sets[] = {buf_str(&big), buf_str(&deep), STR("[]"), STR("no json"), STR("")};
    for (size_t i = 0; i < COUNT(sets); i++) {
        test.keys = issuer_new(test.f->http);
        test.key = EVP_RSA_gen(2048);
        world.keys = sets[i];
        assert_non_null(verify(&test, test.url, HEADER));
        close_test(&test);
    }
}

/* More issuers than are remembered. */
static void many_issuers(void **state)
{
    struct test test = open_test(state);
    arena *a = &test.f->a;
    struct jwt jwt;
    str token = signed_token(a, test.key, STR(HEADER), STR("{\"exp\":1}"));
    assert_null(jwt_parse(a, token, &jwt));
    for (int i = 0; i < LIMIT_ISSUERS + 20; i++) {
        str url = str_printf(a, STR_FMT "/other/%d", STR_ARG(test.url), i);
        world.document = world.keys;
        assert_null(issuer_verify_at(test.keys, a, url, &jwt));
    }
    assert_int_equal(world.asked_document, LIMIT_ISSUERS + 20);
    close_test(&test);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(keys_are_kept),
        TEST(lies),
        TEST(answers_that_are_none),
        TEST(many_issuers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
