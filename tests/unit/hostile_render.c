/*
 * hostile_render: what somebody may push to a repository to read files of the controller, to reach
 * out of its pod, or to take its memory and time. Each test builds a small tree and expects an
 * error that says what is wrong and where, or a harmless output, within bounds.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "control/kustomization_spec.h"
#include "doc/json.h"
#include "doc/yaml.h"
#include "render/kustomize.h"

#define MIB ((size_t)1024 * 1024)
#ifdef __SANITIZE_ADDRESS__
#define MOST_SECONDS 120 /* of one test; machines are busy, too */
#else
#define MOST_SECONDS 20
#endif
#define SECRET_TEXT "hunter2"

/* A ConfigMap; the name follows. */
#define CONFIG_MAP "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "

/* outside/{secret,root/...}: the tree is outside/root. */
struct fixture {
    arena a;
    str outside, root;
    struct tree *tree;
    int64_t started_ns;
};

static str path_of(struct fixture *f, const char *name)
{
    return fs_join(&f->a, f->root, str_of(name));
}

static void put_str(struct fixture *f, const char *name, str content)
{
    str path = path_of(f, name);
    assert_null(fs_make_dirs(fs_dir(path), 0755));
    int file = open(str_z(&f->a, path), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, content.data, content.len), (ssize_t)content.len);
    close(file);
}

static void put(struct fixture *f, const char *name, const char *content)
{
    put_str(f, name, str_of(content));
}

static void link_to(struct fixture *f, const char *target, const char *name)
{
    str path = path_of(f, name);
    assert_null(fs_make_dirs(fs_dir(path), 0755));
    assert_int_equal(symlink(target, str_z(&f->a, path)), 0);
}

static int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    const char *temp = getenv("TMPDIR");
    assert_null(
        fs_temp_dir(&f->a, temp ? str_of(temp) : STR("/tmp"), STR("hostile-"), &f->outside));
    f->root = fs_join(&f->a, f->outside, STR("root"));
    assert_null(fs_make_dirs(f->root, 0755));
    put(f, "../secret", SECRET_TEXT);
    put(f, "../base/kustomization.yaml", "resources: [" SECRET_TEXT "]\n");
    assert_null(tree_open(f->root, &f->tree));
    f->started_ns = clock_now_ns();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int64_t seconds = (clock_now_ns() - f->started_ns) / CLOCK_SECOND;
    tree_unref(f->tree);
    assert_null(fs_remove_tree(f->outside));
    arena_done(&f->a);
    free(f);
    if (seconds > MOST_SECONDS) print_error("it took %lld s\n", (long long)seconds);
    return seconds > MOST_SECONDS;
}

/* --- Builds --- */

static err *build_text(struct fixture *f, arena *a, const char *path, str *out)
{
    struct kustomize_options options = {0};
    struct kustomize_output output;
    TRY(kustomize_build(a, f->tree, str_of(path), &options, &output));
    return kustomize_text(a, &output, out);
}

/* It fails, the message holds every text up to NULL, and nothing from outside. */
static void fails(struct fixture *f, const char *path, ...)
{
    arena a AUTO(arena_done) = {0};
    str text;
    err *e AUTO(err_done) = build_text(f, &a, path, &text);
    if (!e) fail_msg("'%s' is built: %.300s", path, str_z(&a, text));
    assert_int_not_equal(e->kind, ERR_INTERNAL);
    if (strstr(e->message, SECRET_TEXT)) fail_msg("'%s' tells what is outside", path);
    va_list args;
    va_start(args, path);
    for (const char *part; (part = va_arg(args, const char *));) {
        if (!strstr(e->message, part))
            fail_msg("'%s': no \"%s\" in: %.600s", path, part, e->message);
    }
    va_end(args);
}

/* It is built, with at most so many bytes of memory. */
static void builds(struct fixture *f, const char *path, size_t most_bytes, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    str text;
    err *e AUTO(err_done) = build_text(f, &a, path, &text);
    if (e) fail_msg("'%s': %.600s", path, e->message);
    if (expected) assert_string_equal(str_z(&f->a, text), expected);
    if (a.used_bytes > most_bytes)
        fail_msg("'%s' takes %zu bytes, more than %zu", path, a.used_bytes, most_bytes);
}

/* A folder with one resource file. */
static void put_resource(struct fixture *f, str content)
{
    put(f, "kustomization.yaml", "resources: [r.yaml]\n");
    put_str(f, "r.yaml", content);
}

/* The resource is refused. */
static void refused(struct fixture *f, const char *content, const char *message)
{
    put_resource(f, str_of(content));
    fails(f, ".", message, NULL);
}

static void put_repeated(buf *b, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_add(b, str_of(text));
}

/* --- 8: YAML and JSON --- */

