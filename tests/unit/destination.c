/* destination: a Provider and its Secrets; what goes before what, and what errors do not tell. */
#include "notify/destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/b64.h"
#include "doc/json.h"

static node *secret(arena *a, ...) __attribute__((sentinel));
static node *secret(arena *a, ...)
{
    node *data = node_map(a);
    va_list args;
    va_start(args, a);
    for (const char *key; (key = va_arg(args, const char *));)
        node_set_str(a, data, str_of(key), b64_encode(a, str_of(va_arg(args, const char *))));
    va_end(args);
    return notify_map(a, "data", data, NULL);
}

static const struct target_spec plain = {
    .namespace = {"ns", 2},
    .name = {"p", 1},
    .uid = {"uid-1", 5},
    .type = {"generic", 7},
    .channel = {"spec-channel", 12},
    .user = {"spec-user", 9},
    .address = {"https://spec.example.com", 24},
    .proxy = {"http://spec-proxy:1", 19},
};

static void build(arena *a, const struct target_spec *spec, struct target_secrets secrets,
                  struct target *target, struct http_options *http)
{
    err *e = destination_build(a, spec, &secrets, target, http);
    if (e) fail_msg("%s", e->message);
}

static void test_what_goes_before_what(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct target target;
    struct http_options http;
    build(&a, &plain, (struct target_secrets){0}, &target, &http);
    assert_true(str_is(target.address, "https://spec.example.com"));
    assert_true(str_is(target.user, "spec-user") && str_is(http.proxy, "http://spec-proxy:1"));
    assert_true(http.no_link_local && !http.ca_only);

    node *all = secret(&a, "address", " https://secret.example.com\n", "username", "secret-user",
                       "password", "p", "token", "t\n", "proxy", "http://secret-proxy:2", NULL);
    build(&a, &plain, (struct target_secrets){.secret = all}, &target, &http);
    assert_true(str_is(target.address, "https://secret.example.com"));
    assert_true(str_is(target.user, "secret-user") && str_is(target.password, "p"));
    assert_true(str_is(target.token, "t") && str_is(http.proxy, "http://secret-proxy:2"));

    node *proxy =
        secret(&a, "address", "http://ref-proxy:3", "username", "u", "password", "p", NULL);
    node *cert = secret(&a, "caFile", "old", "ca.crt", "new", "tls.crt", "c", "tls.key", "k", NULL);
    build(&a, &plain, (struct target_secrets){all, cert, proxy}, &target, &http);
    assert_true(str_is(http.proxy, "http://ref-proxy:3") && str_is(http.proxy_user, "u"));
    assert_true(str_is(http.ca_pem, "new") && http.ca_only && str_is(http.cert_pem, "c"));
}

/* Hosts of repositories take the authority from the Secret of the credentials, too. */
static void test_authority_of_repositories(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct target target;
    struct http_options http;
    struct target_spec spec = plain;
    node *all = secret(&a, "token", "t", "ca.crt", "pem", NULL);
    build(&a, &spec, (struct target_secrets){.secret = all}, &target, &http);
    assert_int_equal(http.ca_pem.len, 0);
    spec.type = STR("gitlab");
    build(&a, &spec, (struct target_secrets){.secret = all}, &target, &http);
    assert_true(str_is(http.ca_pem, "pem"));
    node *cert = secret(&a, "ca.crt", "mine", NULL);
    build(&a, &spec, (struct target_secrets){.secret = all, .cert = cert}, &target, &http);
    assert_true(str_is(http.ca_pem, "mine"));
}

static void test_headers(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct target target;
    struct http_options http;
    node *good = secret(&a, "headers", "X-Team: web\nX-Number: 7\n", NULL);
    build(&a, &plain, (struct target_secrets){.secret = good}, &target, &http);
    assert_int_equal(target.header_count, 2);
    assert_true(str_is(target.headers[1].name, "X-Number"));
    assert_true(str_is(target.headers[1].value, "7"));
    static const char *const wrong[] = {
        "hunter2",
        "- a\n- b\n",
        "X-A: {hunter2: b}",
        "\"X A\": hunter2",
        "\"X-A\\r\\nX-B\": hunter2",
        "X-A: \"hunter2\\r\\nX-B: c\"",
        "X-A: \"hunter2\\n\"",
        "X-A: \"hunter2\\x00\"",
        "\"\": hunter2",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct target_secrets secrets = {.secret = secret(&a, "headers", wrong[i], NULL)};
        err *e AUTO(err_done) = destination_build(&a, &plain, &secrets, &target, &http);
        if (!e) fail_msg("accepted: %s", wrong[i]);
        assert_null(strstr(e->message, "hunter2"));
        assert_non_null(strstr(e->message, "headers"));
    }
}

