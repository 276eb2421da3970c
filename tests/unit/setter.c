/*
 * setter: tables of what is set and what is not, and a property over every YAML file at hand: a
 * marker at any scalar, and nothing but the bytes of that scalar is different afterwards. The files
 * are those of the shared folder (${FIXPOINT_SHARED:-../shared}) when it is there, and our own
 * golden files.
 */
#include "image/setter.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/rand.h"
#include "doc/yaml.h"
#include "doc/yaml_span.h"

enum { EDITS = 10000, SEED = 20250401 };

static const struct setter_image app = {STR("ghcr.io/org/app"), STR("1.4.3"), STR("sha256:ab")};
static const struct setter_image bare = {STR("app"), STR("1.10"), {0}};
static const struct setter_image hostile = {STR("a b: #"), STR("x\ny\""), {0}};

static struct setter_image made; /* of the row at hand */

static struct setter_policies policies_new(void)
{
    struct setter_policies policies = {.namespace = STR("ns")};
    map_put(&policies.by_name, STR("app"), (void *)&app);
    map_put(&policies.by_name, STR("bare"), (void *)&bare);
    map_put(&policies.by_name, STR("hostile"), (void *)&hostile);
    map_put(&policies.by_name, STR("made"), &made);
    return policies;
}

static void policies_done(struct setter_policies *policies)
{
    map_done(&policies->by_name);
}

#define M(setter) "# {\"$imagepolicy\": \"" setter "\"}"

