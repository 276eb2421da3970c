/* cli: which command runs, what goes where, how it ends. Without a cluster. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"

/* What one run of the program wrote. */
struct seen {
    str out, errors;
    int exit_code;
};

static int divert(int fd, const char *name)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    int kept = dup(fd);
    dup2(fileno(file), fd);
    fclose(file);
    return kept;
}

static void restore(int fd, int kept)
{
    dup2(kept, fd);
    close(kept);
}

/* The words are separated by blanks. */
static struct seen run(arena *a, const char *line)
{
    char *argv[16] = {(char *)"fixpoint"};
    int argc = 1;
    str rest = str_of(line), word, folder;
    while (rest.len && str_next(&rest, ' ', &word))
        argv[argc++] = str_z(a, word);

    assert_null(fs_temp_dir(a, STR("/tmp"), STR("cli-"), &folder));
    str out_path = fs_join(a, folder, STR("out")), error_path = fs_join(a, folder, STR("err"));
    int out = divert(STDOUT_FILENO, str_z(a, out_path));
    int errors = divert(STDERR_FILENO, str_z(a, error_path));
    struct seen seen = {.exit_code = cli_main(argc, argv)};
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, errors);

    assert_null(fs_read(a, out_path, 1 << 20, &seen.out));
    assert_null(fs_read(a, error_path, 1 << 20, &seen.errors));
    assert_null(fs_remove_tree(folder));
    return seen;
}

static void test_help(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct seen seen = run(&a, "");
    assert_int_equal(seen.exit_code, 0);
    assert_true(str_find(seen.out, STR("Usage: fixpoint COMMAND")) > 0);
    assert_true(str_find(seen.out, STR("\n  get ")) > 0);
    assert_true(str_find(seen.out, STR("\n  docs ")) < 0);
    assert_true(str_eq(run(&a, "help get").out, run(&a, "get --help").out));
    assert_true(str_eq(run(&a, "-n apps get -h").out, run(&a, "get --help").out));
    assert_true(str_find(run(&a, "get -h").out, STR("  kustomization, ks, kustomizations\n")) > 0);
    assert_true(str_eq(run(&a, "help tree ks").out, run(&a, "tree kustomization -h").out));
}

static void test_errors(void **state UNUSED)
{
    static const struct {
        const char *line, *errors;
        int exit_code;
    } cases[] = {
        {"reconcil ks x", "✗ unknown command 'reconcil', did you mean 'reconcile'?\n", 1},
        {"zzzzzzzz", "✗ unknown command 'zzzzzzzz'; 'fixpoint --help' lists them\n", 1},
        {"tree", "✗ 'tree' needs one more word: 'tree kustomization'\n", 1},
        {"tree ks", "✗ usage: fixpoint tree kustomization NAME\n", 1},
        {"tree ks a b", "✗ unexpected argument 'b'; usage: fixpoint tree kustomization NAME\n", 1},
        {"get", "✗ usage: fixpoint get KIND [NAME]\n", 1},
        {"get sources", "✗ 'sources' needs one more word: which kind\n", 1},
        {"get all x", "✗ a name needs one kind, not all of them\n", 1},
        {"get ks -o xml", "✗ --output: 'xml' is not one of json, yaml, wide, name\n", 1},
        {"get ks --status-selector ready",
         "✗ expected status selector in type=status format, but found: ready\n", 1},
        {"get ks -n Not_A_Label",
         "✗ --namespace: 'Not_A_Label' is not a DNS label (a-z, 0-9 and "
         "'-', at most 63 characters)\n",
         1},
        {"diff ks x", "✗ --path is needed: the folder with the manifests\n", 2},
        {"diff ks --nonsense", "✗ unknown flag --nonsense\n", 2},
        {"build ks x --path . --dry-run",
         "✗ --dry-run needs the Kustomization in a file: --kustomization-file\n", 1},
        {"explain pod", "✗ unknown kind 'pod'\n", 1},
        {"explain ks.spec.nope", "✗ Kustomization has no field 'spec.nope'\n", 1},
        {"explain ks.nope", "✗ Kustomization has no field 'nope'\n", 1},
        {"suspend ks", "✗ expected a name after the kind, or --all\n", 1},
        {"suspend ks a --all", "✗ names and --all exclude each other\n", 1},
        {"reconcile ks", "✗ usage: fixpoint reconcile KIND NAME\n", 1},
        {"reconcile source git", "✗ expected one name after the kind\n", 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        struct seen seen = run(&a, cases[i].line);
        if (!str_is(seen.errors, cases[i].errors)) {
            fail_msg("%s: " STR_FMT, cases[i].line, STR_ARG(seen.errors));
        }
        assert_int_equal(seen.exit_code, cases[i].exit_code);
        assert_int_equal(seen.out.len, 0);
    }
}

/* The kinds that there are, in their order. */
static void test_unknown_kind(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    static const char *const words[] = {"pods", "sources svn"};
    for (size_t i = 0; i < COUNT(words); i++) {
        struct seen seen = run(&a, str_z(&a, str_printf(&a, "get %s", words[i])));
        str start = str_printf(&a, "✗ unknown kind '%s'; known are: 'source git', ", words[i]);
        assert_true(str_starts(seen.errors, start));
        assert_true(str_find(seen.errors, STR("'kustomization'")) > 0);
        assert_int_equal(seen.exit_code, 1);
    }
}

static void test_explain(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct seen seen = run(&a, "explain kustomization.spec.deletionPolicy");
    assert_int_equal(seen.exit_code, 0);
    assert_true(str_starts(seen.out, STR("Kustomization.spec.deletionPolicy <string>\n")));
    assert_true(str_find(seen.out, STR("\nOne of: MirrorPrune, Delete, ")) > 0);
    assert_true(str_find(run(&a, "explain gitrepo").out, STR("\n  url <string> required\n")) > 0);
    assert_true(str_find(run(&a, "explain ks.spec").out, STR("\nprune <boolean> required\n")) > 0);
}

static void test_version(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    assert_true(str_starts(run(&a, "version --client").out, STR("flux: v2.")));
    assert_true(str_starts(run(&a, "version --client -o json").out, STR("{\n  \"flux\": \"v2.")));
}

/* A full disk is an error, not a short file that looks whole. */
static void test_full_disk(void **state UNUSED)
{
    arena a = {0};
    struct cli cli = {.a = &a, .out = BUF(&a)};
    BUF_ADD(&cli.out, "text");
    int kept = divert(STDOUT_FILENO, "/dev/full");
    err *e AUTO(err_done) = cli_flush(&cli);
    restore(STDOUT_FILENO, kept);
    assert_non_null(e);
    assert_string_equal(e->message, "writing to standard output: No space left on device");
    arena_done(&a);
}

/* `make docs` writes them. */
static void test_reference_pages(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    str page;
    assert_null(fs_read(&a, STR("docs/api.md"), 1 << 20, &page));
    if (!str_eq(run(&a, "docs api").out, page)) fail_msg("docs/api.md is old: make docs");
    assert_null(fs_read(&a, STR("docs/cli.md"), 1 << 20, &page));
    if (!str_eq(run(&a, "docs cli").out, page)) fail_msg("docs/cli.md is old: make docs");
}

int main(void)
{
    unsetenv("FLUX_SYSTEM_NAMESPACE");
    setenv("KUBECONFIG", "/nonexistent", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_unknown_kind),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_reference_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
