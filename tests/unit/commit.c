/* commit: what we read of a commit object. */
#include "git/commit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"

#define SHA   "1111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222"

static struct commit parsed(str text)
{
    struct commit commit;
    err *e = commit_parse(STR(SHA), text, &commit);
    if (e) fail_msg("%s", e->message);
    return commit;
}

static void test_fields(void **state UNUSED)
{
    struct commit commit =
        parsed(STR("tree " SHA "\nparent " OTHER "\n"
                   "author A <B> C <a@b.c> 1700000000 +0200\n"
                   "committer D <d@e.f> 1700000001 -0000\n"
                   "gpgsig -----BEGIN PGP SIGNATURE-----\n tree " OTHER "\n author x\n"
                   " -----END PGP SIGNATURE-----\n\nthe title\n\nand more\n"));
    assert_true(str_is(commit.tree, SHA));
    assert_true(str_is(commit.author, "A <B> C <a@b.c>"));
    assert_true(commit.author_wall_ns == 1700000000 * CLOCK_SECOND);
    assert_true(commit.committer_wall_ns == 1700000001 * CLOCK_SECOND);
    assert_true(str_is(commit_title(&commit), "the title"));
    assert_true(str_is(commit.message, "the title\n\nand more\n"));
}

static void test_odd_commits(void **state UNUSED)
{
    static const char *const dates[] = {"-5 +0000", "99999999999999999999 +0000", "x +0000", "",
                                        "1 2 3"};
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(dates); i++) {
        struct commit commit =
            parsed(str_printf(&a, "tree " SHA "\ncommitter D <d> %s\n\nx", dates[i]));
        assert_int_equal(commit.committer_wall_ns, 0);
    }
    struct commit bare = parsed(STR("tree " SHA "\n"));
    assert_int_equal(bare.message.len + bare.author.len + commit_title(&bare).len, 0);
    struct commit two = parsed(STR("tree " SHA "\ntree " OTHER "\n\n"));
    assert_true(str_is(two.tree, SHA));
}

static void test_no_commit(void **state UNUSED)
{
    static const char *const texts[] = {"", "\n\ntree " SHA, "tree 12\n",
                                        "object " SHA "\ntype commit\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct commit commit;
        err *e AUTO(err_done) = commit_parse(STR(SHA), str_of(texts[i]), &commit);
        assert_true(err_is(e, ERR_INVALID));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_odd_commits),
        cmocka_unit_test(test_no_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
