/* link: the next page, and pages that are elsewhere. */
#include "oci/link.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASKED "https://reg.example.com/v2/a/tags/list?n=1000"

static void finds_the_next_page(void **state UNUSED)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"<>", ""},
        {"<>; rel=\"next\"", ""},
        {"</v2/a/tags/list?n=1000&last=z>; rel=\"next\"",
         "https://reg.example.com:443/v2/a/tags/list?n=1000&last=z"},
        {"</x>", "https://reg.example.com:443/x"},
        {"<?last=z>; rel=next", "https://reg.example.com:443/v2/a/tags/list?last=z"},
        {"<list?last=z>", "https://reg.example.com:443/v2/a/tags/list?last=z"},
        {"<https://reg.example.com/x>", "https://reg.example.com/x"},
        {"<HTTPS://REG.example.com:443/x>", "HTTPS://REG.example.com:443/x"},
        {"<//reg.example.com/x>", "https://reg.example.com/x"},
        {"</x>; rel=\"prev\"", ""},
        {"</x>; rel=first", ""},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        str next;
        err *e AUTO(err_done) = link_next(&a, str_of(rows[i][0]), STR(ASKED), &next);
        if (e) fail_msg("'%s': %s", rows[i][0], e->message);
        assert_string_equal(str_z(&a, next), rows[i][1]);
    }
}

static void stays_at_the_server(void **state UNUSED)
{
    static const char *const rows[] = {
        "<https://evil.example.com/x>",
        "<http://reg.example.com/x>",
        "<https://reg.example.com:8443/x>",
        "<//evil.example.com/x>",
        "<https://reg.example.com.evil.com/x>",
        "<https://reg.example.com@evil.com/x>",
        "<file:///etc/passwd>",
        "<http://169.254.169.254/latest/meta-data>",
        "</x\ny>",
        "<https://reg.example.com\\@evil.com/>",
        "no brackets",
        "<no end",
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        str next;
        err *e AUTO(err_done) = link_next(&a, str_of(rows[i]), STR(ASKED), &next);
        if (!e) fail_msg("'%s' was taken", rows[i]);
        assert_true(err_is(e, ERR_INVALID));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_the_next_page),
                                       cmocka_unit_test(stays_at_the_server)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
