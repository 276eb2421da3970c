/*
 * kustomize: builds every case in process and compares with what the reference
 * printed, byte for byte. Cases are those of tests/golden/kustomize and of the
 * shared folder (${FIXPOINT_SHARED:-../shared}/conformance/kustomize). With an
 * argument only the cases run whose name holds it.
 */
#include "render/kustomize.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"

static arena names; /* of the cases */

struct golden {
    str folder, name;
    bool any_error; /* only that it fails is compared */
};

struct goldens {
    struct golden *items;
    size_t count, room;
};

static str read_file(arena *a, str path)
{
    str text = {0};
    err *e = fs_read(a, path, 64u << 20, &text);
    if (e) fail_msg("%s", e->message);
    return text;
}

/* The first word is the folder, the rest are flags. */
static str read_options(arena *a, str args, struct kustomize_options *options)
{
    str path = {0}, word, before = {0};
    while (str_next(&args, ' ', &word)) {
        word = str_trim(word);
        if (!path.len)
            path = word;
        else if (str_is(before, "--reorder"))
            options->legacy_order = !str_is(word, "none");
        else if (str_is(word, "LoadRestrictionsNone") ||
                 str_is(word, "--load-restrictor=LoadRestrictionsNone"))
            options->root_only = false;
        else if (str_is(word, "--enable-managedby-label"))
            options->managed_by = true;
        before = word;
    }
    return str_dup(a, path);
}

static void check_error(const struct golden *golden, arena *a, str in, const err *e)
{
    str wanted = read_file(a, fs_join(a, golden->folder, STR("expected.err")));
    if (!e) fail_msg("built, but is to fail: " STR_FMT, STR_ARG(wanted));
    if (golden->any_error) return;
    str text = str_printf(a, "Error: %s\n", e->message);
    text = str_replace(a, text, in, STR("@IN@"));
    /* The command drops nothing and adds one line break. */
    if (!str_eq(str_trim_right(text), str_trim_right(wanted)))
        fail_msg("\n got: " STR_FMT "\nwant: " STR_FMT, STR_ARG(text), STR_ARG(wanted));
}

/* The first line that differs. */
static void show_difference(str got, str wanted)
{
    str got_line, wanted_line;
    for (int line = 1;; line++) {
        bool more = str_next_line(&got, &got_line),
             wants_more = str_next_line(&wanted, &wanted_line);
        if (more && wants_more && str_eq(got_line, wanted_line)) continue;
        if (!more) got_line = STR("(end)");
        if (!wants_more) wanted_line = STR("(end)");
        fail_msg("line %d\n got: " STR_FMT "\nwant: " STR_FMT, line, STR_ARG(got_line),
                 STR_ARG(wanted_line));
    }
}

/* Where a case is built. Git keeps no empty folders, so a case without files builds nowhere else.
 */
static str find_folder(arena *a, str golden)
{
    char real[PATH_MAX];
    if (realpath(str_z(a, fs_join(a, golden, STR("in"))), real)) return str_dup(a, str_of(real));
    const char *temp = getenv("TMPDIR");
    str folder;
    assert_null(fs_temp_dir(a, str_of(temp ? temp : "/tmp"), STR("golden-"), &folder));
    assert_non_null(realpath(str_z(a, folder), real));
    return str_dup(a, str_of(real));
}

static void build_case(void **state)
{
    const struct golden *golden = *state;
    arena a AUTO(arena_done) = {0};
    struct tree *tree AUTO(tree_unref_done) = NULL;
    str in = find_folder(&a, golden->folder);
    assert_null(tree_open(STR("/"), &tree));

    struct kustomize_options options = KUSTOMIZE_COMMAND;
    options.working_dir = in;
    str path = read_options(&a, read_file(&a, fs_join(&a, golden->folder, STR("args"))), &options);
    struct kustomize_output output;
    str text;
    err *e AUTO(err_done) = kustomize_build(&a, tree, path, &options, &output);
    if (!e) e = kustomize_text(&a, &output, &text);
    rmdir(str_z(&a, in)); /* only when it is empty */

    str expected = fs_join(&a, golden->folder, STR("expected.yaml"));
    if (!fs_exists(expected)) {
        check_error(golden, &a, in, e);
        return;
    }
    if (e) fail_msg("%s", e->message);
    str wanted = read_file(&a, expected);
    if (!str_eq(text, wanted)) show_difference(text, wanted);
}

/* The names of the cases in index.json of which only the failure counts. */
static bool is_any_error(str index, str name)
{
    arena a AUTO(arena_done) = {0};
    str key = str_printf(&a, "\"case\": \"" STR_FMT "\"", STR_ARG(name));
    ptrdiff_t at = str_find(index, key);
    if (at < 0) return false;
    str rest = str_skip(index, (size_t)at + key.len);
    ptrdiff_t end = str_find(rest, STR("\"case\":"));
    if (end >= 0) rest = str_head(rest, (size_t)end);
    return str_find(rest, STR("\"errMatch\": \"fail\"")) >= 0;
}

static void find_cases(str folder, const char *filter, struct goldens *out)
{
    str *entries, index = {0};
    size_t count;
    assert_null(fs_list(&names, folder, &entries, &count));
    str index_path = fs_join(&names, folder, STR("index.json"));
    if (fs_exists(index_path)) index = read_file(&names, index_path);
    for (size_t i = 0; i < count; i++) {
        str path = fs_join(&names, folder, entries[i]);
        if (!fs_is_dir(path) || (filter && str_find(entries[i], str_of(filter)) < 0)) continue;
        *ARENA_PUSH(&names, out->items, out->count, out->room) = (struct golden){
            .folder = path,
            .name = entries[i],
            .any_error = is_any_error(index, entries[i]),
        };
    }
}

int main(int argc, char **argv)
{
    const char *filter = argc > 1 ? argv[1] : NULL, *shared = getenv("FIXPOINT_SHARED");
    struct goldens goldens = {0};
    str folder =
        fs_join(&names, str_of(shared ? shared : "../shared"), STR("conformance/kustomize"));
    if (fs_is_dir(folder)) {
        find_cases(folder, filter, &goldens);
    } else {
        printf("no cases in " STR_FMT ": set FIXPOINT_SHARED\n", STR_ARG(folder));
        if (getenv("CI")) return 1;
    }
    if (fs_is_dir(STR("tests/golden/kustomize")))
        find_cases(STR("tests/golden/kustomize"), filter, &goldens);

    struct CMUnitTest *tests = NEW_ARRAY(&names, struct CMUnitTest, goldens.count + 1);
    for (size_t i = 0; i < goldens.count; i++)
        tests[i] = (struct CMUnitTest){
            .name = str_z(&names, goldens.items[i].name),
            .test_func = build_case,
            .initial_state = &goldens.items[i],
        };
    int failed = _cmocka_run_group_tests("kustomize", tests, goldens.count, NULL, NULL);
    arena_done(&names);
    return failed;
}