static str laughs(arena *a)
{
    buf b = BUF(a);
    BUF_ADD(&b, CONFIG_MAP "lol\na0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&b, "a%d: &a%d [*a%d", i, i, i - 1);
        for (int j = 1; j < 10; j++)
            buf_printf(&b, ", *a%d", i - 1);
        BUF_ADD(&b, "]\n");
    }
    return buf_str(&b);
}

static void billion_laughs_are_refused(void **state)
{
    struct fixture *f = *state;
    str bomb = laughs(&f->a);
    put_resource(f, bomb);
    fails(f, ".", "line 8", "excessive aliasing", "10 for each", "r.yaml", NULL);
    put_str(f, "patch.yaml", bomb);
    put(f, "base.yaml", CONFIG_MAP "lol\n");
    put(f, "kustomization.yaml", "resources: [base.yaml]\npatches:\n- path: patch.yaml\n");
    fails(f, ".", "patch.yaml", NULL);
    put_str(f, "kustomization.yaml", bomb);
    fails(f, ".", "excessive aliasing", NULL);

    arena a AUTO(arena_done) = {0};
    node *root;
    err *e AUTO(err_done) = yaml_parse(&a, bomb, (struct yaml_options){0}, &root);
    assert_non_null(e);
    assert_true(a.used_bytes < 16 * MIB);
}

/* As many aliases as are allowed do not take much more memory than the same number of values. */
static void aliases_cost_what_values_cost(void **state)
{
    struct fixture *f = *state;
    buf aliased = BUF(&f->a), plain = BUF(&f->a);
    BUF_ADD(&aliased, "x: &x [1, 2, 3, 4, 5, 6, 7, 8]\ny:\n");
    BUF_ADD(&plain, "y:\n");
    put_repeated(&aliased, "- [*x]\n", 20000);
    put_repeated(&plain, "- [1]\n", 20000);
    arena a AUTO(arena_done) = {0}, b AUTO(arena_done) = {0};
    node *root;
    err *e = yaml_parse(&a, buf_str(&aliased), (struct yaml_options){0}, &root);
    if (e) fail_msg("%s", e->message);
    assert_null(yaml_parse(&b, buf_str(&plain), (struct yaml_options){0}, &root));
    if (a.used_bytes > 8 * b.used_bytes + MIB)
        fail_msg("%zu bytes with aliases, %zu without", a.used_bytes, b.used_bytes);
}

static void anchors_that_hold_themselves(void **state)
{
    struct fixture *f = *state;
    refused(f, CONFIG_MAP "a\nx: &x [*x]\n", "anchor 'x' value contains itself");
    refused(f, CONFIG_MAP "a\nx: &x {y: {z: *x}}\n", "anchor 'x' value contains itself");
    refused(f, CONFIG_MAP "a\nx: &x\n  <<: *x\n", "anchor 'x' value contains itself");
    refused(f, CONFIG_MAP "a\nx: &x\n  <<: [{a: b}, *x]\n", "anchor 'x' value contains itself");
    refused(f, CONFIG_MAP "a\nx: *nowhere\n", "unknown anchor 'nowhere'");
    refused(f, CONFIG_MAP "a\nx:\n  <<: text\n", "map merge requires map");
}

static void nesting_is_bounded(void **state)
{
    struct fixture *f = *state;
    char limit[32];
    snprintf(limit, sizeof limit, "%d", LIMIT_DOC_DEPTH);
    static const char *const openings[] = {"[", "{a: ", "- ", "? ", "[{"};
    for (size_t i = 0; i < COUNT(openings); i++) {
        buf b = BUF(&f->a);
        BUF_ADD(&b, CONFIG_MAP "deep\nx:\n ");
        put_repeated(&b, openings[i], 100000);
        put_resource(f, buf_str(&b));
        fails(f, ".", limit, "r.yaml", NULL);
    }
    buf b = BUF(&f->a);
    put_repeated(&b, "[", 100000);
    node *root;
    err *e AUTO(err_done) = json_parse(&f->a, buf_str(&b), (struct json_options){0}, &root);
    assert_non_null(e);
    assert_non_null(strstr(e->message, limit));
}

static void repeated_keys_are_named(void **state)
{
    struct fixture *f = *state;
    put_resource(f, STR(CONFIG_MAP "a\ndata: {k: one, k: two}\n"));
    fails(f, ".", "\"k\" already defined", NULL);
    buf b = BUF(&f->a);
    BUF_ADD(&b, CONFIG_MAP "a\ndata:\n");
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, "  k%d: v\n", i % 99999);
    put_resource(f, buf_str(&b));
    fails(f, ".", "\"k0\" already defined", NULL);
}

static void tags_make_nothing_but_texts(void **state)
{
    struct fixture *f = *state;
    put_resource(f, STR(CONFIG_MAP "a\n"
                                   "data:\n"
                                   "  a: !!python/object/apply:os.system [id]\n"
                                   "  b: !!binary aGVsbG8=\n"
                                   "  c: !ruby/object:Gem 1\n"));
    builds(f, ".", MIB,
           "apiVersion: v1\ndata:\n  a:\n  - id\n  b: hello\n  c: \"1\"\nkind: ConfigMap\n"
           "metadata:\n  name: a\n");
    refused(f, CONFIG_MAP "a\nx: !!binary '***'\n", "line 5: !!binary value");
    refused(f, CONFIG_MAP "a\nx: !!int text\n", "cannot decode a !!str as a !!int");
}