static void refused(arena *a, const struct target_spec *spec, struct target_secrets secrets,
                    const char *why)
{
    struct target target;
    struct http_options http;
    err *e AUTO(err_done) = destination_build(a, spec, &secrets, &target, &http);
    if (!e) fail_msg("accepted, but: %s", why);
    if (!strstr(e->message, why)) fail_msg("%s, not: %s", e->message, why);
    assert_int_equal(e->kind, ERR_INVALID);
}

static void test_what_is_missing(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct target_spec spec = plain;
    spec.address = (str){0};
    refused(&a, &spec, (struct target_secrets){0}, "neither spec.address nor the key 'address'");
    spec = plain;
    spec.type = STR("opsgenie");
    refused(&a, &spec, (struct target_secrets){0}, "the key 'token' of the Secret is missing");
    spec.type = STR("pagerduty");
    spec.channel = (str){0};
    refused(&a, &spec, (struct target_secrets){0}, "spec.channel is missing");
    spec.type = STR("telegraph");
    refused(&a, &spec, (struct target_secrets){0}, "there is no type 'telegraph'");
    spec.type = STR("nats");
    refused(&a, &spec, (struct target_secrets){0}, "spec.channel is missing");
    spec = plain;
    spec.service_account = STR("me");
    refused(&a, &spec, (struct target_secrets){0}, "spec.serviceAccountName");
    refused(&a, &plain, (struct target_secrets){.proxy = secret(&a, "username", "u", NULL)},
            "the proxy's Secret has no key 'address'");
    node *bad =
        notify_map(&a, "data", notify_map(&a, "token", node_str(&a, STR("hunter2!")), NULL), NULL);
    refused(&a, &plain, (struct target_secrets){.secret = bad}, "the key 'token' of the secret");
}

static void test_masking(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct target target;
    struct http_options http;
    node *all = secret(&a, "token", "t0ken-value", "password", "pass-word", "username", "fixpoint",
                       "address", "https://hooks.example.com/secret-path", "headers",
                       "X-Key: header-value", "extra", "extra-value", NULL);
    build(&a, &plain, (struct target_secrets){.secret = all}, &target, &http);
    str text = destination_mask(&a, &target,
                                STR("t0ken-value pass-word fixpoint header-value extra-value "
                                    "https://hooks.example.com/secret-path"));
    assert_true(str_is(text, "***** ***** fixpoint ***** ***** *****"));
}

static void test_expression(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct target_spec spec = plain;
    node *event, *object, *alert;
    str id;
    must(!json_parse(&a, STR("{\"involvedObject\":{\"kind\":\"Kustomization\",\"name\":\"app\"}}"),
                     (struct json_options){0}, &event));
    must(!json_parse(&a, STR("{\"metadata\":{\"uid\":\"0c9c2e41-1\"}}"), (struct json_options){0},
                     &object));
    must(!json_parse(&a, STR("{\"metadata\":{\"name\":\"alert\"}}"), (struct json_options){0},
                     &alert));
    spec.type = STR("github");
    spec.object = object;
    spec.commit_status_expr =
        STR("event.involvedObject.kind + '/' + event.involvedObject.name + '/' + "
            "provider.metadata.uid + '/' + alert.metadata.name");
    assert_null(destination_check(&spec));
    assert_null(destination_status_id(&a, &spec, event, alert, &id));
    assert_true(str_is(id, "Kustomization/app/0c9c2e41-1/alert"));

    spec.commit_status_expr = STR("event.involvedObject.name ==");
    err *syntax AUTO(err_done) = destination_check(&spec);
    assert_non_null(syntax);
    assert_string_equal(syntax->reason, "InvalidCELExpression");
    spec.commit_status_expr = STR("other.name");
    err *unknown AUTO(err_done) = destination_check(&spec);
    assert_non_null(unknown);
    spec.commit_status_expr = STR("1 + 1");
    err *number AUTO(err_done) = destination_status_id(&a, &spec, event, alert, &id);
    assert_non_null(number);
    spec.commit_status_expr = STR("''");
    err *empty AUTO(err_done) = destination_status_id(&a, &spec, event, alert, &id);
    assert_non_null(empty);
}

static void test_equality(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct target_spec copy = destination_copy(&a, &plain);
    assert_true(destination_equal(&plain, &copy));
    copy.timeout_ns = 1;
    assert_false(destination_equal(&plain, &copy));
    copy = plain;
    copy.cert_secret = STR("x");
    assert_false(destination_equal(&plain, &copy));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_before_what),
        cmocka_unit_test(test_authority_of_repositories),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_masking),
        cmocka_unit_test(test_expression),
        cmocka_unit_test(test_equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
