/* ignore: what .sourceignore and spec.ignore leave out. Expectations agree with the reference's
 * matcher. */
#include "source/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A path that ends in "/" is a folder. */
static bool has(const struct ignore *ignore, const char *path)
{
    str p = str_of(path);
    bool is_dir = str_strip_suffix(&p, STR("/"));
    return ignore_has(ignore, p, is_dir);
}

static const struct {
    const char *folder, *rules, *path;
    bool out;
} cases[] = {
    /* One name, anywhere, and all that is below it. */
    {"", "foo", "foo", true},
    {"", "foo", "a/b/foo", true},
    {"", "foo", "a/foo/b/c.yaml", true},
    {"", "foo", "foobar", false},
    {"", "*.txt", "a/b.txt", true},
    {"", "*.txt", "a/b.txt/c", true},
    {"", "*.txt", "txt", false},
    {"", "?.yaml", "ab.yaml", false},
    {"", "[a-c].yaml", "d/b.yaml", true},
    {"", "[^a-c].yaml", "b.yaml", false},
    {"", "[!a].yaml", "b.yaml", false},
    {"", "[", "[", false},
    {"", "\\*", "*", true},
    {"", "\\*", "a", false},
    {"", "\\!a", "!a", true},
    {"", "é?", "éü", true},
    /* Folders only. */
    {"", "foo/", "foo", false},
    {"", "foo/", "foo/", true},
    {"", "foo/", "foo/a", true},
    {"", "foo/", "a/foo/", true},
    {"", "*/", "a", false},
    {"", "*/", "a/b", true},
    /* With a "/" from the root on. */
    {"", "/foo", "foo", true},
    {"", "/foo", "a/foo", false},
    {"", "/*", "a/b/c", true},
    {"", "a/b", "a/b", true},
    {"", "a/b", "a/b/c", true},
    {"", "a/b", "x/a/b", false},
    {"", "a/*.yaml", "a/x.yaml", true},
    {"", "a/*.yaml", "a/b/x.yaml", false},
    {"", "a/b/", "a/b", false},
    {"", "a/b/", "a/b/", true},
    {"", "a/b/", "a/b/c", true},
    {"", "/", "a", false},
    {"", "//", "a", false},
    /* Any number of folders. */
    {"", "**/foo", "foo", true},
    {"", "**/foo", "a/b/foo", true},
    {"", "**/foo", "a/b/foo/c", true},
    {"", "a/**", "a", true},
    {"", "a/**", "a/b/c", true},
    {"", "a/**", "b/a", false},
    {"", "a/**/b", "a/b", true},
    {"", "a/**/b", "a/x/y/b", true},
    {"", "a/**/b", "a/x/y", false},
    {"", "**/a/b", "a/x/a/b", false}, /* the first "a" is taken and never given back */
    {"", "a**b/c", "axb/c", false},
    {"", "a**b", "axb", true},
    {"", "**", "a/b", true},
    /* The last one wins, and "!" brings back even from below what is out. */
    {"", "*\n!a.yaml", "a.yaml", false},
    {"", "!a.yaml\n*", "a.yaml", true},
    {"", "/a/\n!/a/keep.yaml", "a/keep.yaml", false},
    {"", "/a/\n!/a/keep.yaml", "a/", true},
    {"", "/a/\n!/a/keep.yaml", "a/other.yaml", true},
    {"", "/*\n!/deploy", "deploy/a.yaml", false},
    {"", "/*\n!/deploy", "src/a.c", true},
    {"", "!!a", "!a", false},
    /* Lines. */
    {"", "# a\n\n   \n", "a", false},
    {"", " # a", " # a", true},
    {"", "a  ", "a", true},
    {"", "a\\ ", "a ", true},
    {"", "a\r\nb\r\n", "b", true},
    {"", "a\n\xff\xfe\nb", "b", true},
    /* Rules of a folder hold below it. */
    {"apps", "foo", "apps/x/foo", true},
    {"apps", "foo", "foo", false},
    {"apps", "foo", "apps", false},
    {"apps", "/foo", "apps/foo", true},
    {"apps", "/foo", "apps/x/foo", false},
    {"apps", "*", "apps2/foo", false},
    {"a/b", "c/*.yaml", "a/b/c/d.yaml", true},
};

static void test_rules(void **state UNUSED)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        struct ignore *ignore = ignore_new(&a, true);
        ignore_add(ignore, str_of(cases[i].folder), str_of(cases[i].rules));
        if (has(ignore, cases[i].path) != cases[i].out) {
            fail_msg("'%s' in '%s': '%s' must be %s", cases[i].rules, cases[i].folder,
                     cases[i].path, cases[i].out ? "out" : "in");
        }
    }
}

static void test_defaults(void **state UNUSED)
{
    static const char *const git[] = {
        ".git/",       ".git/config",    ".gitignore",        "a/.gitignore",
        ".gitmodules", ".gitattributes", "vendor/x/.git/HEAD"};
    static const char *const other[] = {"a.jpg",          "x/b.png",         "c.tar.gz",
                                        ".github/x.yaml", "appveyor.yml",    "a/b/.sops.yaml",
                                        ".flux.yaml",     ".goreleaser.yml", "d.zip"};
    static const char *const in[] = {"a.yaml", ".sourceignore", ".git",   "github/x.yaml",
                                     "a.tgz",  "a.JPG",         "deploy/"};
    arena a AUTO(arena_done) = {0};
    struct ignore *defaults = ignore_new(&a, false), *user = ignore_new(&a, false),
                  *none = ignore_new(&a, true), *back = ignore_new(&a, false);
    ignore_add(defaults, (str){0}, STR("# no rule in here\n\n"));
    ignore_add(user, (str){0}, STR("nothing.txt\n"));
    ignore_add(back, (str){0}, STR("!.gitignore\n"));
    for (size_t i = 0; i < COUNT(git); i++) {
        assert_true(has(defaults, git[i]));
        assert_true(has(user, git[i]));
        assert_false(has(none, git[i]));
    }
    for (size_t i = 0; i < COUNT(other); i++) {
        assert_true(has(defaults, other[i]));
        assert_false(has(user, other[i]));
    }
    for (size_t i = 0; i < COUNT(in); i++)
        assert_false(has(defaults, in[i]));
    assert_false(has(back, "a/.gitignore"));
    assert_true(has(back, ".gitmodules"));
}

/* Inner folders come after outer ones, spec.ignore comes last. */
static void test_precedence(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct ignore *ignore = ignore_new(&a, false);
    ignore_add(ignore, STR(""), STR("*.md\n*.txt\n"));
    ignore_add(ignore, STR("docs"), STR("!*.md\n"));
    assert_true(has(ignore, "a.md"));
    assert_false(has(ignore, "docs/a.md"));
    assert_true(has(ignore, "docs/a.txt"));
    ignore_add(ignore, STR(""), STR("docs/secret.md\n!a.txt\n"));
    assert_true(has(ignore, "docs/secret.md"));
    assert_false(has(ignore, "docs/a.txt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_precedence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