static const struct {
    const char *before, *after; /* after NULL: nothing changes */
} edits[] = {
    {"image: a:1 " M("ns:app") "\n", "image: ghcr.io/org/app:1.4.3@sha256:ab " M("ns:app") "\n"},
    {"tag: 1.4.2 " M("ns:app:tag"), "tag: 1.4.3 " M("ns:app:tag")},
    {"name: x\t" M("ns:app:name") "\r\nb: 1\r\n",
     "name: ghcr.io/org/app\t" M("ns:app:name") "\r\nb: 1\r\n"},
    {"d: x " M("ns:app:digest") "\n", "d: sha256:ab " M("ns:app:digest") "\n"},
    {"d: x " M("ns:bare:digest") "\n", "d: \"\" " M("ns:bare:digest") "\n"},
    {"image: a " M("ns:bare") "\n", "image: app:1.10 " M("ns:bare") "\n"},
    /* quotes stay, and come where another type would be read */
    {"tag: 1.9 " M("ns:bare:tag") "\n", "tag: \"1.10\" " M("ns:bare:tag") "\n"},
    {"tag: '1.9' " M("ns:bare:tag") "\n", "tag: '1.10' " M("ns:bare:tag") "\n"},
    {"tag: \"1.9\" " M("ns:bare:tag") "\n", "tag: \"1.10\" " M("ns:bare:tag") "\n"},
    /* items, flow, keys in quotes, anchors, tags, documents, BOM, no final newline */
    {"- a " M("ns:app:tag") "\n- b\n", "- 1.4.3 " M("ns:app:tag") "\n- b\n"},
    {"l:\n  " M("ns:app:tag") "\n  - a\n  - b\n", "l:\n  " M("ns:app:tag") "\n  - 1.4.3\n  - b\n"},
    {"l:\n- a\n" M("ns:app:tag") "\n- b\n", "l:\n- a\n" M("ns:app:tag") "\n- 1.4.3\n"},
    {"x: [\n  a, " M("ns:app:tag") "\n  b ]\n", "x: [\n  1.4.3, " M("ns:app:tag") "\n  b ]\n"},
    {"x: {\n  t: a " M("ns:app:tag") "\n}\n", "x: {\n  t: 1.4.3 " M("ns:app:tag") "\n}\n"},
    {"{\"tag\": \"a\", " M("ns:app:tag") "\n}", "{\"tag\": \"1.4.3\", " M("ns:app:tag") "\n}"},
    {"\"the: key\" : &x a   " M("ns:app:tag") "\nb: *x\n",
     "\"the: key\" : &x 1.4.3   " M("ns:app:tag") "\nb: *x\n"},
    {"t: !!str 1 " M("ns:app:tag") "\n", "t: !!str 1.4.3 " M("ns:app:tag") "\n"},
    {"---\na: 1\n--- # two\nb: é\n\n\nt:   x " M("ns:app:tag") "\n...\n",
     "---\na: 1\n--- # two\nb: é\n\n\nt:   1.4.3 " M("ns:app:tag") "\n...\n"},
    {"\xef\xbb\xbft: x " M("ns:app:tag"), "\xef\xbb\xbft: 1.4.3 " M("ns:app:tag")},
    /* of several lines */
    {"t: |\n  x\n\na: 1\n", NULL},
    {"t: | " M("ns:app:tag") "\n  x\n\na: 1\n", "t: |- " M("ns:app:tag") "\n  1.4.3\n\na: 1\n"},
    {"t: >2- " M("ns:app:tag") "\r\n    x\r\n    y\r\na: 1\r\n",
     "t: \"1.4.3\" " M("ns:app:tag") "\r\na: 1\r\n"},
    {"t: >- " M("ns:app:tag") "\r\n    x\r\n    y\r\na: 1\r\n",
     "t: >- " M("ns:app:tag") "\r\n    1.4.3\r\na: 1\r\n"},
    {"t: a\n  b " M("ns:app:tag") "\n", "t: 1.4.3 " M("ns:app:tag") "\n"},
    {"t: 'a\n\n  b' " M("ns:app:tag") "\n", "t: '1.4.3' " M("ns:app:tag") "\n"},
    /* other ways to write a marker */
    {"t: a ## {\"$imagepolicy\":\"ns:app:tag\"}  \n",
     "t: 1.4.3 ## {\"$imagepolicy\":\"ns:app:tag\"}  \n"},
    {"t: a # {\"x\":\"y\",\"$imagepolicy\":\"ns:app:tag\"}\n",
     "t: 1.4.3 # {\"x\":\"y\",\"$imagepolicy\":\"ns:app:tag\"}\n"},
    {"t: a # {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:app:tag\"}\n",
     "t: 1.4.3 # {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:app:tag\"}\n"},
    /* what is no marker, or not ours, or not at a scalar that is a value */
    {"t: a " M("other:app:tag") "\n", NULL},
    {"t: a " M("ns:nobody:tag") "\n", NULL},
    {"t: a " M("ns:app:part") "\n", NULL},
    {"t: a " M("app") "\n", NULL},
    {"t: a " M("ns:app:tag") " trailing\n", NULL},
    {"t: a # see {\"$imagepolicy\": \"ns:app\"}\n", NULL},
    {"t: a # {\"$imagepolicy\": [\"ns:app\"]}\n", NULL},
    {"t: a # {\"$imagepolicy\": \"ns:app:tag\", \"n\": 1}\n", NULL},
    {"t: \"a " M("ns:app:tag") "\"\n", NULL},
    {"# note\n" M("ns:app:tag") "\n- a\n", NULL},
    {M("ns:app:tag") "\nt: a\n", NULL},
    {"t: [a, b] " M("ns:app:tag") "\n", NULL},
    {"t: " M("ns:app:tag") "\n  a\n", NULL},
    {"x: &a b\nt: *a " M("ns:app:tag") "\n", NULL},
    {"t: 1.4.3 " M("ns:app:tag") "\n", NULL},
};

static void sets_what_is_marked(void **state)
{
    (void)state;
    struct setter_policies policies AUTO(policies_done) = policies_new();
    for (size_t i = 0; i < COUNT(edits); i++) {
        arena a AUTO(arena_done) = {0};
        str before = str_of(edits[i].before);
        struct setter_result result;
        err *e = setter_edit(&a, before, &policies, &result);
        if (e && !edits[i].after) {
            err_free(e);
            continue;
        }
        if (e) fail_msg("row %zu: %s", i, e->message);
        const char *want = edits[i].after ? edits[i].after : edits[i].before;
        assert_string_equal(str_z(&a, result.text), want);
        assert_int_equal(result.count, edits[i].after ? 1 : 0);
    }
}

