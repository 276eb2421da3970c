/* artifact: what is stored is what is served; trees are made once and go when nobody needs them. */
#include "source/artifact.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"

#define WRONG "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static arena texts;
static arena *a = &texts;
static str root;
static struct artifacts *store;

static void ok(err *e)
{
    if (e) fail_msg("%s", e->message);
}

static void open_store(void)
{
    ok(artifact_open((struct artifacts_options){.folder = fs_join(a, root, STR("data")),
                                                .address = STR("src.local:80"),
                                                .retention_ttl_ns = 60 * CLOCK_SECOND,
                                                .retention_records = 2},
                     &store));
}

static int setup(void **state UNUSED)
{
    ok(fs_temp_dir(a, STR("/tmp"), STR("artifact-test-"), &root));
    open_store();
    return 0;
}

static int teardown(void **state UNUSED)
{
    artifact_close(store);
    ok(fs_remove_tree(root));
    arena_done(a);
    return 0;
}

static struct artifact_owner owner(const char *name)
{
    return (struct artifact_owner){STR("GitRepository"), STR("apps"), str_of(name)};
}

static str staged(const char *content)
{
    str folder;
    ok(artifact_stage(store, a, &folder));
    ok(fs_make_dirs(fs_join(a, folder, STR("dir")), 0750));
    ok(fs_write(fs_join(a, folder, STR("dir/a.yaml")), str_of(content), 0600));
    return folder;
}

static struct artifact stored(const char *name, const char *file, const char *content)
{
    struct artifact artifact;
    ok(artifact_put_tree(store, a, owner(name), str_of(file), STR("main@sha1:x"), staged(content),
                         &artifact));
    return artifact;
}

static str on_disk(str path)
{
    return fs_join(a, fs_join(a, root, STR("data")), path);
}

static size_t count_in(const char *path)
{
    str *names;
    size_t count = 0;
    ok(fs_list(a, on_disk(str_of(path)), &names, &count));
    return count;
}

static struct artifact_tree *tree_of(struct artifact artifact)
{
    struct artifact_tree *tree;
    ok(artifact_tree(store, &artifact, NULL, &tree));
    return tree;
}

static str read_tree(const struct artifact_tree *tree)
{
    str text;
    ok(fs_read(a, fs_join(a, artifact_tree_folder(tree), STR("dir/a.yaml")), 1000, &text));
    return text;
}

static void test_put(void **state UNUSED)
{
    struct artifact artifact = stored("one", "1.tar.gz", "x");
    str bytes;
    ok(fs_read(a, on_disk(artifact.path), 1 << 20, &bytes));
    assert_true(str_is(artifact.path, "gitrepository/apps/one/1.tar.gz"));
    assert_true(str_is(artifact.url, "http://src.local:80/gitrepository/apps/one/1.tar.gz"));
    assert_true(str_eq(artifact.digest, str_concat(a, STR("sha256:"), hash_sha256_hex(a, bytes))));
    assert_int_equal(artifact.size_bytes, bytes.len);
    ok(artifact_verify(store, &artifact));
    assert_int_equal(count_in("temp"), 0); /* the staged folder is the tree now */
    assert_int_equal(count_in("tree"), 1);
    /* The same content under another name is the same tree. */
    struct artifact same = stored("two", "2.tar.gz", "x");
    assert_true(str_eq(same.digest, artifact.digest));
    assert_int_equal(count_in("tree"), 1);
    assert_int_equal(count_in("temp"), 0);

    struct artifact chart;
    ok(artifact_put_file(store, a, owner("chart"), STR("c-1.0.0.tgz"), STR("1.0.0"), STR("bytes"),
                         &chart));
    ok(artifact_bytes(store, a, &chart, 100, NULL, &bytes));
    assert_true(str_is(bytes, "bytes"));
}

static void test_put_refuses_names(void **state UNUSED)
{
    static const char *const files[] = {"", "..", "a/b", ".hidden", "../../x"};
    for (size_t i = 0; i < COUNT(files); i++) {
        struct artifact artifact;
        err *e AUTO(err_done) = artifact_put_file(store, a, owner("one"), str_of(files[i]),
                                                  STR("r"), STR("x"), &artifact);
        assert_true(err_is(e, ERR_INVALID));
        assert_int_equal(count_in("temp"), 0);
    }
}

