/* tree: a folder that cannot be left, whatever it holds. */
#include "base/tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/fs.h"

/* outside/{secret,root/...}: the tree is outside/root. */
struct fixture {
    arena a;
    str outside, root;
    struct tree *tree;
};

static char *below(struct fixture *f, const char *name)
{
    return str_z(&f->a, fs_join(&f->a, f->root, str_of(name)));
}

static void put(struct fixture *f, const char *name, const char *content)
{
    str path = fs_join(&f->a, f->root, str_of(name));
    assert_null(fs_make_dirs(fs_dir(path), 0755));
    assert_null(fs_write(path, str_of(content), 0644));
}

static int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    const char *temp = getenv("TMPDIR");
    assert_null(fs_temp_dir(&f->a, temp ? str_of(temp) : STR("/tmp"), STR("tree"), &f->outside));
    f->root = fs_join(&f->a, f->outside, STR("root"));
    put(f, "a/b/file", "content");
    put(f, "a/empty", "");
    put(f, "a/B", "b");
    put(f, "../secret", "secret");
    assert_null(tree_open(f->root, &f->tree));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tree_unref(f->tree);
    assert_null(fs_remove_tree(f->outside));
    arena_done(&f->a);
    free(f);
    return 0;
}

static void assert_fails(err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

static void assert_found(struct fixture *f, const char *path, enum tree_kind kind, const char *real)
{
    str found;
    enum tree_kind found_kind;
    err *e = tree_find(&f->a, f->tree, str_of(path), &found, &found_kind);
    if (e) fail_msg("%s: %s", path, e->message);
    assert_string_equal(str_z(&f->a, found), real);
    assert_int_equal(found_kind, kind);
}

static void missing_parts_are_named(void **state)
{
    struct fixture *f = *state;
    str text;
    enum tree_kind kind;
    assert_fails(tree_find(&f->a, f->tree, STR("a/x/y"), &text, &kind), ERR_NOT_FOUND,
                 "lstat a/x: no such file or directory");
    assert_fails(tree_find(&f->a, f->tree, STR("a/B/y"), &text, &kind), ERR_NOT_FOUND,
                 "not a directory");
    assert_fails(tree_read(&f->a, f->tree, STR("nope"), 10, &text), ERR_NOT_FOUND,
                 "lstat nope: no such file or directory");
    assert_fails(tree_find(&f->a, f->tree, str_from("a\0b", 3), &text, &kind), ERR_INVALID,
                 "a path with a NUL byte names no file");
}

static void nothing_leads_out(void **state)
{
    struct fixture *f = *state;
    str text;
    enum tree_kind kind;
    assert_int_equal(symlink("../../secret", below(f, "a/up")), 0);
    assert_int_equal(symlink("/etc/passwd", below(f, "absolute")), 0);
    assert_int_equal(symlink("..", below(f, "parent")), 0);
    assert_int_equal(symlink("loop2", below(f, "loop1")), 0);
    assert_int_equal(symlink("loop1", below(f, "loop2")), 0);

    static const char *const ways[] = {"../secret", "a/../../secret", "/../secret", "a/up",
                                       "absolute",  "parent/secret",  "parent"};
    for (size_t i = 0; i < COUNT(ways); i++) {
        err *e = tree_read(&f->a, f->tree, str_of(ways[i]), 100, &text);
        if (!e) fail_msg("%s was read", ways[i]);
        assert_int_equal(e->kind, ERR_DENIED);
        err_free(e);
        e = tree_find(&f->a, f->tree, str_of(ways[i]), &text, &kind);
        assert_true(err_is(e, ERR_DENIED));
        err_free(e);
    }
    assert_fails(tree_find(&f->a, f->tree, STR("loop1"), &text, &kind), ERR_INVALID,
                 "EvalSymlinks: too many links");
}

static void only_files_are_read(void **state)
{
    struct fixture *f = *state;
    str text;
    assert_int_equal(mkfifo(below(f, "pipe"), 0644), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char *name = below(f, "socket");
    memcpy(address.sun_path, name, strlen(name) + 1);
    assert_int_equal(bind(socket_fd, (struct sockaddr *)&address, sizeof address), 0);

    assert_fails(tree_read(&f->a, f->tree, STR("a"), 10, &text), ERR_INVALID,
                 "read a: is a directory");
    assert_fails(tree_read(&f->a, f->tree, STR("pipe"), 10, &text), ERR_INVALID,
                 "read pipe: not a regular file");
    assert_fails(tree_read(&f->a, f->tree, STR("socket"), 10, &text), ERR_INVALID,
                 "open socket: no such device or address");
    assert_found(f, "pipe", TREE_OTHER, "/pipe");
    assert_found(f, "socket", TREE_OTHER, "/socket");
    close(socket_fd);
}

static void size_is_bounded(void **state)
{
    struct fixture *f = *state;
    str text;
    assert_null(tree_read(&f->a, f->tree, STR("a/b/file"), 7, &text));
    assert_true(str_is(text, "content"));
    assert_fails(tree_read(&f->a, f->tree, STR("a/b/file"), 6, &text), ERR_INVALID,
                 "file 'a/b/file' has more than 6 bytes, the limit of one file");
    assert_null(tree_read(&f->a, f->tree, STR("a/empty"), 0, &text));
    assert_int_equal(text.len, 0);
}

static void links_inside_are_followed(void **state)
{
    struct fixture *f = *state;
    str text;
    assert_int_equal(symlink("a/b", below(f, "link")), 0);
    assert_int_equal(symlink("../../link/../B", below(f, "a/b/back")), 0);
    assert_found(f, "link/file", TREE_FILE, "/a/b/file");
    assert_found(f, "./link//file", TREE_FILE, "/a/b/file");
    assert_found(f, "a/b/back", TREE_FILE, "/a/B");
    assert_found(f, "link/..", TREE_DIR, "/a");
    assert_found(f, "", TREE_DIR, "/");
    assert_found(f, "/", TREE_DIR, "/");
    assert_null(tree_read(&f->a, f->tree, STR("a/b/back"), 10, &text));
    assert_true(str_is(text, "b"));
}

static void lists_are_sorted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(symlink("b", below(f, "a/dir-link")), 0);
    assert_int_equal(symlink("nowhere", below(f, "a/dangling")), 0);
    struct tree_entry *entries;
    size_t count;
    assert_null(tree_list(&f->a, f->tree, STR("a"), &entries, &count));
    static const struct {
        const char *name;
        enum tree_kind kind;
        bool link;
    } want[] = {{"B", TREE_FILE, false},
                {"b", TREE_DIR, false},
                {"dangling", TREE_OTHER, true},
                {"dir-link", TREE_DIR, true},
                {"empty", TREE_FILE, false}};
    assert_int_equal(count, COUNT(want));
    for (size_t i = 0; i < count; i++) {
        assert_true(str_is(entries[i].name, want[i].name));
        assert_int_equal(entries[i].kind, want[i].kind);
        assert_int_equal(entries[i].link, want[i].link);
    }
}

static void whole_file_system_takes_absolute_links(void **state)
{
    struct fixture *f = *state;
    struct tree *tree AUTO(tree_unref_done) = NULL;
    assert_null(tree_open(STR("/"), &tree));
    str text;
    assert_int_equal(symlink(str_z(&f->a, f->outside), below(f, "out")), 0);
    str path = str_printf(&f->a, STR_FMT "/out/secret", STR_ARG(f->root));
    assert_null(tree_read(&f->a, tree, path, 100, &text));
    assert_true(str_is(text, "secret"));
    err *e = tree_read(&f->a, tree, STR("/nope/x"), 100, &text);
    assert_fails(e, ERR_NOT_FOUND, "lstat /nope: no such file or directory");
    e = tree_read(&f->a, tree, STR("/../../nope"), 100, &text);
    assert_fails(e, ERR_NOT_FOUND, "lstat /nope: no such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(missing_parts_are_named), TEST(nothing_leads_out),
        TEST(only_files_are_read),     TEST(size_is_bounded),
        TEST(links_inside_are_followed), TEST(lists_are_sorted),
        TEST(whole_file_system_takes_absolute_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
