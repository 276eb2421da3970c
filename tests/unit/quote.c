/* quote: the table was recorded from fmt.Sprintf("%q"). */
#include "render/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static const struct {
    const char *text, *quoted;
} table[] = {
    {"", "\"\""},
    {"a b", "\"a b\""},
    {"a\"b\\c", "\"a\\\"b\\\\c\""},
    {"\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\""},
    {"\x01\x1f\x7f", "\"\\x01\\x1f\\x7f\""},
    {"é€", "\"é€\""},
    {"\xc2\xa0", "\"\\u00a0\""},
    {"\xe2\x80\xa8", "\"\\u2028\""},
    {"\xef\xbb\xbf", "\"\\ufeff\""},
    {"\xff", "\"\\xff\""},
    {"\xe2\x82", "\"\\xe2\\x82\""},
};

static void quotes_as_go(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(table); i++)
        assert_string_equal(str_z(&a, quote_go(&a, str_of(table[i].text))), table[i].quoted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quotes_as_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