static void test_verify(void **state UNUSED)
{
    struct artifact artifact = stored("one", "1.tar.gz", "x"), other = artifact;
    str path = on_disk(artifact.path);
    other.digest = STR(WRONG);
    err *wrong AUTO(err_done) = artifact_verify(store, &other);
    assert_true(err_is(wrong, ERR_INVALID));
    assert_true(
        str_starts(err_text(wrong), STR("computed digest doesn't match provided '" WRONG "'")));
    err *gone AUTO(err_done) = artifact_verify(store, &artifact); /* a wrong file is removed */
    assert_true(err_is(gone, ERR_NOT_FOUND));

    artifact = stored("one", "1.tar.gz", "x");
    ok(artifact_verify(store, &artifact));
    ok(fs_write(path, STR("tampered"), 0600));
    err *tampered AUTO(err_done) = artifact_verify(store, &artifact);
    assert_true(err_is(tampered, ERR_INVALID));

    static const char *const bad[] = {
        "", "sha256:00", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e", "../../etc/passwd"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        artifact.digest = str_of(bad[i]);
        err *e AUTO(err_done) = artifact_verify(store, &artifact);
        assert_true(err_is(e, ERR_INVALID));
        struct artifact_tree *tree;
        err *f AUTO(err_done) = artifact_tree(store, &artifact, NULL, &tree);
        assert_true(err_is(f, ERR_INVALID));
    }
}

static void test_locate(void **state UNUSED)
{
    struct artifact artifact = stored("one", "1.tar.gz", "x");
    str file;
    ok(artifact_locate(store, a, STR("/gitrepository/apps/one/1.tar.gz"), &file));
    assert_true(str_eq(file, on_disk(artifact.path)));
    str tree = str_concat(a, STR("/tree/"), str_replace(a, artifact.digest, STR(":"), STR("-")));
    assert_int_equal(symlink("1.tar.gz", on_disk(STR("gitrepository/apps/one/link")).data), 0);
    str paths[] = {STR("/"),
                   STR(""),
                   STR("/gitrepository"),
                   STR("/gitrepository/apps/one"),
                   STR("/gitrepository/apps/one/"),
                   STR("/gitrepository/apps/one/2.tar.gz"),
                   STR("/gitrepository/apps/one/link"),
                   STR("/gitrepository/apps/../apps/one/1.tar.gz"),
                   STR("/gitrepository/apps/one/..\0/1.tar.gz"),
                   STR("//gitrepository/apps/one/1.tar.gz"),
                   STR("/gitrepository//one/1.tar.gz"),
                   str_concat(a, tree, STR("/dir/a.yaml")),
                   STR("/temp/a/b/c"),
                   STR("/mirror/a/b/c"),
                   STR("../../../etc/passwd")};
    for (size_t i = 0; i < COUNT(paths); i++) {
        err *e AUTO(err_done) = artifact_locate(store, a, paths[i], &file);
        if (!err_is(e, ERR_NOT_FOUND)) fail_msg("'" STR_FMT "' was found", STR_ARG(paths[i]));
    }
}

static void test_collect(void **state UNUSED)
{
    struct artifact artifact = {0};
    int removed;
    for (int i = 0; i < 5; i++) {
        artifact = stored("one", str_z(a, str_printf(a, "%d.tar.gz", i)), "x");
        poll(NULL, 0, 5);
    }
    ok(artifact_collect(store, owner("one"), &artifact, &removed));
    assert_int_equal(removed, 3); /* two are kept, the current one among them */
    assert_true(fs_exists(on_disk(STR("gitrepository/apps/one/4.tar.gz"))));
    assert_true(fs_exists(on_disk(STR("gitrepository/apps/one/3.tar.gz"))));
    utime(on_disk(STR("gitrepository/apps/one/3.tar.gz")).data, &(struct utimbuf){0});
    utime(on_disk(STR("gitrepository/apps/one/4.tar.gz")).data, &(struct utimbuf){0});
    ok(artifact_collect(store, owner("one"), &artifact, &removed));
    assert_int_equal(removed, 1); /* by age; the current one stays whatever its age */
    ok(artifact_verify(store, &artifact));
    ok(artifact_collect(store, owner("none"), &artifact, &removed));
    assert_int_equal(removed, 0);

    ok(artifact_remove(store, owner("one")));
    assert_false(fs_exists(on_disk(STR("gitrepository/apps/one"))));
    assert_int_equal(count_in("tree"), 0);
    ok(artifact_remove(store, owner("one")));
}

static void test_trees_come_and_go(void **state UNUSED)
{
    struct artifact old = stored("one", "1.tar.gz", "old");
    struct artifact_tree *tree = tree_of(old), *again = artifact_tree_ref(tree);
    assert_true(str_is(read_tree(tree), "old"));
    struct artifact new = stored("one", "2.tar.gz", "new");
    assert_int_equal(count_in("tree"), 2); /* the old one is in use */
    artifact_tree_unref(tree);
    assert_true(str_is(read_tree(again), "old"));
    artifact_tree_unref(again);
    assert_int_equal(count_in("tree"), 1);
    /* It can still be had, from the file. */
    tree = tree_of(old);
    assert_true(str_is(read_tree(tree), "old"));
    artifact_tree_unref(tree);
    /* After a restart trees are made from the files again. */
    artifact_close(store);
    open_store();
    assert_int_equal(count_in("tree"), 0);
    struct artifact_tree *fresh AUTO(artifact_tree_done) = tree_of(new);
    assert_true(str_is(read_tree(fresh), "new"));
}