static void numbers_that_json_cannot_say(void **state)
{
    struct fixture *f = *state;
    refused(f, CONFIG_MAP "a\nx: .nan\n", "unsupported value: NaN");
    refused(f, CONFIG_MAP "a\nx: [-.inf]\n", "unsupported value: -Inf");
    put_resource(f, STR(CONFIG_MAP "a\nx: 1e400\n"));
    builds(f, ".", MIB, NULL);
}

static void keys_that_are_no_texts(void **state)
{
    struct fixture *f = *state;
    refused(f, CONFIG_MAP "a\ndata: {1: one}\n", "unsupported type: map[interface {}]interface {}");
    refused(f, CONFIG_MAP "a\ndata: {true: one}\n", "map[interface {}]interface {}");
    refused(f, CONFIG_MAP "a\ndata: {~: one}\n", "map[interface {}]interface {}");
    refused(f, CONFIG_MAP "a\ndata: {[a]: one}\n", "line 5: invalid map key");
    refused(f, CONFIG_MAP "a\ndata: {{a: b}: one}\n", "line 5: invalid map key");
}

static void odd_bytes(void **state)
{
    struct fixture *f = *state;
    static const char expected[] = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";
    put_resource(f, STR("\xef\xbb\xbf" CONFIG_MAP "a\n"));
    builds(f, ".", MIB, expected);
    put_resource(f, STR("apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\n"));
    builds(f, ".", MIB, expected);
    put_resource(f, STR("\xff\xfek\0i\0n\0d\0:\0 \0x\0\n\0"));
    fails(f, ".", "missing metadata.name", NULL);
    refused(f, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n",
            "line 4: found character");
    refused(f, CONFIG_MAP "\xff\xfe\n", "invalid");
    put_resource(f, STR(CONFIG_MAP "a\nx: a\0b\n"));
    fails(f, ".", "control characters are not allowed", "r.yaml", NULL);
    put_resource(f, STR(CONFIG_MAP "a\0b\n"));
    fails(f, ".", "control characters are not allowed", "r.yaml", NULL);
    put_resource(f, STR(CONFIG_MAP "a\nx: \"a\\0b\"\n"));
    builds(f, ".", MIB, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nx: \"a\\0b\"\n");
}

static void many_documents(void **state)
{
    struct fixture *f = *state;
    buf empty = BUF(&f->a), full = BUF(&f->a);
    put_repeated(&empty, "---\n", 200000);
    put_resource(f, buf_str(&empty));
    builds(f, ".", 10 * empty.len, "");
    for (int i = 0; i <= LIMIT_RENDER_OBJECTS; i++)
        buf_printf(&full, "---\nkind: A\nmetadata: {name: a%d}\n", i);
    put_resource(f, buf_str(&full));
    fails(f, ".", "more than 100000 objects, the limit of one build", NULL);
}

static void large_files(void **state)
{
    struct fixture *f = *state;
    put_resource(f, (str){0});
    assert_int_equal(truncate(str_z(&f->a, path_of(f, "r.yaml")), LIMIT_FILE_BYTES + 1), 0);
    fails(f, ".", "r.yaml", "67108864 bytes", NULL);
    put(f, "kustomization.yaml", "configMapGenerator: [{name: a, files: [r.yaml]}]\n");
    fails(f, ".", "r.yaml", "67108864 bytes", NULL);
    /* A smaller one, but many times. */
    assert_int_equal(truncate(str_z(&f->a, path_of(f, "r.yaml")), 30 * (off_t)MIB), 0);
    put(f, "kustomization.yaml",
        "configMapGenerator: [{name: a, files: [a=r.yaml, b=r.yaml, c=r.yaml, d=r.yaml, "
        "e=r.yaml]}]\n");
    fails(f, ".", "more than 134217728 bytes of files take part, the limit of one build", NULL);
}

/* --- 9: objects --- */

static void names_stay_in_their_field(void **state)
{
    struct fixture *f = *state;
    static const char name[] = "\"a\\n---\\nkind: Secret\\nmetadata:\\n  name: b\"";
    put_resource(f, str_printf(&f->a, CONFIG_MAP "%s\n  namespace: %s\n", name, name));
    arena a AUTO(arena_done) = {0};
    str text;
    assert_null(build_text(f, &a, ".", &text));
    node **documents;
    size_t count;
    assert_null(yaml_parse_all(&a, text, (struct yaml_options){0}, &documents, &count));
    assert_int_equal(count, 1);
    str read = node_get_str(node_get(documents[0], STR("metadata")), STR("namespace"));
    assert_string_equal(str_z(&a, read), "a\n---\nkind: Secret\nmetadata:\n  name: b");
}

static void large_metadata(void **state)
{
    struct fixture *f = *state;
    buf b = BUF(&f->a);
    BUF_ADD(&b, CONFIG_MAP);
    put_repeated(&b, "n", 10000);
    BUF_ADD(&b, "\n  annotations:\n");
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, "    a%d: b\n", i);
    put_resource(f, buf_str(&b));
    put(f, "kustomization.yaml",
        "resources: [r.yaml]\nnamePrefix: p-\ncommonAnnotations: {new: annotation}\n");
    builds(f, ".", 100 * MIB, NULL);
}

