/* kustomize: what golden cases cannot show: overlays, hostile inputs, many threads. */
#include "render/kustomize.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "doc/json.h"

#define CONFIG_MAP(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

/* outside/{secret.yaml,root/...}: the artifact is outside/root. */
struct fixture {
    arena a;
    str outside, root;
    struct tree *tree;
};

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
    assert_null(fs_temp_dir(&f->a, str_of(temp ? temp : "/tmp"), STR("kustomize"), &f->outside));
    f->root = fs_join(&f->a, f->outside, STR("root"));
    put(f, "../secret.yaml", CONFIG_MAP("secret"));
    assert_null(fs_make_dirs(f->root, 0755));
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

static err *build(struct fixture *f, const char *path, const struct overlay *overlay, str *text)
{
    struct kustomize_options options = {.overlay = overlay};
    struct kustomize_output output;
    err *e = kustomize_build(&f->a, f->tree, str_of(path), &options, &output);
    return e ? e : kustomize_text(&f->a, &output, text);
}

static const struct overlay no_overlay = {0};

static void assert_builds(struct fixture *f, const char *path, const struct overlay *overlay,
                          const char *wanted)
{
    str text = {0};
    err *e AUTO(err_done) = build(f, path, overlay, &text);
    if (e) fail_msg("%s", e->message);
    assert_string_equal(str_z(&f->a, text), wanted);
}

static void assert_fails(struct fixture *f, const char *path, const struct overlay *overlay,
                         enum err_kind kind, const char *message)
{
    str text = {0};
    err *e AUTO(err_done) = build(f, path, overlay, &text);
    if (!e) fail_msg("built: " STR_FMT, STR_ARG(text));
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, kind);
}

/* The message ends so; what is before names every folder on the way. */
static void assert_fails_by(struct fixture *f, const char *path, const char *end)
{
    str text = {0};
    err *e AUTO(err_done) = build(f, path, NULL, &text);
    if (!e) fail_msg("built: " STR_FMT, STR_ARG(text));
    if (!str_ends(err_text(e), str_of(end))) fail_msg("%s", e->message);
    assert_int_equal(e->kind, ERR_INVALID);
}

static node *parsed(struct fixture *f, const char *json)
{
    node *value;
    assert_null(json_parse(&f->a, str_of(json), (struct json_options){0}, &value));
    return value;
}

/* --- Overlays --- */

