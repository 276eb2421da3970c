/* challenge: what registries ask for, in all the ways they write it. */
#include "oci/challenge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *header;
    enum challenge_scheme scheme;
    const char *realm, *service, *scope;
} rows[] = {
    {"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
     "scope=\"repository:library/alpine:pull\"",
     CHALLENGE_BEARER, "https://auth.docker.io/token", "registry.docker.io",
     "repository:library/alpine:pull"},
    {"Basic realm=\"r\"", CHALLENGE_BASIC, "r", "", ""},
    {"basic", CHALLENGE_BASIC, "", "", ""},
    {"bEaReR rEaLm=x", CHALLENGE_BEARER, "x", "", ""},
    {"Bearer realm = \"x\" , service = y", CHALLENGE_BEARER, "x", "y", ""},
    {"Basic realm=\"a\", Bearer realm=\"b\"", CHALLENGE_BEARER, "b", "", ""},
    {"Bearer realm=\"b\", Basic realm=\"a\"", CHALLENGE_BEARER, "b", "", ""},
    {"Negotiate, Basic realm=\"a\"", CHALLENGE_BASIC, "a", "", ""},
    {"Digest realm=\"d\", nonce=\"n\"", CHALLENGE_NONE, "", "", ""},
    {"Bearer realm=\"a\\\"b\\\\c\"", CHALLENGE_BEARER, "a\"b\\c", "", ""},
    {"Bearer realm=\"a,b=c\",error=\"invalid_token\"", CHALLENGE_BEARER, "a,b=c", "", ""},
    {"Bearer scope=\"a b\",realm=\"x\"", CHALLENGE_BEARER, "x", "", "a b"},
    {"Bearer realm=\"no end", CHALLENGE_BEARER, "no end", "", ""},
    {"Bearer realm=\"x\\", CHALLENGE_BEARER, "x\\", "", ""},
    {"Bearer realm=\"\"", CHALLENGE_BEARER, "", "", ""},
    {",,, Basic ,,", CHALLENGE_BASIC, "", "", ""},
    {"", CHALLENGE_NONE, "", "", ""},
    {"\"\"", CHALLENGE_NONE, "", "", ""},
    {"realm=\"x\"", CHALLENGE_NONE, "", "", ""},
    {"=====", CHALLENGE_NONE, "", "", ""},
    {"\x01\xff Basic", CHALLENGE_BASIC, "", "", ""},
};

static void reads_headers(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct challenge c = challenge_parse(&a, str_of(rows[i].header));
        if (c.scheme != rows[i].scheme) fail_msg("'%s': scheme %d", rows[i].header, c.scheme);
        if (!c.scheme) continue;
        if (!str_is(c.realm, rows[i].realm)) fail_msg("'%s': realm", rows[i].header);
        if (!str_is(c.service, rows[i].service)) fail_msg("'%s': service", rows[i].header);
        if (!str_is(c.scope, rows[i].scope)) fail_msg("'%s': scope", rows[i].header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