static void lists_in_lists(void **state)
{
    struct fixture *f = *state;
    buf deep = BUF(&f->a), bounded = BUF(&f->a);
    put_repeated(&deep, "{kind: List, items: [", 1000);
    put_resource(f, buf_str(&deep));
    fails(f, ".", "200", "r.yaml", NULL);
    /* As deep as documents may be; every level would be a copy of all below. */
    put_repeated(&bounded, "{kind: List, items: [", 95);
    BUF_ADD(&bounded, "{kind: A, metadata: {name: a}, x: [");
    put_repeated(&bounded, "1, ", 200000);
    BUF_ADD(&bounded, "1]}");
    put_repeated(&bounded, "]}", 95);
    put_resource(f, buf_str(&bounded));
    builds(f, ".", 100 * MIB, NULL);
}

static void incomplete_objects(void **state)
{
    struct fixture *f = *state;
    refused(f, "kind: A\n", "missing metadata.name");
    refused(f, "metadata: {name: a}\n", "missing kind");
    refused(f, "metadata: []\nkind: A\n", "missing metadata.name");
    refused(f, "kind: [A]\nmetadata: {name: a}\n", "missing kind");
    refused(f, "kind: A\nmetadata: {name: {a: b}}\n", "missing metadata.name");
    refused(f, "a: b\n", "missing Resource metadata");
    put_resource(f, STR("apiVersion: ''\nkind: A\nmetadata: {name: a}\nunknown: field\n"));
    builds(f, ".", MIB, "apiVersion: \"\"\nkind: A\nmetadata:\n  name: a\nunknown: field\n");
}

/* --- 10: a Kustomization's spec --- */

static void specs_of_the_wrong_kind(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *field, *value;
    } cases[] = {
        {"interval", "-1s"},           {"interval", "1e999h"}, {"interval", "99999999999h"},
        {"interval", "600"},           {"interval", "[1m]"},   {"interval", "1m; rm -rf"},
        {"interval", "\"1m\\n\""},     {"interval", "''"},     {"timeout", "-1s"},
        {"retryInterval", "1e999h"},   {"timeout", "5"},       {"retryInterval", "{}"},
        {"prune", "'true'"},           {"path", "[a]"},        {"sourceRef", "text"},
        {"targetNamespace", "{a: b}"}, {"patches", "[text]"},  {"dependsOn", "{name: a}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf b = BUF(&f->a);
        bool interval = strcmp(cases[i].field, "interval") == 0;
        buf_printf(&b, "spec:\n  %s: %s\n", cases[i].field, cases[i].value);
        if (!interval) BUF_ADD(&b, "  interval: 1m\n");
        if (strcmp(cases[i].field, "prune") != 0) BUF_ADD(&b, "  prune: true\n");
        if (strcmp(cases[i].field, "sourceRef") != 0)
            BUF_ADD(&b, "  sourceRef: {kind: GitRepository, name: a}\n");
        node *object;
        struct kustomization_spec spec;
        assert_null(yaml_parse(&f->a, buf_str(&b), (struct yaml_options){0}, &object));
        err *e AUTO(err_done) = kustomization_spec_decode(&f->a, object, &spec);
        if (!e) fail_msg("%s: %s is taken", cases[i].field, cases[i].value);
        if (!strstr(e->message, cases[i].field))
            fail_msg("%s: not named: %s", cases[i].field, e->message);
    }
}

/* --- 11: paths --- */

/* Every field that names a file; %s is the path. */
static const char *const file_fields[] = {
    "resources: ['%s']\n",
    "bases: ['%s']\n",
    "components: ['%s']\n",
    "crds: ['%s']\n",
    "configurations: ['%s']\n",
    "generators: ['%s']\n",
    "transformers: ['%s']\n",
    "validators: ['%s']\n",
    "openapi: {path: '%s'}\n",
    "patches: [{path: '%s', target: {kind: A}}]\n",
    "patchesStrategicMerge: ['%s']\n",
    "patchesJson6902: [{path: '%s', target: {kind: A, name: a}}]\n",
    "replacements: [{path: '%s'}]\n",
    "configMapGenerator: [{name: a, files: ['%s']}]\n",
    "configMapGenerator: [{name: a, files: ['key=%s']}]\n",
    "configMapGenerator: [{name: a, envs: ['%s']}]\n",
    "configMapGenerator: [{name: a, env: '%s'}]\n",
    "secretGenerator: [{name: a, files: ['%s']}]\n",
    "secretGenerator: [{name: a, envs: ['%s']}]\n",
};

static void each_field_refuses(struct fixture *f, const char *path, const char *why)
{
    for (size_t i = 0; i < COUNT(file_fields); i++) {
        str text = str_replace(&f->a, str_of(file_fields[i]), STR("%s"), str_of(path));
        put_str(f, "in/kustomization.yaml", text);
        fails(f, "in", why, NULL);
    }
}

static void paths_that_lead_out(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {
        "../../secret",         "../../base",        "../../../../../../../../etc/passwd",
        "../../root/../secret", "a/../../../secret", "..",
    };
    put(f, "in/a/file", "text");
    for (size_t i = 0; i < COUNT(paths); i++)
        each_field_refuses(f, paths[i], "");
    each_field_refuses(f, "/etc/passwd", "/etc/passwd");
    each_field_refuses(f, "/var/run/secrets/kubernetes.io/serviceaccount/token", "/var/run");
    each_field_refuses(f, str_z(&f->a, fs_join(&f->a, f->outside, STR("secret"))), "absolute");
}

