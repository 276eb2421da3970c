/*
 * yaml_emit: errors first; then tests/golden/doc, recorded from the reference (go-yaml 3.0.4 to
 * read, sigs.k8s.io/yaml 1.6.0 to print); then every output of the conformance corpus, which has to
 * come out as it went in.
 */
#include "doc/yaml_emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "doc/json.h"
#include "doc/keyorder.h"
#include "doc/plain.h"
#include "doc/yaml.h"

static node *parsed(arena *a, str text)
{
    node *n = NULL;
    err *e AUTO(err_done) = yaml_parse(a, text, (struct yaml_options){0}, &n);
    if (e) fail_msg(STR_FMT ": %s", STR_ARG(text), e->message);
    return n;
}

static str emitted(arena *a, const node *n)
{
    buf b = BUF(a);
    err *e AUTO(err_done) = yaml_emit(&b, n);
    if (e) fail_msg("%s", e->message);
    return buf_str(&b);
}

static str file(arena *a, str path)
{
    str text = {0};
    err *e AUTO(err_done) = fs_read(a, path, LIMIT_FILE_BYTES, &text);
    if (e) fail_msg("%s", e->message);
    return text;
}

static const struct {
    const char *text, *message;
} errors[] = {
    {"a:\n  b: .inf", "json: unsupported value: +Inf (line 2)"},
    {"a: -.Inf", "json: unsupported value: -Inf (line 1)"},
    {"- .nan", "json: unsupported value: NaN (line 1)"},
    {"a:\n- 1: b", "json: unsupported type: map[interface {}]interface {}: a key is not a string "
                   "(line 2)"},
    {"2001-01-01: b",
     "json: unsupported type: map[interface {}]interface {}: a key is not a string "
     "(line 1)"},
    {"~: b", "json: unsupported type: map[interface {}]interface {}: a key is not a string "
             "(line 1)"},
    {"b: 1\na: 1\nc: 1\na: 2",
     "yaml: unmarshal errors:\n  line 4: mapping key \"a\" already defined at line 2"},
    {"a: \"\\x7f\"", "yaml: control characters are not allowed (line 1)"},
    {"a: 1\n\"\\x80\": 2", "yaml: control characters are not allowed (line 2)"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        arena a AUTO(arena_done) = {0};
        node *n = parsed(&a, str_of(errors[i].text)), *plain = NULL;
        buf b = BUF(&a);
        BUF_ADD(&b, "before");
        err *e AUTO(err_done) = yaml_emit(&b, n);
        if (!e) fail_msg("no error: %s", errors[i].text);
        assert_string_equal(e->message, errors[i].message);
        assert_true(str_is(buf_str(&b), "before"));
        err *again AUTO(err_done) = plain_tree(&a, n, &plain);
        assert_string_equal(again->message, errors[i].message);
    }
}

static void check_misfit(enum node_kind kind, bool time, const char *text, const char *message)
{
    arena a AUTO(arena_done) = {0};
    node *n = node_scalar(&a, kind, str_of(text)), *plain = NULL;
    n->time = time;
    err *e AUTO(err_done) = plain_tree(&a, n, &plain);
    assert_string_equal(e ? e->message : "fits", message);
}

static void test_texts_have_to_fit_their_kind(void **state)
{
    (void)state;
    check_misfit(NODE_INT, false, "abc", "yaml: cannot decode a !!str as a !!int");
    check_misfit(NODE_INT, false, "1.5", "yaml: cannot decode a !!float as a !!int");
    check_misfit(NODE_BOOL, false, "7", "yaml: cannot decode a !!int as a !!bool");
    check_misfit(NODE_NULL, false, "x", "yaml: cannot decode a !!str as a !!null");
    check_misfit(NODE_FLOAT, false, "", "yaml: cannot decode a !!null as a !!float");
    check_misfit(NODE_STR, true, "x", "yaml: cannot decode a !!str as a !!timestamp");
    check_misfit(NODE_INT, false, "2001-12-14", "yaml: cannot decode a !!timestamp as a !!int");
    check_misfit(NODE_INT, false, "123456789012345678901234567890", "fits");
    check_misfit(NODE_INT, false, "0x1F", "fits");
    check_misfit(NODE_FLOAT, false, "3", "fits");
    check_misfit(NODE_BOOL, false, "yes", "fits");
    check_misfit(NODE_NULL, false, "", "fits");
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = node_list(&a), *plain = NULL;
    for (int i = 0; i < LIMIT_DOC_DEPTH; i++) {
        node *outer = node_list(&a);
        node_push(&a, outer, n);
        n = outer;
    }
    buf b = BUF(&a);
    err *e AUTO(err_done) = yaml_emit(&b, n);
    assert_string_equal(e->message, "yaml: nested deeper than the limit of 200 levels");
    err *again AUTO(err_done) = plain_tree(&a, n, &plain);
    assert_true(err_is(again, ERR_INVALID));
    emitted(&a, node_at(n, 0));
}

