/* reference: names of images, taken apart and refused. */
#include "oci/reference.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void takes_names_apart(void **state UNUSED)
{
    static const struct {
        const char *text, *registry, *repository, *tag, *digest;
    } rows[] = {
        {"alpine", "index.docker.io", "library/alpine", "", ""},
        {"alpine:3.20", "index.docker.io", "library/alpine", "3.20", ""},
        {"docker.io/alpine", "index.docker.io", "library/alpine", "", ""},
        {"index.docker.io/alpine", "index.docker.io", "library/alpine", "", ""},
        {"org/app", "index.docker.io", "org/app", "", ""},
        {"ghcr.io/org/app:v1_2.3-x", "ghcr.io", "org/app", "v1_2.3-x", ""},
        {"ghcr.io/app", "ghcr.io", "app", "", ""},
        {"localhost/app", "localhost", "app", "", ""},
        {"localhost:5000/app:1", "localhost:5000", "app", "1", ""},
        {"reg:5000/a/b/c", "reg:5000", "a/b/c", "", ""},
        {"127.0.0.1:5000/a__b", "127.0.0.1:5000", "a__b", "", ""},
        {"[::1]:5000/app", "[::1]:5000", "app", "", ""},
        {"ghcr.io/app@sha256:" HEX, "ghcr.io", "app", "", "sha256:" HEX},
        {"ghcr.io/app:1@sha256:" HEX, "ghcr.io", "app", "1", "sha256:" HEX},
        {"Ghcr.IO/app", "Ghcr.IO", "app", "", ""},
        {"localhosts/app", "index.docker.io", "localhosts/app", "", ""},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reference r;
        err *e AUTO(err_done) = reference_parse(&a, str_of(rows[i].text), &r);
        if (e) fail_msg("'%s': %s", rows[i].text, e->message);
        assert_string_equal(str_z(&a, r.registry), rows[i].registry);
        assert_string_equal(str_z(&a, r.repository), rows[i].repository);
        assert_string_equal(str_z(&a, r.tag), rows[i].tag);
        assert_string_equal(str_z(&a, r.digest), rows[i].digest);
        str name = str_printf(&a, "%s/%s", rows[i].registry, rows[i].repository);
        assert_true(str_eq(reference_name(&a, &r), name));
    }
}

static void refuses_what_is_none(void **state UNUSED)
{
    static const char *const rows[] = {"",
                                       "/",
                                       "ghcr.io/",
                                       "/app",
                                       "ghcr.io//app",
                                       "App",
                                       "ghcr.io/App",
                                       "ghcr.io/a/../b",
                                       "ghcr.io/..",
                                       "app:",
                                       "app:a b",
                                       "app:1:2",
                                       "app@sha256:123",
                                       "app@md5:abc",
                                       "app@",
                                       "a b",
                                       "a\nb",
                                       "ghcr.io/app?x=1",
                                       "ghcr.io/a#b",
                                       "me:pw@ghcr.io/app",
                                       "a.b:x/app",
                                       "a.b:0/app",
                                       "a.b:70000/app",
                                       "a.b:/app",
                                       "[::1/app",
                                       "[::g]/app",
                                       "a.b\\c/app",
                                       "a.b/app\x7f",
                                       "\xff.io/app",
                                       "ghcr.io/a%2fb",
                                       "app:é",
                                       "h:50:\x01]/a",
                                       "h:x]/a",
                                       "[::1]x/a",
                                       "[::1]:/a",
                                       "a.b:+1/c",
                                       "a.b/app;rm",
                                       "app@sha256:" HEX "0"};
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reference r;
        err *e AUTO(err_done) = reference_parse(&a, str_of(rows[i]), &r);
        if (!e) fail_msg("'%s' was taken", rows[i]);
        assert_true(err_is(e, ERR_INVALID));
        assert_string_equal(e->reason, "ImageURLInvalid");
        assert_true(str_starts(err_text(e), STR("could not parse reference: ")));
    }
}

static void says_what_to_remove(void **state UNUSED)
{
    static const char *const rows[][2] = {
        {"https://ghcr.io/app",
         "image 'https://ghcr.io/app' should not include URL scheme; remove 'https://'"},
        {"oci://ghcr.io/app:1",
         "image 'oci://ghcr.io/app:1' should not include URL scheme; remove 'oci://'"},
        {"ghcr.io/app:1.2", "image 'ghcr.io/app:1.2' should not include a tag; remove ':1.2'"},
        {"localhost:5000/app:x",
         "image 'localhost:5000/app:x' should not include a tag; remove ':x'"},
        {"app@sha256:" HEX, "could not parse reference: app@sha256:" HEX},
    };
    arena a AUTO(arena_done) = {0};
    struct reference r;
    for (size_t i = 0; i < COUNT(rows); i++) {
        err *e AUTO(err_done) = reference_parse_repository(&a, str_of(rows[i][0]), &r);
        assert_non_null(e);
        assert_string_equal(e->message, rows[i][1]);
    }
    assert_null(reference_parse_repository(&a, STR("localhost:5000/app"), &r));
}

static void keeps_to_its_bounds(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct reference r;
    buf b = BUF(&a);
    BUF_ADD(&b, "ghcr.io/");
    buf_fill(&b, 'a', LIMIT_OCI_REPOSITORY_BYTES);
    assert_null(reference_parse(&a, buf_str(&b), &r));
    buf_add_char(&b, 'a');
    err *e AUTO(err_done) = reference_parse(&a, buf_str(&b), &r);
    assert_non_null(e);
    buf_fill(&b, 'a', LIMIT_OCI_REFERENCE_BYTES);
    err *longer AUTO(err_done) = reference_parse(&a, buf_str(&b), &r);
    assert_true(longer->len < 200);
    buf tag = BUF(&a);
    buf_fill(&tag, '1', LIMIT_OCI_TAG_BYTES);
    assert_true(reference_tag_is_valid(buf_str(&tag)));
    buf_add_char(&tag, '1');
    assert_false(reference_tag_is_valid(buf_str(&tag)));
}

static void knows_who_is_near(void **state UNUSED)
{
    static const char *const near[] = {"localhost:5000", "x.localhost",    "x.localhost:80",
                                       "127.0.0.1",      "127.0.0.1:5000", "[::1]",
                                       "[::1]:5000",     "10.1.2.3",       "172.16.0.1:5000",
                                       "172.31.255.255", "192.168.1.1"};
    static const char *const far[] = {"ghcr.io",     "localhost.evil.com", "10.1.2.3.evil.com",
                                      "172.32.0.1",  "192.169.1.1",        "11.0.0.1",
                                      "127.0.0.1.x", "169.254.169.254",    ""};
    for (size_t i = 0; i < COUNT(near); i++)
        if (!reference_is_local(str_of(near[i]))) fail_msg("'%s' is near", near[i]);
    for (size_t i = 0; i < COUNT(far); i++)
        if (reference_is_local(str_of(far[i]))) fail_msg("'%s' is far", far[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_names_apart),   cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(says_what_to_remove), cmocka_unit_test(keeps_to_its_bounds),
        cmocka_unit_test(knows_who_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