static void links_that_lead_out(void **state)
{
    struct fixture *f = *state;
    link_to(f, "../../secret", "in/relative");
    link_to(f, str_z(&f->a, fs_join(&f->a, f->outside, STR("secret"))), "in/absolute");
    link_to(f, "../..", "in/folder");
    link_to(f, "relative", "in/chain");
    link_to(f, "loop", "in/loop");
    link_to(f, "/proc/self/environ", "in/magic");
    static const char *const names[] = {"relative",    "absolute", "folder/secret", "chain",
                                        "folder/base", "loop",     "magic"};
    for (size_t i = 0; i < COUNT(names); i++)
        each_field_refuses(f, names[i], "");
    /* The kustomization file itself. */
    link_to(f, "../../base/kustomization.yaml", "linked/kustomization.yaml");
    fails(f, "linked", "linked", NULL);
    link_to(f, "../base", "base");
    fails(f, "base", "base", NULL);
    fails(f, "../base", "base", NULL);
    fails(f, "/", "unable to find one of", NULL);
}

/* A device would block or never end, a folder is no file. */
static void files_that_are_none(void **state)
{
    struct fixture *f = *state;
    put(f, "in/empty/note", "text");
    assert_int_equal(mkfifo(str_z(&f->a, path_of(f, "in/pipe")), 0644), 0);
    link_to(f, "/dev/zero", "in/zero");
    each_field_refuses(f, "pipe", "pipe");
    each_field_refuses(f, "zero", "zero");
    each_field_refuses(f, "empty", "empty");
    each_field_refuses(f, "missing", "missing");
}

static void folders_that_hold_themselves(void **state)
{
    struct fixture *f = *state;
    put(f, "a/kustomization.yaml", "resources: [.]\n");
    fails(f, "a", "cycle detected", "candidate root 'a'", NULL);
    put(f, "a/kustomization.yaml", "resources: [../a]\n");
    fails(f, "a", "cycle detected", NULL);
    put(f, "a/kustomization.yaml", "resources: [..]\n");
    put(f, "kustomization.yaml", "resources: [a]\n");
    fails(f, ".", "cycle detected", NULL);
    put(f, "a/kustomization.yaml", "components: [../b]\n");
    put(f, "b/kustomization.yaml", "kind: Component\ncomponents: [../a]\n");
    fails(f, "a", "cycle detected", NULL);
    put(f, "a/kustomization.yaml", "resources: [other/x]\n");
    put(f, "x/kustomization.yaml", "generators: [../a]\n");
    link_to(f, "..", "a/other");
    fails(f, "a", "cycle detected", NULL);
    put(f, "a/kustomization.yaml", "resources: [kustomization.yaml]\n");
    fails(f, "a", "kustomization.yaml", NULL);
}

static void diamonds_are_counted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        for (int side = 0; side < 2; side++) {
            str name = str_printf(&f->a, "d%d%d/kustomization.yaml", i, side);
            put_str(f, str_z(&f->a, name),
                    i == 29 ? STR("namePrefix: a-\n")
                            : str_printf(&f->a, "resources: [../d%d0, ../d%d1]\n", i + 1, i + 1));
        }
    }
    fails(f, "d00", "more than 10000 kustomizations take part, the limit of one build", NULL);
}

static void put_chain(struct fixture *f, const char *field, int count)
{
    for (int i = 0; i <= count; i++) {
        str name = str_printf(&f->a, "o%d/kustomization.yaml", i);
        const char *kind = field[0] == 'c' && i ? "kind: Component\n" : "";
        put_str(f, str_z(&f->a, name),
                i == count
                    ? str_printf(&f->a, "%sresources: [r.yaml]\n", kind)
                    : str_printf(&f->a, "%s%s: [../o%d]\nnamePrefix: p\n", kind, field, i + 1));
    }
    buf b = BUF(&f->a);
    BUF_ADD(&b, CONFIG_MAP "deep\nx: ");
    put_repeated(&b, "[", LIMIT_DOC_DEPTH - 2);
    put_repeated(&b, "]", LIMIT_DOC_DEPTH - 2);
    put_str(f, str_z(&f->a, str_printf(&f->a, "o%d/r.yaml", count)), buf_str(&b));
}

static void *build_in_thread(void *argument)
{
    arena a AUTO(arena_done) = {0};
    str text;
    return build_text(argument, &a, "o0", &text);
}

/* The longest chain that is allowed fits into the stack of a worker. */
static void overlays_are_nested_as_deep_as_the_stack_allows(void **state)
{
    struct fixture *f = *state;
    static const char *const fields[] = {"resources", "components", "bases"};
    for (size_t i = 0; i < COUNT(fields); i++) {
        put_chain(f, fields[i], LIMIT_RENDER_DEPTH + 1);
        fails(f, "o0", "nested more than 200 deep, the limit of one build", NULL);
        put_chain(f, fields[i], LIMIT_RENDER_DEPTH);
        pthread_attr_t attributes;
        pthread_t thread;
        void *result;
        assert_int_equal(pthread_attr_init(&attributes), 0);
#ifndef __SANITIZE_ADDRESS__ /* which makes frames larger */
        assert_int_equal(pthread_attr_setstacksize(&attributes, LIMIT_THREAD_STACK_BYTES), 0);
#endif
        assert_int_equal(pthread_create(&thread, &attributes, build_in_thread, f), 0);
        assert_int_equal(pthread_join(thread, &result), 0);
        pthread_attr_destroy(&attributes);
        err *e AUTO(err_done) = result;
        if (e) fail_msg("%s: %.300s", fields[i], e->message);
    }
}

