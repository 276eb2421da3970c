/* grid: tables byte for byte as flux prints them. */
#include "cli/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const headers[] = {"Name", "Last seen", "Message"};

static void test_table(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    struct grid grid = grid_begin(&a, headers, COUNT(headers));
    grid_add(&grid, (str[]){STR("a"), STR("2m"), STR("Applied revision: main@sha1:1a2b3c4d")});
    grid_add(&grid, (str[]){STR("b-longer"), STR(""), STR("two\nlines\033[31m")});
    assert_int_equal(grid_rows(&grid), 2);
    grid_write(&b, &grid, true);
    assert_true(str_is(buf_str(&b),
                       "NAME    \tLAST SEEN\tMESSAGE                             \t\n"
                       "a       \t2m       \tApplied revision: main@sha1:1a2b3c4d\t\n"
                       "b-longer\t         \ttwo lines [31m                      \t\n"));
}

/* Without a header its width does not count; a rune takes one column. */
static void test_no_header(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    struct grid grid = grid_begin(&a, headers, COUNT(headers));
    grid_add(&grid, (str[]){STR("\303\244"), STR("1"), STR("x")});
    grid_add(&grid, (str[]){STR("bb"), STR("2"), STR("y")});
    grid_write(&b, &grid, false);
    assert_true(str_is(buf_str(&b), "\303\244 \t1\tx\t\nbb\t2\ty\t\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