static void quotes_what_would_be_another_type(void **state)
{
    (void)state;
    static const char *const quoted[] = {
        "1e3",  "yes",   "no",   "on",   "off", "0x10", "null",  "~",    "007",        "0o7",
        "1.10", "123",   "true", "y",    "N",   ".inf", "1_000", "1:20", "2024-01-02", "0b1",
        "-1",   "+.inf", "=",    "1e-7", ".5",  "-",    "a:",    "08",   "190:20:30"};
    static const char *const plain[] = {"1.10.0", "v1",     "1.4.3-rc.1", "latest", "1.2.3.4",
                                        "abc",    "1.0.0_", "e3",         "main-1", "0x1g"};
    struct setter_policies policies AUTO(policies_done) = policies_new();
    for (size_t i = 0; i < COUNT(quoted) + COUNT(plain); i++) {
        arena a AUTO(arena_done) = {0};
        bool quotes = i < COUNT(quoted);
        const char *tag = quotes ? quoted[i] : plain[i - COUNT(quoted)];
        made = (struct setter_image){STR("n"), str_of(tag), {0}};
        struct setter_result result;
        assert_null(setter_edit(&a, STR("t: x " M("ns:made:tag") "\n"), &policies, &result));
        str want = str_printf(&a, quotes ? "t: \"%s\" %s\n" : "t: %s %s\n", tag, M("ns:made:tag"));
        assert_string_equal(str_z(&a, result.text), str_z(&a, want));
        node *root;
        assert_null(yaml_parse(&a, result.text, (struct yaml_options){.dialect = YAML_V2}, &root));
        assert_string_equal(str_z(&a, node_get_str(root, STR("t"))), tag);
    }
}

static void hostile_values_stay_values(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "t: a " M("ns:hostile") "\nb: 1\n", "t: 'a' " M("ns:hostile") "\nb: 1\n",
        "t: \"a\" " M("ns:hostile") "\nb: 1\n", "t: | " M("ns:hostile") "\n  a\nb: 1\n",
        "t: [\na, " M("ns:hostile") "\n]\nb: 1\n"};
    struct setter_policies policies AUTO(policies_done) = policies_new();
    for (size_t i = 0; i < COUNT(texts); i++) {
        arena a AUTO(arena_done) = {0};
        struct setter_result result;
        node *root;
        assert_null(setter_edit(&a, str_of(texts[i]), &policies, &result));
        assert_null(yaml_parse(&a, result.text, (struct yaml_options){0}, &root));
        node *value = node_get(root, STR("t"));
        if (node_is_list(value)) value = node_at(value, 0);
        assert_string_equal(str_z(&a, value->text), "a b: #:x\ny\"");
        assert_int_equal(node_get_int(root, STR("b"), 0), 1);
    }
}

static void names_object_line_and_setter(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct setter_policies policies AUTO(policies_done) = policies_new();
    struct setter_result result;
    str text = STR("kind: A\nmetadata: {name: one, namespace: n}\napiVersion: v1\n"
                   "t: x " M("ns:app:tag") "\n---\nkind: List\nitems:\n- kind: B\n"
                                           "  metadata:\n    name: two\n  t: y " M(
                                               "ns:app:tag") "\n  u: z " M("ns:no") "\n");
    assert_null(setter_edit(&a, text, &policies, &result));
    assert_int_equal(result.count, 2);
    assert_int_equal(result.unknown_count, 1);
    const struct setter_change *one = &result.changes[0], *two = &result.changes[1];
    assert_true(str_is(one->object.kind, "A") && str_is(one->object.name, "one"));
    assert_true(str_is(one->object.namespace, "n") && str_is(one->object.api_version, "v1"));
    assert_true(str_is(two->object.kind, "B") && str_is(two->object.name, "two"));
    assert_true(str_is(one->old_value, "x") && str_is(one->new_value, "1.4.3"));
    assert_true(str_is(one->setter, "ns:app:tag"));
    assert_int_equal(one->line, 4);
    assert_int_equal(two->line, 11);
}