/* A path of a field is as deep as a document at most. */
static void field_paths_are_bounded(void **state)
{
    struct fixture *f = *state;
    buf slashes = BUF(&f->a), dots = BUF(&f->a);
    put_repeated(&slashes, "a/", 100000);
    put_repeated(&dots, "a.", 100000);
    put(f, "r.yaml", CONFIG_MAP "a\n");
    put_str(f, "kustomization.yaml",
            str_printf(&f->a,
                       "resources: [r.yaml]\nlabels: [{pairs: {a: b}, fields: [{create: true, "
                       "path: " STR_FMT "a}]}]\n",
                       STR_ARG(buf_str(&slashes))));
    fails(f, ".", "200", NULL);
    put_str(f, "kustomization.yaml",
            str_printf(&f->a,
                       "resources: [r.yaml]\nreplacements: [{sourceValue: x, targets: [{select: "
                       "{kind: ConfigMap}, fieldPaths: [" STR_FMT "a], options: {create: true}}]}]",
                       STR_ARG(buf_str(&dots))));
    fails(f, ".", "200", NULL);
}

/* --- 12: remote places --- */

static void remote_places_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const places[] = {
        "https://example.com/r.yaml",
        "http://169.254.169.254/latest/meta-data",
        "HTTPS://example.com/r.yaml",
        "git::https://example.com/a/b",
        "https://user:" SECRET_TEXT "@example.com/a/b.git?ref=main",
        "ssh://git@example.com/a/b",
        "ssh://-oProxyCommand=id/a",
        "git::ssh://-oProxyCommand=id/a",
        "file:///etc",
        "git::file:///etc",
        "github.com/a/b",
        "GitHub.com/a/b//c?ref=main",
        "git@github.com:a/b",
        "git@example.com:a/b.git",
    };
    for (size_t i = 0; i < COUNT(places); i++) {
        for (const char *const *field = file_fields; field < file_fields + 3; field++) {
            str text = str_replace(&f->a, str_of(*field), STR("%s"), str_of(places[i]));
            put_str(f, "in/kustomization.yaml", text);
            fails(f, "in", "is not allowed", NULL);
        }
        fails(f, places[i], "is not allowed", NULL);
    }
    each_field_refuses(f, "https://example.com/r.yaml", "https://example.com/r.yaml");
    each_field_refuses(f, "ext::sh -c id", "ext::sh -c id");
}

/* --- 13: programs --- */

static void programs_are_not_run(void **state)
{
    struct fixture *f = *state;
    static const char *const plugins[] = {
        "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations:\n"
        "    config.kubernetes.io/function: \"exec: {path: ./run}\"\n",
        "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations:\n"
        "    config.kubernetes.io/function: \"container: {image: example.com/a}\"\n",
        "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations:\n"
        "    config.kubernetes.io/function: \"starlark: {path: a.star}\"\n",
        "apiVersion: someteam.example.com/v1\nkind: SedTransformer\nmetadata: {name: a}\n",
        "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: a}\n"
        "name: a\nhelmCommand: /bin/sh\n",
        "apiVersion: builtin\nkind: Nothing\nmetadata: {name: a}\n",
    };
    static const char *const fields[] = {"generators", "transformers", "validators"};
    put(f, "run", "#!/bin/sh\ntouch ran\n");
    assert_int_equal(chmod(str_z(&f->a, path_of(f, "run")), 0755), 0);
    put(f, "r.yaml", CONFIG_MAP "a\n");
    for (size_t i = 0; i < COUNT(plugins); i++) {
        for (size_t j = 0; j < COUNT(fields); j++) {
            put(f, "plugin.yaml", plugins[i]);
            put_str(f, "kustomization.yaml",
                    str_printf(&f->a, "resources: [r.yaml]\n%s: [plugin.yaml]\n", fields[j]));
            fails(f, ".", i < 5 ? "plugin" : "unable to load builtin Nothing", NULL);
        }
    }
    put(f, "kustomization.yaml", "helmCharts: [{name: a, repo: 'https://example.com'}]\n");
    fails(f, ".", "helm", NULL);
    put(f, "kustomization.yaml", "helmChartInflationGenerator: [{chartName: a, helmBin: ./run}]\n");
    fails(f, ".", "helm", NULL);
    assert_false(fs_exists(path_of(f, "ran")));
}

/* --- 14: generators and replacements --- */