static void test_tree_errors(void **state UNUSED)
{
    struct artifact artifact = stored("one", "1.tar.gz", "x");
    struct artifact_tree *tree;
    struct artifact broken;
    ok(artifact_put_file(store, a, owner("bad"), STR("x.tar.gz"), STR("r"), STR("no archive"),
                         &broken));
    err *e AUTO(err_done) = artifact_tree(store, &broken, NULL, &tree);
    assert_true(err_is(e, ERR_INVALID));
    assert_true(str_starts(err_text(e), STR("failed to extract archive: ")));
    assert_int_equal(count_in("temp"), 0);

    artifact_close(store);
    open_store();
    ok(fs_remove(on_disk(artifact.path)));
    err *gone AUTO(err_done) = artifact_tree(store, &artifact, NULL, &tree);
    assert_true(err_is(gone, ERR_NOT_FOUND));
    assert_string_equal(gone->message, "file not found");
}

/* Those that were never ours are kept for a while, a bounded number of them. */
static void test_idle_trees_are_bounded(void **state UNUSED)
{
    struct artifact artifacts[LIMIT_TREES_IDLE + 4];
    for (size_t i = 0; i < COUNT(artifacts); i++) {
        str content = str_printf(a, "%zu", i);
        artifacts[i] = stored("many", str_z(a, str_printf(a, "%zu.tar.gz", i)), str_z(a, content));
    }
    artifact_close(store);
    open_store();
    /* Of the files of one source only the one that was used last counts as current. */
    for (size_t i = 0; i < COUNT(artifacts); i++)
        artifact_tree_unref(tree_of(artifacts[i]));
    assert_true(count_in("tree") <= LIMIT_TREES_IDLE + 1);
    /* Whoever gives a tree back does not wait for its files to go. */
    for (int i = 0; count_in("temp") && i < 3000; i++)
        poll(NULL, 0, 10);
    assert_int_equal(count_in("temp"), 0);
}

static _Atomic int made;

static err *make_slowly(void *context, str folder)
{
    err *(*result)(void) = context;
    made++;
    poll(NULL, 0, 100);
    arena scratch AUTO(arena_done) = {0};
    TRY(fs_write(fs_join(&scratch, folder, STR("f")), STR("x"), 0600));
    return result ? result() : NULL;
}

struct getting {
    struct artifact_trees *trees;
    void *context;
    struct artifact_tree *tree;
    err *error;
};

static void *get(void *context)
{
    struct getting *getting = context;
    getting->error = artifact_tree_get(getting->trees, STR("sha256:00"), make_slowly,
                                       getting->context, &getting->tree);
    return NULL;
}

static err *refuse(void)
{
    return err_invalid("refused");
}

static void test_made_once(void **state UNUSED)
{
    struct artifact_trees *trees;
    ok(artifact_tree_open(fs_join(a, root, STR("t")), fs_join(a, root, STR("u")), &trees));
    for (int failing = 1; failing >= 0; failing--) {
        pthread_t threads[8];
        struct getting gettings[8];
        made = 0;
        for (size_t i = 0; i < COUNT(threads); i++) {
            gettings[i] = (struct getting){trees, failing ? (void *)refuse : NULL};
            pthread_create(&threads[i], NULL, get, &gettings[i]);
        }
        for (size_t i = 0; i < COUNT(threads); i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(made, 1);
        for (size_t i = 0; i < COUNT(threads); i++) {
            if (failing) assert_string_equal(gettings[i].error->message, "refused");
            if (!failing) assert_ptr_equal(gettings[i].tree, gettings[0].tree);
            err_free(gettings[i].error);
            if (!failing) artifact_tree_unref(gettings[i].tree);
        }
    }
    artifact_tree_close(trees);
}

static void test_nodes(void **state UNUSED)
{
    struct artifact artifact = stored("one", "1.tar.gz", "x"), read;
    assert_true(artifact_from_node(artifact_to_node(a, &artifact), &read));
    assert_true(str_eq(read.revision, artifact.revision));
    assert_true(str_eq(read.digest, artifact.digest));
    assert_true(str_eq(read.path, artifact.path));
    assert_true(str_eq(read.url, artifact.url));
    assert_int_equal(read.size_bytes, artifact.size_bytes);
    assert_int_equal(read.updated_wall_ns / CLOCK_SECOND, artifact.updated_wall_ns / CLOCK_SECOND);
    assert_false(artifact_from_node(NULL, &read));
    assert_false(artifact_from_node(node_map(a), &read));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put),         TEST(test_put_refuses_names),
        TEST(test_verify),      TEST(test_locate),
        TEST(test_collect),     TEST(test_trees_come_and_go),
        TEST(test_tree_errors), TEST(test_idle_trees_are_bounded),
        TEST(test_made_once),   TEST(test_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