static void folder_without_file_is_all_its_manifests(void **state)
{
    struct fixture *f = *state;
    put(f, "app/b.yaml", CONFIG_MAP("b"));
    put(f, "app/a.yml", CONFIG_MAP("a"));
    put(f, "app/README.md", "{{not yaml");
    put(f, "app/sub/c.yaml", CONFIG_MAP("c") "---\n" CONFIG_MAP("d"));
    put(f, "app/sub/own/kustomization.yml", "namePrefix: own-\nresources: [x.yaml]\n");
    put(f, "app/sub/own/x.yaml", CONFIG_MAP("x"));
    put(f, "app/sub/own/ignored.yaml", CONFIG_MAP("ignored"));
    assert_int_equal(symlink("sub", str_z(&f->a, fs_join(&f->a, f->root, STR("app/link")))), 0);
    assert_builds(f, "app", &no_overlay,
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n---\n"
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n---\n"
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n---\n"
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\n---\n"
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own-x\n");
}

static void folder_without_manifests_is_empty(void **state)
{
    struct fixture *f = *state;
    put(f, "empty/note.txt", "");
    assert_builds(f, "empty", &no_overlay, "");
}

static void manifest_that_is_none_is_named(void **state)
{
    struct fixture *f = *state;
    put(f, "app/sub/bad.yaml", "a: [\n");
    assert_fails(
        f, "app", &no_overlay, ERR_INVALID,
        "failed to decode Kubernetes YAML from app/sub/bad.yaml: MalformedYAMLError: yaml: "
        "line 1: did not find expected node content");
    put(f, "app/sub/bad.yaml", "just: yaml\n");
    assert_fails(
        f, "app", &no_overlay, ERR_INVALID,
        "failed to decode Kubernetes YAML from app/sub/bad.yaml: missing Resource metadata");
}

static void overlay_is_laid_over_the_file(void **state)
{
    struct fixture *f = *state;
    put(f, "app/kustomization.yaml",
        "namespace: theirs\nnamePrefix: their-\nunknown: field\nresources: [d.yaml]\n"
        "images: [{name: a, newTag: old}, {name: b, newTag: kept}]\n");
    put(f, "app/d.yaml",
        "apiVersion: x/v1\nkind: Foo\nmetadata: {name: d}\n"
        "spec: {containers: [{image: a}, {image: b}, {image: c}]}\n");
    put(f, "part/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        "commonAnnotations: {part: of}\n");
    struct overlay overlay = {
        .namespace = STR("ours"),
        .name_suffix = STR("-s"),
        .images =
            parsed(f, "[{\"name\":\"a\",\"newTag\":\"new\"},{\"name\":\"c\",\"digest\":\"d\"}]"),
        .patches = parsed(f, "[{\"patch\":\"- {op: add, path: /spec/n, value: 1}\","
                             "\"target\":{\"kind\":\"Foo\"}}]"),
        .components = parsed(f, "[\"../part\", \"../missing\"]"),
        .ignore_missing_components = true,
    };
    assert_builds(f, "app", &overlay,
                  "apiVersion: x/v1\nkind: Foo\nmetadata:\n  annotations:\n    part: of\n"
                  "  name: their-d-s\n  namespace: ours\nspec:\n  containers:\n  - image: a:new\n"
                  "  - image: b:kept\n  - image: c@d\n  \"n\": 1\n");

    overlay.ignore_missing_components = false;
    assert_fails(f, "app", &overlay, ERR_INVALID,
                 "accumulating components: loader.New \"must build at directory: not a valid "
                 "directory: evalsymlink failure on 'missing' : lstat missing: no such file or "
                 "directory\"");
}

static void file_without_resources_tells_origins(void **state)
{
    struct fixture *f = *state;
    put(f, "app/kustomization.yaml",
        "configMapGenerator: [{name: g, options: {disableNameSuffixHash: true}}]\n");
    assert_builds(f, "app", &no_overlay,
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations:\n"
                  "    config.kubernetes.io/origin: |\n      configuredIn: kustomization.yaml\n"
                  "      configuredBy:\n        apiVersion: builtin\n"
                  "        kind: ConfigMapGenerator\n  name: g\n");
}

/* --- Hostile inputs --- */

static void nothing_outside_is_read(void **state)
{
    struct fixture *f = *state;
    put(f, "app/kustomization.yaml", "resources: [../../secret.yaml]\n");
    assert_fails(f, "app", NULL, ERR_DENIED,
                 "accumulating resources: accumulation err='accumulating resources from "
                 "'../../secret.yaml': path '../../secret.yaml' leads out of the source': path "
                 "'../../secret.yaml' leads out of the source");
    assert_int_equal(
        symlink("../../secret.yaml", str_z(&f->a, fs_join(&f->a, f->root, STR("app/s.yaml")))), 0);
    put(f, "app/kustomization.yaml", "configMapGenerator: [{name: g, files: [s.yaml]}]\n");
    assert_fails(
        f, "app", NULL, ERR_DENIED,
        "loading KV pairs: file sources: [s.yaml]: path '/app/s.yaml' leads out of the tree");
    put(f, "app/kustomization.yaml", "configMapGenerator: [{name: g, files: [/etc/hostname]}]\n");
    assert_fails(
        f, "app", NULL, ERR_DENIED,
        "loading KV pairs: file sources: [/etc/hostname]: path '/etc/hostname' is absolute: a "
        "build reads the files of its own source only");
}

static void remote_places_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const places[] = {
        "https://example.com/a.yaml", "https://github.com/o/r//p?ref=x", "github.com/o/r",
        "git@example.com:o/r",        "ssh://git@example.com/o/r",       "file:///etc",
        "git::https://e.com/o/r",
    };
    for (size_t i = 0; i < COUNT(places); i++) {
        str text, file = str_printf(&f->a, "resources: ['%s']\n", places[i]);
        put(f, "app/kustomization.yaml", str_z(&f->a, file));
        err *e AUTO(err_done) = build(f, "app", NULL, &text);
        if (!e || e->kind != ERR_DENIED || !strstr(e->message, "is not allowed: a build reads"))
            fail_msg("%s: %s", places[i], e ? e->message : "built");
    }
}

static void credentials_are_not_repeated(void **state)
{
    struct fixture *f = *state;
    str text;
    put(f, "app/kustomization.yaml", "patches: [{path: 'https://user:pass@example.com/x?t=1'}]\n");
    err *e AUTO(err_done) = build(f, "app", NULL, &text);
    assert_non_null(e);
    assert_null(strstr(e->message, "user"));
    assert_null(strstr(e->message, "pass@"));
}

static void circles_are_found(void **state)
{
    struct fixture *f = *state;
    put(f, "a/kustomization.yaml", "resources: [../b]\n");
    put(f, "b/kustomization.yaml", "resources: [../a]\n");
    assert_fails_by(f, "a", "cycle detected: candidate root 'a' contains visited root 'a'");
}

/* Two folders a level, each naming both of the next: 2^40 folders in the end. */
static void fans_are_bounded(void **state)
{
    struct fixture *f = *state;
    for (int level = 0; level < 40; level++) {
        for (char side = 'a'; side <= 'b'; side++) {
            str name = str_printf(&f->a, "%d%c/kustomization.yaml", level, side);
            str text = str_printf(&f->a, "namePrefix: %c\nresources: [../%da, ../%db]\n", side,
                                  level + 1, level + 1);
            bool last = level == 39;
            put(f, str_z(&f->a, name), last ? "resources: []\n" : str_z(&f->a, text));
        }
    }
    str end = str_printf(&f->a, "more than %d kustomizations take part, the limit of one build",
                         LIMIT_RENDER_FOLDERS);
    assert_fails_by(f, "0a", str_z(&f->a, end));
}

static void towers_are_bounded(void **state)
{
    struct fixture *f = *state;
    for (int level = 0; level <= LIMIT_RENDER_DEPTH + 1; level++) {
        str name = str_printf(&f->a, "%d/kustomization.yaml", level);
        str text = str_printf(&f->a, "resources: [../%d]\n", level + 1);
        put(f, str_z(&f->a, name), str_z(&f->a, text));
    }
    str end =
        str_printf(&f->a, "nested more than %d deep, the limit of one build", LIMIT_RENDER_DEPTH);
    assert_fails_by(f, "0", str_z(&f->a, end));
}

static void multiplying_replacements_are_bounded(void **state)
{
    struct fixture *f = *state;
    buf file = BUF(&f->a), objects = BUF(&f->a);
    BUF_ADD(&file, "resources: [r.yaml]\nreplacements:\n");
    for (int i = 0; i < 200; i++) {
        buf_printf(
            &file,
            "- source: {kind: Foo, name: x%d, fieldPath: a}\n  targets: [{select: {kind: Foo}, "
            "fieldPaths: [a.b%d], options: {create: true}}]\n",
            i % 20, i);
        if (i >= 20) continue;
        if (i) BUF_ADD(&objects, "---\n");
        buf_printf(&objects, "apiVersion: x/v1\nkind: Foo\nmetadata: {name: x%d}\na: {q: 1}\n", i);
    }
    put(f, "app/kustomization.yaml", str_z(&f->a, buf_str(&file)));
    put(f, "app/r.yaml", str_z(&f->a, buf_str(&objects)));
    assert_fails_by(f, "app", "the limit of one build");
}

static void pipes_are_not_waited_for(void **state)
{
    struct fixture *f = *state;
    put(f, "app/kustomization.yaml", "resources: [pipe]\n");
    assert_int_equal(mkfifo(str_z(&f->a, fs_join(&f->a, f->root, STR("app/pipe"))), 0644), 0);
    assert_fails_by(f, "app", "'app/pipe': file is not directory");
}

/* --- Threads --- */

static void *build_often(void *tree)
{
    for (int i = 0; i < 20; i++) {
        arena a AUTO(arena_done) = {0};
        struct kustomize_options options = {.overlay = &no_overlay};
        struct kustomize_output output;
        str text;
        err *e = kustomize_build(&a, tree, STR("app"), &options, &output);
        if (!e) e = kustomize_text(&a, &output, &text);
        must(!e && output.count == 3);
    }
    return NULL;
}

static void threads_share_a_tree(void **state)
{
    struct fixture *f = *state;
    put(f, "app/kustomization.yaml",
        "namePrefix: p-\nresources: [r.yaml]\nconfigMapGenerator: [{name: g, literals: [a=b]}]\n"
        "patches: [{target: {name: 'a.*'}, patch: "
        "'[{\"op\":\"add\",\"path\":\"/x\",\"value\":1}]'}]\n");
    put(f, "app/r.yaml", CONFIG_MAP("a") "---\n" CONFIG_MAP("b"));
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, build_often, f->tree), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folder_without_file_is_all_its_manifests),
        TEST(folder_without_manifests_is_empty),
        TEST(manifest_that_is_none_is_named),
        TEST(overlay_is_laid_over_the_file),
        TEST(file_without_resources_tells_origins),
        TEST(nothing_outside_is_read),
        TEST(remote_places_are_refused),
        TEST(credentials_are_not_repeated),
        TEST(circles_are_found),
        TEST(fans_are_bounded),
        TEST(towers_are_bounded),
        TEST(multiplying_replacements_are_bounded),
        TEST(pipes_are_not_waited_for),
        TEST(threads_share_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