static void generated_data_is_only_data(void **state)
{
    struct fixture *f = *state;
    put(f, "env", "PATH\n$(cat /etc/passwd)=a\n`id`=b\nA=$HOME\n");
    put(f, "kustomization.yaml",
        "configMapGenerator: [{name: a, envs: [env], options: {disableNameSuffixHash: true}}]\n");
    builds(f, ".", MIB,
           "apiVersion: v1\ndata:\n  $(cat /etc/passwd): a\n  '`id`': b\n  A: $HOME\n"
           "  PATH: \"\"\nkind: ConfigMap\nmetadata:\n  name: a\n");
}

static void replacements_do_not_explode(void **state)
{
    struct fixture *f = *state;
    buf large = BUF(&f->a), b = BUF(&f->a);
    BUF_ADD(&large, CONFIG_MAP "a\ndata:\n  x: ");
    buf_fill(&large, 'x', MIB);
    put_str(f, "r.yaml", buf_str(&large));
    BUF_ADD(&b, "resources: [r.yaml]\nreplacements:\n");
    for (int i = 0; i < 64; i++)
        BUF_ADD(&b, "- source: {kind: ConfigMap, fieldPath: data.x}\n"
                    "  targets:\n"
                    "  - select: {kind: ConfigMap}\n"
                    "    fieldPaths: [data.x]\n"
                    "    options: {delimiter: '-', index: 1000000}\n");
    put_str(f, "kustomization.yaml", buf_str(&b));
    fails(f, ".", "one replacement needs more than 67108864 bytes of memory", NULL);
    /* Fields that are written from each other are written once per entry. */
    put(f, "r.yaml", CONFIG_MAP "a\ndata: {x: abcdefgh, y: b}\n");
    put(f, "kustomization.yaml",
        "resources: [r.yaml]\n"
        "replacements:\n"
        "- source: {kind: ConfigMap, fieldPath: data.x}\n"
        "  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.y]}]\n"
        "- source: {kind: ConfigMap, fieldPath: data.y}\n"
        "  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.x]}]\n");
    builds(f, ".", MIB,
           "apiVersion: v1\ndata:\n  x: abcdefgh\n  \"y\": abcdefgh\nkind: ConfigMap\n"
           "metadata:\n  name: a\n");
}

static void many_replacements_in_many_objects(void **state)
{
    struct fixture *f = *state;
    buf objects = BUF(&f->a), b = BUF(&f->a);
    for (int i = 0; i < 300; i++)
        buf_printf(&objects, "---\n" CONFIG_MAP "a%d\ndata: {x: y}\n", i);
    put_str(f, "r.yaml", buf_str(&objects));
    BUF_ADD(&b, "resources: [r.yaml]\nreplacements:\n");
    for (int i = 0; i < 300; i++)
        BUF_ADD(&b, "- sourceValue: z\n"
                    "  targets: [{select: {name: '(a+)+[0-9]+'}, fieldPaths: [data.x]}]\n");
    put_str(f, "kustomization.yaml", buf_str(&b));
    builds(f, ".", LIMIT_RENDER_MEMORY_BYTES, NULL);
}

/* With a matcher that tries again and again, each of these would never end. */
static void patterns_take_linear_time(void **state)
{
    struct fixture *f = *state;
    buf name = BUF(&f->a);
    put_repeated(&name, "a", 100000);
    BUF_ADD(&name, "!");
    put_str(f, "r.yaml", str_printf(&f->a, CONFIG_MAP STR_FMT "\n", STR_ARG(buf_str(&name))));
    static const char *const patterns[] = {"(a+)+", "(a|aa)*", "(a*)*b", "(.*)*(.*)*(.*)*c"};
    for (size_t i = 0; i < COUNT(patterns); i++) {
        put_str(f, "kustomization.yaml",
                str_printf(&f->a,
                           "resources: [r.yaml]\n"
                           "patches: [{patch: '[]', target: {name: '%s'}}]\n"
                           "images: [{name: '%s', newTag: b}]\n"
                           "replacements: [{sourceValue: b, targets: [{select: {name: '%s'}}]}]\n",
                           patterns[i], patterns[i], patterns[i]));
        builds(f, ".", 32 * MIB, NULL);
    }
    put(f, "kustomization.yaml",
        "resources: [r.yaml]\n"
        "replacements: [{sourceValue: b, targets: [{select: {name: "
        "'((a{1000}){1000}){1000}'}}]}]\n");
    fails(f, ".", "error parsing regexp", NULL);
}

/* A label for every object, many times: each is small, the product is not. */
static void labels_times_objects(void **state)
{
    struct fixture *f = *state;
    buf objects = BUF(&f->a), b = BUF(&f->a);
    for (int i = 0; i < 3000; i++)
        buf_printf(&objects, "---\nkind: A\nmetadata: {name: a%d}\n", i);
    put_str(f, "r.yaml", buf_str(&objects));
    BUF_ADD(&b, "resources: [r.yaml]\ncommonAnnotations:\n");
    for (int i = 0; i < 5000; i++)
        buf_printf(&b, "  l%d: v\n", i);
    put_str(f, "kustomization.yaml", buf_str(&b));
    arena a AUTO(arena_done) = {0};
    str text;
    err *e AUTO(err_done) = build_text(f, &a, ".", &text);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "the build needs more than 1073741824 bytes of memory"));
    assert_true(a.used_bytes < LIMIT_RENDER_MEMORY_BYTES + 64 * MIB);
}