static void bounds_hold(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct setter_policies policies AUTO(policies_done) = policies_new();
    struct setter_result result;
    buf b = BUF(&a);
    for (int i = 0; i < 100000; i++) /* unknown policies, by the line */
        buf_printf(&b, "- %d %s\n", i, i % 2 ? M("ns:none") : "#");
    BUF_ADD(&b, "- x " M("ns:app:tag") "\n");
    assert_null(setter_edit(&a, buf_str(&b), &policies, &result));
    assert_int_equal(result.count, 1);
    assert_int_equal(result.unknown_count, 50000);

    buf_clear(&b);
    BUF_ADD(&b, "t: x # ");
    buf_fill(&b, '[', 100000);
    BUF_ADD(&b, "\nu: x # {\"$imagepolicy\": ");
    buf_fill(&b, '{', 100000);
    assert_null(setter_edit(&a, buf_str(&b), &policies, &result));
    assert_int_equal(result.count, 0);

    static const char *const broken[] = {"t: [x " M("ns:app:tag"), "t: \xff " M("ns:app:tag"),
                                         "t: x\n\ty: z " M("ns:app:tag"), "t: *no " M("ns:app"),
                                         "t: a\0b"};
    for (size_t i = 0; i < COUNT(broken) - 1; i++) {
        err *e = setter_edit(&a, str_of(broken[i]), &policies, &result);
        assert_true(err_is(e, ERR_INVALID));
        err_free(e);
    }
    assert_true(setter_takes_name(STR("a/b.yaml")) && setter_takes_name(STR("Kustomization")));
    assert_false(setter_takes_name(STR("a.json")) || setter_takes_name(STR("yaml")));
}

/* ---- the property ---- */

static struct {
    arena arena;
    str *paths;
    size_t count, room;
} files;

static int add_file(const char *path, const struct stat *status, int type)
{
    (void)status;
    bool is_yaml = str_ends(str_of(path), STR(".yaml")) || str_ends(str_of(path), STR(".yml"));
    if (type == FTW_F && is_yaml) {
        *ARENA_PUSH(&files.arena, files.paths, files.count, files.room) =
            str_dup(&files.arena, str_of(path));
    }
    return 0;
}

static void add_files(void)
{
    static const char *const folders[] = {"helm/charts", "kustomize"};
    const char *shared = getenv("FIXPOINT_SHARED");
    for (size_t i = 0; i < COUNT(folders); i++) {
        ftw(str_z(&files.arena, str_printf(&files.arena, "%s/conformance/%s",
                                           shared ? shared : "../shared", folders[i])),
            add_file, 16);
    }
    ftw("tests/golden", add_file, 16);
    ftw("install", add_file, 16);
    qsort(files.paths, files.count, sizeof(str), str_order);
}

/* Where a marker for the scalar goes, or 0: behind it there has to be nothing on its line. */
static size_t marker_place(str text, const struct yaml_span *span)
{
    size_t at = span->to;
    if (span->role == YAML_KEY || span->from == span->to || span->tag.len) return 0;
    if (span->style == NODE_LITERAL || span->style == NODE_FOLDED) {
        at = span->from;
        while (at < text.len && !str_has_char(STR(" \r\n"), text.data[at]))
            at++;
    }
    size_t end = at;
    if (span->in && span->in->is_flow && end < text.len && text.data[end] == ',') end = ++at;
    while (end < text.len && text.data[end] == ' ')
        end++;
    return end == text.len || text.data[end] == '\n' || text.data[end] == '\r' ? at : 0;
}

