#include "kube/lines.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"

struct seen {
    buf text; /* lines, each with a bar behind it */
    int fail_at, count;
};

static err *see(void *context, str line)
{
    struct seen *seen = context;
    if (++seen->count == seen->fail_at) return err_new(ERR_CANCELED, "Enough", "enough");
    buf_add(&seen->text, line);
    buf_add_char(&seen->text, '|');
    return NULL;
}

static void lines_torn_anywhere_come_whole(void **state)
{
    (void)state;
    const str stream = STR("one\n\n\r\ntwo two\r\n{\"three\":3}\nfour never ends");
    for (size_t first = 0; first <= stream.len; first++) {
        for (size_t second = first; second <= stream.len; second++) {
            struct lines lines AUTO(lines_done) = {0};
            struct seen seen = {0};
            str parts[] = {str_slice(stream, 0, first), str_slice(stream, first, second),
                           str_slice(stream, second, stream.len)};
            for (size_t i = 0; i < COUNT(parts); i++)
                assert_null(lines_feed(&lines, parts[i], 100, see, &seen));
            assert_true(str_is(buf_str(&seen.text), "one|two two|{\"three\":3}|"));
            buf_done(&seen.text);
        }
    }
}

static void a_line_has_a_bound(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct lines lines AUTO(lines_done) = {0};
    assert_null(lines_feed(&lines, STR("1234567890\n12345"), 10, see, &seen));
    assert_null(lines_feed(&lines, STR("67890"), 10, see, &seen));
    err *e AUTO(err_done) = lines_feed(&lines, STR("1"), 10, see, &seen);
    assert_int_equal(e->kind, ERR_INVALID);
    assert_int_equal(seen.count, 1);

    struct lines whole AUTO(lines_done) = {0};
    err *in_one AUTO(err_done) = lines_feed(&whole, STR("12345678901\n"), 10, see, &seen);
    assert_int_equal(in_one->kind, ERR_INVALID);
    assert_int_equal(seen.count, 1);
    buf_done(&seen.text);
}

static void the_first_error_ends_it(void **state)
{
    (void)state;
    struct seen seen = {.fail_at = 2};
    struct lines lines AUTO(lines_done) = {0};
    err *e AUTO(err_done) = lines_feed(&lines, STR("a\nb\nc\n"), 10, see, &seen);
    assert_string_equal(e->reason, "Enough");
    assert_int_equal(seen.count, 2);
    buf_done(&seen.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_torn_anywhere_come_whole),
        cmocka_unit_test(a_line_has_a_bound),
        cmocka_unit_test(the_first_error_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