/* --- 15: schemas and patches --- */

static void schemas_that_make_everything_atomic(void **state)
{
    struct fixture *f = *state;
    put(f, "schema.json",
        "{\"definitions\": {\"a\": {\"$ref\": \"#/definitions/a\"}, \"d\": {\"type\": \"object\","
        "\"x-kubernetes-group-version-kind\": [{\"group\": \"apps\", \"version\": \"v1\", \"kind\":"
        "\"Deployment\"}], \"properties\": {\"spec\": {\"$ref\": \"#/definitions/a\"}}}}}");
    put(f, "r.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"
        "spec: {template: {spec: {containers: [{name: a}, {name: b}]}}}\n");
    put(f, "kustomization.yaml",
        "resources: [r.yaml]\nopenapi: {path: schema.json}\npatches:\n- patch: |-\n"
        "    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: a}\n"
        "    spec: {template: {spec: {containers: [{name: c}]}}}\n");
    builds(f, ".", 4 * MIB,
           "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\nspec:\n  template:\n"
           "    spec:\n      containers:\n      - name: c\n");
    put(f, "schema.json", "[[[[");
    fails(f, ".", "yaml", NULL);
}

static void put_operations(struct fixture *f, const char *operation, int count)
{
    buf b = BUF(&f->a);
    put(f, "r.yaml", CONFIG_MAP "a\nx: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n");
    put_repeated(&b, operation, (size_t)count);
    put_str(f, "patch.yaml", buf_str(&b));
    put(f, "kustomization.yaml",
        "resources: [r.yaml]\npatches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n");
}

static void json_patches_are_bounded(void **state)
{
    struct fixture *f = *state;
    put_operations(f, "- {op: copy, from: /x, path: /x/-}\n", 64);
    fails(f, ".", "patch copies more than 33554432 bytes", NULL);
    put_operations(f, "- {op: copy, from: /x, path: /y}\n- {op: copy, from: /y, path: /x/0}\n", 64);
    fails(f, ".", "patch ", NULL);
    put_operations(f, "- {op: add, path: /y, value: 1}\n", LIMIT_PATCH_OPS + 1);
    fails(f, ".", "unable to parse SM or JSON patch", "patch.yaml", NULL);
    put_operations(f, "- {op: test, path: /x, value: [0, 1, 2]}\n", LIMIT_PATCH_OPS);
    fails(f, ".", "test failed", NULL);
    put_operations(f, "- {op: add, path: /x/99999999999999999999, value: 1}\n", 1);
    fails(f, ".", "", NULL);
    put_operations(f, "- {op: exec, path: /x, value: 1}\n", 1);
    fails(f, ".", "Unexpected kind: exec", NULL);
}

static void strategic_merges_are_bounded(void **state)
{
    struct fixture *f = *state;
    buf base = BUF(&f->a), patch = BUF(&f->a);
    static const char head[] = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"
                               "spec:\n  template:\n    spec:\n      containers:\n";
    BUF_ADD(&base, "");
    buf_add(&base, str_of(head));
    buf_add(&patch, str_of(head));
    for (int i = 0; i < 8000; i++) {
        buf_printf(&base, "      - name: a%d\n", i);
        buf_printf(&patch, "      - name: b%d\n", i);
    }
    put_str(f, "r.yaml", buf_str(&base));
    put_str(f, "patch.yaml", buf_str(&patch));
    put(f, "kustomization.yaml", "resources: [r.yaml]\npatches: [{path: patch.yaml}]\n");
    fails(f, ".", "10000", NULL);
}

#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST_OF(billion_laughs_are_refused),
        TEST_OF(aliases_cost_what_values_cost),
        TEST_OF(anchors_that_hold_themselves),
        TEST_OF(nesting_is_bounded),
        TEST_OF(repeated_keys_are_named),
        TEST_OF(tags_make_nothing_but_texts),
        TEST_OF(numbers_that_json_cannot_say),
        TEST_OF(keys_that_are_no_texts),
        TEST_OF(odd_bytes),
        TEST_OF(many_documents),
        TEST_OF(large_files),
        TEST_OF(names_stay_in_their_field),
        TEST_OF(large_metadata),
        TEST_OF(lists_in_lists),
        TEST_OF(incomplete_objects),
        TEST_OF(specs_of_the_wrong_kind),
        TEST_OF(paths_that_lead_out),
        TEST_OF(links_that_lead_out),
        TEST_OF(files_that_are_none),
        TEST_OF(folders_that_hold_themselves),
        TEST_OF(diamonds_are_counted),
        TEST_OF(overlays_are_nested_as_deep_as_the_stack_allows),
        TEST_OF(field_paths_are_bounded),
        TEST_OF(remote_places_are_refused),
        TEST_OF(programs_are_not_run),
        TEST_OF(generated_data_is_only_data),
        TEST_OF(replacements_do_not_explode),
        TEST_OF(many_replacements_in_many_objects),
        TEST_OF(patterns_take_linear_time),
        TEST_OF(labels_times_objects),
        TEST_OF(schemas_that_make_everything_atomic),
        TEST_OF(json_patches_are_bounded),
        TEST_OF(strategic_merges_are_bounded),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("hostile_render", tests, NULL, NULL);
}