/* Counts scalars that differ; what differs otherwise is a failure. */
static size_t differences(const node *before, const node *after, str value)
{
    assert_int_equal(before->kind >= NODE_LIST ? before->kind : 0,
                     after->kind >= NODE_LIST ? after->kind : 0);
    size_t count = 0;
    if (before->kind < NODE_LIST) {
        if (before->kind == after->kind && str_eq(before->text, after->text)) return 0;
        assert_true(after->kind == NODE_STR && str_eq(after->text, value));
        return 1;
    }
    assert_int_equal(before->count, after->count);
    for (uint32_t i = 0; i < before->count; i++) {
        bool map = before->kind == NODE_MAP;
        if (map) assert_true(str_eq(before->pairs[i].key, after->pairs[i].key));
        count += map ? differences(before->pairs[i].value, after->pairs[i].value, value)
                     : differences(before->items[i], after->items[i], value);
    }
    return count;
}

static void check_edit(arena *a, str path, str text, const struct setter_policies *policies,
                       const struct yaml_span *span, size_t at)
{
    static const char *const tags[] = {"1.4.3", "1e3", "yes", "0x10", "null", "007", "1.10", "v2"};
    made = (struct setter_image){STR("reg.io/a"), str_of(tags[rand_below(COUNT(tags))]), {0}};
    bool whole = rand_below(2);
    str marker = whole ? STR(" " M("ns:made")) : STR(" " M("ns:made:tag"));
    str value = whole ? setter_reference(a, &made) : made.tag;
    if (str_eq(span->value, value)) return;
    str marked = str_printf(a, STR_FMT STR_FMT STR_FMT, STR_ARG(str_head(text, at)),
                            STR_ARG(marker), STR_ARG(str_skip(text, at)));
    struct setter_result result;
    err *e = setter_edit(a, marked, policies, &result);
    if (e) fail_msg(STR_FMT ": %s", STR_ARG(path), e->message);
    if (result.count != 1)
        fail_msg(STR_FMT " at %zu: %zu changes", STR_ARG(path), at, result.count);

    bool block = span->style == NODE_LITERAL || span->style == NODE_FOLDED;
    size_t scalar_end = block ? span->to + marker.len : span->to;
    str suffix = str_skip(marked, scalar_end);
    assert_true(str_starts(result.text, str_head(marked, span->from)));
    assert_true(str_ends(result.text, suffix));
    if (block) assert_true(str_find(result.text, marker) >= 0);

    node **before, **after;
    size_t before_count, after_count, changed = 0;
    assert_null(yaml_parse_all(a, text, (struct yaml_options){0}, &before, &before_count));
    assert_null(yaml_parse_all(a, result.text, (struct yaml_options){0}, &after, &after_count));
    assert_int_equal(before_count, after_count);
    for (size_t i = 0; i < before_count; i++)
        changed += differences(before[i], after[i], value);
    if (changed != 1 && !str_has_char(text, '&'))
        fail_msg(STR_FMT ": %zu values differ", STR_ARG(path), changed);
}

static void only_the_scalar_changes(void **state)
{
    (void)state;
    struct setter_policies policies AUTO(policies_done) = policies_new();
    add_files();
    assert_true(files.count > 100);
    rand_seed(SEED);
    size_t done = 0, unreadable = 0;
    for (size_t tries = 0; done < EDITS && tries < 20 * EDITS; tries++) {
        arena a AUTO(arena_done) = {0};
        str path = files.paths[rand_below(files.count)], text;
        struct yaml_spans spans;
        err *e = fs_read(&a, path, 256 * 1024, &text);
        if (!e) e = yaml_span_list(&a, text, &spans);
        if (e || spans.count == 0) {
            err_free(e);
            unreadable++;
            continue;
        }
        for (int k = 0; k < 8 && done < EDITS; k++) {
            const struct yaml_span *span = &spans.items[rand_below(spans.count)];
            size_t at = marker_place(text, span);
            if (!at || at <= span->from) continue;
            check_edit(&a, path, text, &policies, span, at);
            done++;
        }
    }
    rand_seed(0);
    print_message("%zu edits in %zu files\n", done, files.count);
    assert_int_equal(done, EDITS);
    arena_done(&files.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_what_is_marked),
        cmocka_unit_test(quotes_what_would_be_another_type),
        cmocka_unit_test(hostile_values_stay_values),
        cmocka_unit_test(names_object_line_and_setter),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(only_the_scalar_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