/* The next part of a stream, up to a line "---". */
static bool next_part(str *rest, str *part)
{
    if (rest->len == 0) return false;
    ptrdiff_t end = str_find(*rest, STR("\n---\n"));
    *part = end < 0 ? *rest : str_head(*rest, (size_t)end + 1);
    *rest = end < 0 ? (str){0} : str_skip(*rest, (size_t)end + 5);
    return true;
}

/* What is printed, and what is printed of the plain tree, is the same. */
static void expect_emitted(str in, str out)
{
    arena a AUTO(arena_done) = {0};
    node *n = parsed(&a, in), *plain = NULL;
    str got = emitted(&a, n);
    if (!str_eq(got, out)) {
        fail_msg("in:\n" STR_FMT "\nout:\n" STR_FMT "\nbut got:\n" STR_FMT, STR_ARG(in),
                 STR_ARG(out), STR_ARG(got));
    }
    err *e AUTO(err_done) = plain_tree(&a, n, &plain);
    assert_null(e);
    assert_true(str_eq(emitted(&a, plain), out));
}

static void test_golden(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str ins = file(&a, STR("tests/golden/doc/emit.in.yaml")), in;
    str outs = file(&a, STR("tests/golden/doc/emit.out.yaml")), out;
    size_t count = 0;
    while (next_part(&ins, &in)) {
        assert_true(next_part(&outs, &out));
        expect_emitted(in, out);
        count++;
    }
    assert_int_equal(outs.len, 0);
    assert_true(count > 600);
}

static void test_corpus_comes_out_as_it_went_in(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    const char *shared = getenv("FIXPOINT_SHARED");
    str folder = fs_join(&a, str_of(shared ? shared : "../shared"), STR("conformance/kustomize"));
    if (!fs_is_dir(folder)) {
        print_message("'" STR_FMT "' is not there: the corpus is left out\n", STR_ARG(folder));
        if (getenv("CI")) fail_msg("FIXPOINT_SHARED has to name the folder of the corpus");
        return;
    }
    str *names, part;
    size_t name_count, documents = 0;
    err *e AUTO(err_done) = fs_list(&a, folder, &names, &name_count);
    assert_null(e);
    for (size_t i = 0; i < name_count; i++) {
        str path = str_printf(&a, STR_FMT "/" STR_FMT "/expected.yaml", STR_ARG(folder),
                              STR_ARG(names[i]));
        if (!fs_exists(path)) continue;
        for (str rest = file(&a, path); next_part(&rest, &part); documents++) {
            expect_emitted(part, part);
        }
    }
    assert_true(documents > 900);
}

static void test_key_order(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "",    "$d",  "-",  "_u", "1",  "2",   "10", "A",   "B", "a",        "a-b",          "a.b",
        "a/b", "a_b", "a0", "a1", "a9", "a10", "ab", "abc", "b", "\xc3\xa9", "\xe6\x97\xa5",
    };
    for (size_t i = 0; i < COUNT(keys); i++) {
        for (size_t j = 0; j < COUNT(keys); j++) {
            int order = keyorder_cmp(str_of(keys[i]), str_of(keys[j]));
            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                fail_msg("%s, %s", keys[i], keys[j]);
        }
    }
}

static void test_the_tree_is_left_alone(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *n = parsed(&a, STR("b: 0x10\na: 2001-01-01\n"));
    assert_true(str_is(emitted(&a, n), "a: \"2001-01-01T00:00:00Z\"\nb: 16\n"));
    node *plain = NULL;
    err *e AUTO(err_done) = plain_tree(&a, n, &plain);
    assert_null(e);
    assert_string_equal(str_z(&a, json_text(&a, plain)),
                        "{\"b\":16,\"a\":\"2001-01-01T00:00:00Z\"}");
    assert_true(str_is(n->pairs[0].key, "b") && str_is(n->pairs[0].value->text, "0x10"));
    assert_true(str_is(emitted(&a, NULL), "null\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_texts_have_to_fit_their_kind),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_corpus_comes_out_as_it_went_in),
        cmocka_unit_test(test_key_order), cmocka_unit_test(test_the_tree_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
