/* folder: what becomes of the files of a folder, seen by git. */
#include "sandbox/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "git/gitrun.h"

struct fixture {
    arena a;
    str root, path, repository;
    struct folder *folder;
};

static void ok(err *e)
{
    if (e) fail_msg("%s", e->message);
}

static int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    const char *temp = getenv("TMPDIR");
    ok(fs_temp_dir(&f->a, temp ? str_of(temp) : STR("/tmp"), STR("folder"), &f->root));
    f->path = fs_join(&f->a, f->root, STR("files"));
    f->repository = fs_join(&f->a, f->root, STR("folder.git"));
    ok(fs_make_dirs(f->path, 0700));
    ok(folder_open(f->path, f->repository, &f->folder));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    folder_close(f->folder);
    ok(fs_remove_tree(f->root));
    arena_done(&f->a);
    free(f);
    return 0;
}

/* Files of one age, so that the commit depends on nothing else. */
static void put(struct fixture *f, const char *name, str content)
{
    str path = fs_join(&f->a, f->path, str_of(name));
    ok(fs_make_dirs(fs_dir(path), 0700));
    ok(fs_write(path, content, 0600));
    struct timeval times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    assert_int_equal(utimes(str_z(&f->a, path), times), 0);
}

static struct folder_commit commit(struct fixture *f)
{
    struct folder_commit out;
    ok(folder_commit(f->folder, &f->a, -1, &out));
    return out;
}

static str git(struct fixture *f, const char *const *args)
{
    str out;
    struct gitrun run = {.folder = f->repository, .args = args};
    ok(gitrun_do(&f->a, &run, &out));
    return out;
}

/* Names with their contents, as "name=content;". */
static str committed(struct fixture *f)
{
    const char *const list[] = {"ls-tree", "-r", "-z", "--name-only", "main", NULL};
    buf b = BUF(&f->a);
    str rest = git(f, list), name;
    while (rest.len && str_next(&rest, '\0', &name) && name.len) {
        const char *blob = str_z(&f->a, str_concat(&f->a, STR("main:"), name));
        const char *const show[] = {"cat-file", "blob", blob, NULL};
        buf_add(&b, name);
        BUF_ADD(&b, "=");
        buf_add(&b, git(f, show));
        BUF_ADD(&b, ";");
    }
    return buf_str(&b);
}

static void files_are_committed(void **state)
{
    struct fixture *f = *state;
    put(f, "b.yaml", STR("two\n"));
    put(f, "a/x.yaml", STR("one"));
    put(f, "empty", STR(""));
    struct folder_commit first = commit(f);
    assert_true(first.changed);
    assert_int_equal(first.file_count, 3);
    assert_true(str_is(committed(f), "a/x.yaml=one;b.yaml=two\n;empty=;"));

    struct folder_commit second = commit(f);
    assert_false(second.changed);
    assert_true(str_eq(first.sha, second.sha));

    put(f, "b.yaml", STR("three"));
    ok(fs_remove_tree(fs_join(&f->a, f->path, STR("a"))));
    struct folder_commit third = commit(f);
    assert_true(third.changed);
    assert_true(str_is(committed(f), "b.yaml=three;empty=;"));
    const char *const parent[] = {"rev-parse", "main~1", NULL};
    assert_true(str_eq(str_trim(git(f, parent)), first.sha));
}

/* Whatever a name or a file holds, it is no command to git. */
static void any_name_and_content(void **state)
{
    struct fixture *f = *state;
    put(f, "\"quoted\" \\ \n\t\x01 \xc3\xa4.yaml", STR("deleteall\n\0commit refs/heads/x\n"));
    put(f, " M 100644 inline x", STR("\xff\xfe"));
    commit(f);
    str all = committed(f);
    assert_true(str_eq(all, STR(" M 100644 inline x=\xff\xfe;"
                                "\"quoted\" \\ \n\t\x01 \xc3\xa4.yaml="
                                "deleteall\n\0commit refs/heads/x\n;")));
}

static void what_is_left_out(void **state)
{
    struct fixture *f = *state;
    put(f, "a.yaml", STR("a"));
    put(f, ".git/config", STR("secret"));
    put(f, "sub/.git/config", STR("secret"));
    put(f, "other/.git", STR("gitdir: elsewhere"));
    assert_int_equal(symlink("/etc/passwd", str_z(&f->a, fs_join(&f->a, f->path, STR("l")))), 0);
    assert_int_equal(mkfifo(str_z(&f->a, fs_join(&f->a, f->path, STR("pipe"))), 0600), 0);
    struct folder_commit out = commit(f);
    assert_int_equal(out.link_count, 1);
    assert_true(str_is(committed(f), "a.yaml=a;"));
}

/* A sandbox that is resumed finds the revision that it had. */
static void the_same_files_are_the_same_commit(void **state)
{
    struct fixture *f = *state;
    put(f, "a.yaml", STR("a"));
    struct folder_commit first = commit(f);
    folder_close(f->folder);
    ok(folder_open(f->path, f->repository, &f->folder));
    struct folder_commit again = commit(f);
    assert_true(again.changed);
    assert_true(str_eq(first.sha, again.sha));
}

static void an_empty_folder_is_a_commit(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(commit(f).file_count, 0);
    assert_true(str_is(committed(f), ""));
    assert_false(commit(f).changed);
}

static void errors_name_the_folder(void **state)
{
    struct fixture *f = *state;
    struct folder_commit out, before = commit(f);
    str big = fs_join(&f->a, f->path, STR("big"));
    ok(fs_write(big, STR(""), 0600));
    assert_int_equal(truncate(str_z(&f->a, big), LIMIT_SANDBOX_FOLDER_BYTES + 1), 0);
    err *e = folder_commit(f->folder, &f->a, -1, &out);
    assert_true(err_is(e, ERR_INVALID) && str_find(err_text(e), f->path) >= 0);
    assert_true(str_find(err_text(e), STR("67108864 bytes")) >= 0);
    err_free(e);

    str moved = fs_join(&f->a, f->root, STR("moved"));
    ok(fs_remove(big));
    ok(fs_rename(f->path, moved));
    e = folder_commit(f->folder, &f->a, -1, &out);
    assert_true(e && str_find(err_text(e), f->path) >= 0);
    err_free(e);
    ok(fs_rename(moved, f->path));
    assert_true(str_eq(commit(f).sha, before.sha));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_committed),
        TEST(any_name_and_content),
        TEST(what_is_left_out),
        TEST(the_same_files_are_the_same_commit),
        TEST(an_empty_folder_is_a_commit),
        TEST(errors_name_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
