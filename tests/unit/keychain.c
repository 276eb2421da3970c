/* keychain: who to be where, from the Secrets that docker's tools write. */
#include "oci/keychain.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/b64.h"

/* Each registry's user says which entry it is. */
static const char config[] =
    "{\"auths\": {"
    "\"https://index.docker.io/v1/\": {\"username\": \"hub\", \"password\": \"p\"},"
    "\"ghcr.io\": {\"username\": \"all\", \"password\": \"p\"},"
    "\"https://ghcr.io/team\": {\"username\": \"team\", \"password\": \"p\"},"
    "\"ghcr.io/team/app\": {\"username\": \"app\", \"password\": \"p\"},"
    "\"*.example.com\": {\"username\": \"star\", \"password\": \"p\"},"
    "\"reg.example.com\": {\"username\": \"exact\", \"password\": \"p\"},"
    "\"port.io:5000\": {\"username\": \"port\", \"password\": \"p\"},"
    "\"http://old.io/v2/\": {\"username\": \"old\", \"password\": \"p\"},"
    "\"a-*.b?.io\": {\"username\": \"glob\", \"password\": \"p\"}"
    "}, \"credsStore\": \"desktop\"}";

static void finds_the_entry(void **state UNUSED)
{
    static const char *const rows[][3] = {
        {"index.docker.io", "library/alpine", "hub"},
        {"ghcr.io", "other/app", "all"},
        {"ghcr.io", "team/web", "team"},
        {"ghcr.io", "team/app", "app"},
        {"ghcr.io", "team/app/sub", "app"},
        {"x.example.com", "a", "star"},
        {"reg.example.com", "a", "exact"},
        {"x.y.example.com", "a", NULL},
        {"example.com", "a", NULL},
        {"port.io:5000", "a", "port"},
        {"port.io", "a", NULL},
        {"port.io:5001", "a", NULL},
        {"ghcr.io:443", "team/app", NULL},
        {"old.io", "a", "old"},
        {"a-x.b1.io", "a", "glob"},
        {"a-x.b12.io", "a", NULL},
        {"evil-ghcr.io", "team/app", NULL},
        {"ghcr.io.evil.com", "team/app", NULL},
        {"unknown.io", "a", NULL},
    };
    arena a AUTO(arena_done) = {0};
    struct keychain keychain = {0};
    assert_null(keychain_add(&a, &keychain, str_of(config), false));
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct keychain_entry *entry =
            keychain_find(&keychain, str_of(rows[i][0]), str_of(rows[i][1]));
        const char *user = entry ? str_z(&a, entry->user) : NULL;
        if (!user != !rows[i][2]) fail_msg("%s/%s: %s", rows[i][0], rows[i][1], user);
        if (user) assert_string_equal(user, rows[i][2]);
    }
}

static const struct keychain_entry *only_entry(arena *a, struct keychain *keychain, str json)
{
    assert_null(keychain_add(a, keychain, json, false));
    return keychain_find(keychain, STR("r.io"), STR("app"));
}

static void reads_every_form(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct keychain one = {0}, two = {0}, three = {0}, four = {0}, five = {0};
    const struct keychain_entry *e =
        only_entry(&a, &one, STR("{\"auths\":{\"r.io\":{\"auth\":\"bWU6cDphOnNz\"}}}"));
    assert_true(str_is(e->user, "me") && str_is(e->password, "p:a:ss"));
    e = only_entry(&a, &two,
                   STR("{\"auths\":{\"r.io\":{\"identitytoken\":\"it\",\"auth\":\"bWU6\"}}}"));
    assert_true(str_is(e->identity_token, "it") && str_is(e->user, "me"));
    e = only_entry(&a, &three, STR("{\"auths\":{\"r.io\":{\"registrytoken\":\"rt\"}}}"));
    assert_true(str_is(e->registry_token, "rt"));
    assert_null(keychain_add(&a, &four, STR("{\"r.io\":{\"username\":\"u\"}}"), true));
    assert_non_null(keychain_find(&four, STR("r.io"), STR("app")));
    assert_null(keychain_add(&a, &five, STR("{}"), false));
    assert_null(keychain_find(&five, STR("r.io"), STR("app")));
}

static void refuses_without_telling(void **state UNUSED)
{
    static const char *const rows[] = {"",
                                       "hunter2",
                                       "[]",
                                       "\"hunter2\"",
                                       "{\"auths\":[\"hunter2\"]}",
                                       "{\"auths\":{\"r.io\":\"hunter2\"}}",
                                       "{\"auths\":{\"r.io\":{\"auth\":\"hunter2!\"}}}",
                                       "{\"auths\":{\"r.io\":{\"auth\":\"aHVudGVyMg==\"}}}",
                                       "{\"auths\":{\"hunter2\":"};
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct keychain keychain = {0};
        err *e AUTO(err_done) = keychain_add(&a, &keychain, str_of(rows[i]), false);
        if (!e) fail_msg("'%s' was taken", rows[i]);
        assert_true(str_find(err_text(e), STR("hunter2")) < 0);
    }
}

static node *secret_of(arena *a, const char *type, const char *key, str data)
{
    node *secret = node_map(a), *map = node_map(a);
    node_set_str(a, secret, STR("type"), str_of(type));
    node_set_str(a, map, str_of(key), b64_encode(a, data));
    node_set(a, secret, STR("data"), map);
    return secret;
}

static void reads_secrets(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct keychain keychain = {0};
    str legacy = STR("{\"r.io\":{\"username\":\"u\",\"password\":\"p\"}}");
    assert_null(keychain_add_secret(
        &a, &keychain,
        secret_of(&a, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", str_of(config))));
    assert_null(keychain_add_secret(
        &a, &keychain, secret_of(&a, "kubernetes.io/dockercfg", ".dockercfg", legacy)));
    assert_non_null(keychain_find(&keychain, STR("ghcr.io"), STR("x")));
    assert_non_null(keychain_find(&keychain, STR("r.io"), STR("x")));
    err *opaque AUTO(err_done) =
        keychain_add_secret(&a, &keychain, secret_of(&a, "Opaque", ".dockerconfigjson", legacy));
    assert_true(str_find(err_text(opaque), STR("'Opaque'")) >= 0);
    err *empty AUTO(err_done) = keychain_add_secret(
        &a, &keychain, secret_of(&a, "kubernetes.io/dockerconfigjson", "other", legacy));
    assert_true(str_find(err_text(empty), STR(".dockerconfigjson")) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_entry), cmocka_unit_test(reads_every_form),
        cmocka_unit_test(refuses_without_telling), cmocka_unit_test(reads_secrets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
