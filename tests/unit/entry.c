/* entry: listings of trees, and names that must not reach a disk. */
#include "git/entry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SHA           "1111111111111111111111111111111111111111"
#define LISTING(text) STR(text)

static void test_names(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "a/b",
        ".git",
        ".GIT",
        ".Git",
        ".git ",
        ".git.",
        ".git. . ",
        "git~1",
        "GIT~1",
        ".git:",
        ".git:::",
        ".git::$INDEX_ALLOCATION",
        ".g\xe2\x80\x8cit",
        "\xef\xbb\xbf.git",
        ".gi\xe2\x80\xaat",
    };
    static const char *const good[] = {"a",        ".gitignore",   ".github",  "git", ".gitx",
                                       "x.git",    "git~2",        "...",      " ",   ".g",
                                       "\xff.git", ".git\xe2\x80", "a\\b.yaml"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (entry_name_is_safe(str_of(bad[i]))) fail_msg("'%s' was taken", bad[i]);
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        if (!entry_name_is_safe(str_of(good[i]))) fail_msg("'%s' was refused", good[i]);
    }
    assert_false(entry_name_is_safe(STR("a\0b")));
}

static void test_listing(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct entry *entries;
    size_t count;
    err *e = entry_list(&a,
                        LISTING("040000 tree " SHA "\tdir\0"
                                "100755 blob " SHA "\tdir/run\0"
                                "100644 blob " SHA "\tdir/tab\tname\n\0"
                                "120000 blob " SHA "\tlink\0"
                                "160000 commit " SHA "\tsub\0"),
                        &entries, &count);
    assert_null(e);
    assert_int_equal(count, 5);
    assert_int_equal(entries[0].kind, ENTRY_DIR);
    assert_true(entries[1].kind == ENTRY_FILE && entries[1].executable);
    assert_true(entries[2].kind == ENTRY_FILE && !entries[2].executable);
    assert_true(str_is(entries[2].path, "dir/tab\tname\n"));
    assert_int_equal(entries[3].kind, ENTRY_LINK);
    assert_int_equal(entries[4].kind, ENTRY_SUBMODULE);
    assert_null(entry_list(&a, (str){0}, &entries, &count));
    assert_int_equal(count, 0);
}

static void test_bad_listings(void **state UNUSED)
{
    static const struct {
        str text;
        const char *why;
    } rows[] = {
        {{"100644 blob " SHA "\tx", 54}, "ends within an entry"},
        {{"100644 blob " SHA " x\0", 55}, "no file or folder"},
        {{"100644 blob 1234\tx\0", 19}, "no file or folder"},
        {{"060000 blob " SHA "\tdevice\0", 60}, "no file or folder"},
        {{"0 blob " SHA "\tx\0", 50}, "no file or folder"},
        {{"100644 blob " SHA "\ta/../b\0", 60}, "forbidden name 'a/../b'"},
        {{"100644 blob " SHA "\t/abs\0", 58}, "forbidden name"},
        {{"100644 blob " SHA "\ta//b\0", 58}, "forbidden name"},
        {{"100644 blob " SHA "\t\0", 54}, "forbidden name"},
        {{"100644 blob " SHA "\tx/.GIT/\x1b[31m\0", 66}, "forbidden name 'x/.GIT/?[31m'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct entry *entries;
        size_t count;
        err *e AUTO(err_done) = entry_list(&a, rows[i].text, &entries, &count);
        if (!e) fail_msg("row %zu was taken", i);
        if (str_find(err_text(e), str_of(rows[i].why)) < 0) fail_msg("row %zu: %s", i, e->message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_bad_listings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
