/* url: what is a URL, what is refused, what is left when it is shown. */
#include "net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

#define assert_str(s, text) assert_true(str_is((s), (text)))

static void splits_all_parts(void **state)
{
    (void)state;
    struct url url;
    assert_null(url_parse(STR("https://me:p%40ss@Host.example:8443/a/b?x=1&y=2#top"), &url));
    assert_str(url.scheme, "https");
    assert_str(url.user, "me");
    assert_str(url.password, "p%40ss");
    assert_str(url.host, "Host.example");
    assert_str(url.port, "8443");
    assert_str(url.path, "/a/b");
    assert_str(url.query, "x=1&y=2");
    assert_str(url.fragment, "top");
}

static void leaves_missing_parts_empty(void **state)
{
    (void)state;
    struct url url;
    assert_null(url_parse(STR("ssh://git@host"), &url));
    assert_str(url.user, "git");
    assert_str(url.password, "");
    assert_str(url.host, "host");
    assert_str(url.port, "");
    assert_str(url.path, "");
    assert_null(url_parse(STR("http://host?q"), &url));
    assert_str(url.host, "host");
    assert_str(url.query, "q");
    assert_null(url_parse(STR("http://host#f?no-query"), &url));
    assert_str(url.query, "");
    assert_str(url.fragment, "f?no-query");
    assert_null(url_parse(STR("http://host/p@th:x"), &url)); /* '@' and ':' belong to the path */
    assert_str(url.host, "host");
    assert_str(url.path, "/p@th:x");
    assert_null(url_parse(STR("http://svc.ns.svc.cluster.local./x"), &url));
    assert_str(url.host, "svc.ns.svc.cluster.local.");
}

static void reads_ipv6(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct url url;
    assert_null(url_parse(STR("https://[2001:DB8::1]:6443/api"), &url));
    assert_str(url.host, "2001:DB8::1");
    assert_str(url.port, "6443");
    assert_str(url_host_port(&a, &url), "[2001:db8::1]:6443");
    assert_null(url_parse(STR("https://[::1]"), &url));
    assert_str(url_host_port(&a, &url), "[::1]:443");
}

static void knows_usual_ports(void **state)
{
    (void)state;
    struct url url;
    const struct {
        str text;
        int port;
    } rows[] = {{STR("http://h"), 80}, {STR("HTTPS://h"), 443}, {STR("ssh://h"), 22},
                {STR("oci://h"), 0},   {STR("oci://h:5000"), 5000}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_null(url_parse(rows[i].text, &url));
        assert_int_equal(url_port(&url), rows[i].port);
    }
}

static void refuses_what_others_may_read_differently(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "does not begin with a scheme"},
        {"host/path", "does not begin with a scheme"},
        {"://host", "does not begin with a scheme"},
        {"1http://host", "does not begin with a scheme"},
        {"git@github.com:org/repo", "does not begin with a scheme"},
        {"/path?u=http://host", "does not begin with a scheme"},
        {"http://", "no host"},
        {"http:///path", "no host"},
        {"http://:80/", "no host"},
        {"http://user@/", "no host"},
        {"http://ho st/", "white space at byte 10"},
        {"http://host/\tx", "white space"},
        {"http://host/\r\nX: y", "control character"},
        {"http://host\\@evil/", "backslash"},
        {"http://h\xc3\xb6st/", "not ASCII"},
        {"http://a@b@c/", "more than one '@'"},
        {"http://-oProxyCommand=x/", "begins with '-'"},
        {"ssh://-x/", "begins with '-'"},
        {"http://ho%73t/", "host holds '%'"},
        {"http://host'/", "host holds '''"},
        {"http://$(id)/", "host holds '$'"},
        {"http://host:/", "port is not"},
        {"http://host:0/", "port is not"},
        {"http://host:65536/", "port is not"},
        {"http://host:+80/", "port is not"},
        {"http://host:80:80/", "port is not"},
        {"http://[::1/", "without ']'"},
        {"http://[::1]x/", "goes on after ']'"},
        {"http://[fe80::1%25eth0]/", "not an IPv6 address"},
        {"http://[abc]/", "not an IPv6 address"},
        {"http://::1/", "no host"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct url url = {.host = STR("untouched")};
        err *e AUTO(err_done) = url_parse(str_of(rows[i].text), &url);
        if (!e) fail_msg("'%s' is taken", rows[i].text);
        assert_int_equal(e->kind, ERR_INVALID);
        if (!strstr(e->message, rows[i].why)) fail_msg("'%s': %s", rows[i].text, e->message);
        assert_str(url.host, "untouched");
    }
    str with_nul = {"http://host\0.evil/", 18};
    struct url url;
    err *e AUTO(err_done) = url_parse(with_nul, &url);
    assert_non_null(e);
}

static void refuses_a_host_too_long(void **state)
{
    (void)state;
    char text[400] = "http://";
    memset(text + 7, 'a', 254);
    struct url url;
    err *e AUTO(err_done) = url_parse(str_from(text, 7 + 254), &url);
    assert_non_null(e);
    assert_null(url_parse(str_from(text, 7 + 253), &url));
}

static void errors_do_not_repeat_the_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"http://me:hunter2@host:x/", "http://me:hunter2@ho st/",
                                        "http://me:hunter2@a@b/", "hunter2"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct url url;
        err *e AUTO(err_done) = url_parse(str_of(texts[i]), &url);
        assert_non_null(e);
        assert_null(strstr(e->message, "hunter2"));
    }
}

static void redacts_what_may_be_secret(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    assert_str(url_redact(&a, STR("https://me:pw@h:1/p/q?token=x#f")), "https://h:1/p/q");
    assert_str(url_redact(&a, STR("https://[::1]:1/p?x")), "https://[::1]:1/p");
    assert_str(url_redact(&a, STR("ssh://git@h/p")), "ssh://h/p");
    assert_str(url_redact(&a, STR("me:pw@h")), "(invalid URL)");
}

static void escapes_and_unescapes(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    assert_str(url_escape(&a, STR("az-._~09 /?%+\xff")), "az-._~09%20%2F%3F%25%2B%FF");
    str out;
    assert_null(url_unescape(&a, STR("a%20%2fb%2F+%41"), &out));
    assert_str(out, "a /b/+A");
    str all = {"\x01\x7f\x80 \"<>&=", 9}, back;
    assert_null(url_unescape(&a, url_escape(&a, all), &back));
    assert_true(str_eq(all, back));
}

static void refuses_bad_escapes(void **state)
{
    (void)state;
    static const char *const texts[] = {"%",    "%4",  "%4g",   "%g4", "a%",
                                        "%%41", "%00", "x%00y", "%-1"};
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(texts); i++) {
        str out = STR("untouched");
        err *e AUTO(err_done) = url_unescape(&a, str_of(texts[i]), &out);
        if (!e) fail_msg("'%s' is taken", texts[i]);
        assert_int_equal(e->kind, ERR_INVALID);
        assert_str(out, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_all_parts),
        cmocka_unit_test(leaves_missing_parts_empty),
        cmocka_unit_test(reads_ipv6),
        cmocka_unit_test(knows_usual_ports),
        cmocka_unit_test(refuses_what_others_may_read_differently),
        cmocka_unit_test(refuses_a_host_too_long),
        cmocka_unit_test(errors_do_not_repeat_the_text),
        cmocka_unit_test(redacts_what_may_be_secret),
        cmocka_unit_test(escapes_and_unescapes),
        cmocka_unit_test(refuses_bad_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
