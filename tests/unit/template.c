/*
 * tmpl: tables of templates and what they print; errors with their places; bounds. Where the shared
 * folder is there (${FIXPOINT_SHARED:-../shared}), also the snippets that were recorded from the
 * reference, as far as their functions are among ours.
 */
#include "tmpl/tmpl_exec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "doc/json.h"
#include "doc/yaml.h"

static const char data_text[] =
    "{\"name\": \"app\", \"empty\": \"\", \"on\": true, \"n\": 3, \"f\": 1.5, \"nil\": null,"
    " \"list\": [\"a\", \"b\", \"c\"], \"map\": {\"z\": 1, \"b\": {\"c\": \"deep\"}}}";

static err *run(arena *a, const char *text, size_t limit, str *out)
{
    struct tmpl *set = tmpl_parse_new(a);
    node *root;
    *out = (str){0};
    assert_null(json_parse(a, str_of(data_text), (struct json_options){0}, &root));
    TRY(tmpl_parse(set, STR("t"), str_of(text)));
    struct tmpl_run how = {
        .name = STR("t"), .data = tmpl_from_node(a, root), .output_limit = limit};
    return tmpl_exec(set, a, &how, out);
}

static const struct {
    const char *text, *out;
} rows[] = {
    {"plain {{/* comment */}}text", "plain text"},
    {"a {{- \" b \" -}} c", "a b c"},
    {"{{- /* x */ -}} a", "a"},
    {"{{ .name }} {{ .map.b.c }} {{ .n }} {{ .f }} {{ .on }}", "app deep 3 1.5 true"},
    {"{{ .nothing }}|{{ .nil }}|{{ (.nothing).x }}", "<no value>|<no value>|<no value>"},
    {"{{ .list }} {{ .map }}", "[a b c] map[b:map[c:deep] z:1]"},
    {"{{ if .empty }}a{{ else if .on }}b{{ else }}c{{ end }}", "b"},
    {"{{ with .map.b }}{{ .c }}{{ $.name }}{{ else }}x{{ end }}", "deepapp"},
    {"{{ with .empty }}x{{ else with .name }}{{ . }}{{ end }}", "app"},
    {"{{ range $i, $e := .list }}{{ $i }}{{ $e }},{{ end }}", "0a,1b,2c,"},
    {"{{ range $k, $v := .map }}{{ $k }};{{ end }}", "b;z;"},
    {"{{ range .list }}{{ if eq . \"b\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "ac"},
    {"{{ range .list }}{{ if eq . \"b\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "a"},
    {"{{ range .nothing }}x{{ else }}none{{ end }}{{ range 3 }}{{ . }}{{ end }}", "none012"},
    {"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}", "2"},
    {"{{ define \"d\" }}<{{ . }}>{{ end }}{{ template \"d\" .name }}{{ template \"d\" }}",
     "<app><<no value>>"},
    {"{{ block \"b\" .list }}{{ len . }}{{ end }}", "3"},
    {"{{ and 1 0 2 }} {{ or 0 \"\" 5 }} {{ not true }} {{ or .on (fail \"x\") }}",
     "0 5 false true"},
    {"{{ eq 1 2 1 }} {{ ne \"a\" \"b\" }} {{ lt 1 2 }} {{ ge 2 2 }}", "true true true true"},
    {"{{ index .list 1 }} {{ index .map \"b\" \"c\" }} {{ index \"ab\" 1 }}", "b deep 98"},
    {"{{ .name | upper | printf \"%-5s|%q|%d\" }}", "APP  |%!q(MISSING)|%!d(MISSING)"},
    {"{{ printf \"%05d %x %+d %.2f %v %T %s%%\" 42 255 7 1.5 .list .n \"é\" }}",
     "00042 ff +7 1.50 [a b c] float64 é%"},
    {"{{ printf \"%s %d\" 1 \"x\" }} {{ printf \"a\" 1 }}",
     "%!s(int=1) %!d(string=x) a%!(EXTRA int=1)"},
    {"{{ print 1 2 \"a\" 3 }} {{ println \"a\" 1 }}", "1 2a3 a 1\n"},
    {"{{ html \"<a href='x'>\" }} {{ urlquery \"a b&c\" }}", "&lt;a href=&#39;x&#39;&gt; a+b%26c"},
    {"{{ 0x1F }} {{ 1_000 }} {{ 'a' }} {{ `r\\n` }} {{ \"\\u00e9\\t\\x41\" }} {{ 1e6 }}",
     "31 1000 97 r\\n é\tA 1e+06"},
    {"{{ trunc 2 .name }}{{ trunc -2 .name }}{{ abbrev 5 \"abcdefgh\" }}", "appp"
                                                                           "ab..."},
    {"{{ \" a \" | trim }}{{ trimAll \"-\" \"--b-\" }}{{ trimSuffix \".git\" \"c.git\" }}", "abc"},
    {"{{ title \"ab cd\" }} {{ repeat 3 \"x\" }} {{ substr 1 3 \"abcd\" }}", "Ab Cd xxx bc"},
    {"{{ quote \"a\\\"b\" 1 nil }} {{ squote \"x\" }}", "\"a\\\"b\" \"1\" 'x'"},
    {"{{ indent 2 \"a\\nb\" }}{{ nindent 1 \"c\" }}", "  a\n  b\n c"},
    {"{{ replace \"a\" \"b\" \"banana\" }} {{ join \"-\" .list }}", "bbnbnb a-b-c"},
    {"{{ (split \".\" \"1.4.3\")._1 }} {{ splitList \",\" \"a,b\" | last }}", "4 b"},
    {"{{ default \"d\" .empty }} {{ ternary 1 2 .on }} {{ coalesce nil \"\" \"x\" }}", "d 1 x"},
    {"{{ list 1 2 3 | rest | reverse }} {{ append (list 1) 2 }} {{ has 2 (list 1 2) }}",
     "[3 2] [1 2] true"},
    {"{{ dict \"a\" 1 \"b\" 2 | keys | join \",\" }} {{ (dict \"x\" \"y\").x }}", "a,b y"},
    {"{{ add 1 2 3 }} {{ sub 5 2 }} {{ mul 2 3 }} {{ div 7 2 }} {{ mod 7 2 }} {{ max 1 9 4 }}",
     "6 3 6 3 1 9"},
    {"{{ int \"0x10\" }} {{ int \"12.7\" }} {{ int 3.9 }} {{ atoi \"42\" }}", "16 0 3 42"},
    {"{{ regexMatch \"^v[0-9]+$\" \"v12\" }} {{ regexReplaceAll \"(a)b\" \"abab\" \"${1}c\" }}",
     "true acac"},
    {"{{ toJson .map }} {{ b64enc \"hi\" }} {{ sha256sum \"\" | trunc 8 }}",
     "{\"b\":{\"c\":\"deep\"},\"z\":1} aGk= e3b0c442"},
};

static void prints_as_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        str out;
        err *e = run(&a, rows[i].text, 0, &out);
        if (e) fail_msg("%s: %s", rows[i].text, e->message);
        if (!str_is(out, rows[i].out))
            fail_msg("%s: '" STR_FMT "' instead of '%s'", rows[i].text, STR_ARG(out), rows[i].out);
    }
}

static const struct {
    const char *text, *message;
} errors[] = {
    {"a\n{{ nope 1 }}", "template: t:2: function \"nope\" not defined"},
    {"{{ $x }}", "template: t:1: undefined variable \"$x\""},
    {"{{ if }}x{{ end }}", "template: t:1: missing value for if"},
    {"{{ if 1 }}x", "template: t:1: unexpected EOF"},
    {"x{{ end }}", "template: t:1: unexpected {{end}}"},
    {"{{ 1 | 2 }}", "template: t:1: non executable command in pipeline stage 2"},
    {"{{ \"a }}", "template: t:1: unterminated quoted string"},
    {"{{ .a-b }}", "template: t:1: bad character U+002D '-'"},
    {"{{ (1 }}", "template: t:1: unclosed left paren"},
    {"{{ /* x }}", "template: t:1: unexpected"},
    {"{{ break }}", "template: t:1: {{break}} outside {{range}}"},
    {"{{ .name.x }}", "template: t:1:3: executing \"t\" at <.name.x>: can't evaluate field x"},
    {"{{ .nothing.x }}", "at <.nothing.x>: nil pointer evaluating interface {}.x"},
    {"{{ upper 1 }}", "wrong type for value; expected string; got int"},
    {"{{ trunc 1 }}", "wrong number of args for trunc: want 2 got 1"},
    {"{{ index .list 7 }}", "error calling index: index out of range: 7"},
    {"{{ eq .n 3 }}", "incompatible types for comparison: float64 and int"},
    {"{{ fail \"no\" }}", "error calling fail: no"},
    {"{{ div 1 0 }}", "integer divide by zero"},
    {"{{ template \"x\" }}", "template \"x\" not defined"},
    {"{{ range .name }}{{ end }}", "range can't iterate over app"},
    {"{{ env \"HOME\" }}", "function \"env\" not defined"},
    {"{{ now }}", "function \"now\" not defined"},
    /* bounds */
    {"{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}", "nested deeper than"},
    {"{{ range 100000000 }}{{ end }}", "more steps than"},
    {"{{ range until 100000 }}0123456789{{ end }}", "more output than the limit of 1000 bytes"},
    {"{{ repeat 999999999 \"x\" }}", "take more than"},
    {"{{ indent 999999999 \"x\" }}", "take more than"},
    {"{{ printf \"%999999999d\" 1 }}{{ fail \"bad width\" }}", "bad width"},
    {"{{ $d := dict }}{{ set $d \"a\" $d }}", "a map cannot be put into itself"},
};

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        arena a AUTO(arena_done) = {0};
        str out;
        err *e AUTO(err_done) = run(&a, errors[i].text, 1000, &out);
        if (!e) fail_msg("%s: no error", errors[i].text);
        if (!strstr(e->message, errors[i].message))
            fail_msg("%s: '%s' lacks '%s'", errors[i].text, e->message, errors[i].message);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const char *const pieces[][3] = {
        {"{{ ", "(", "1 }}"}, {"", "{{ if 1 }}", ""}, {"{{ if 1 }}", "{{ else if 1 }}", ""}};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        arena a AUTO(arena_done) = {0};
        buf b = BUF(&a);
        str out;
        buf_add(&b, str_of(pieces[i][0]));
        for (int k = 0; k < 100000; k++)
            buf_add(&b, str_of(pieces[i][1]));
        buf_add(&b, str_of(pieces[i][2]));
        err *e AUTO(err_done) = run(&a, str_z(&a, buf_str(&b)), 0, &out);
        assert_true(err_is(e, ERR_INVALID));
    }
}

/* ---- snippets recorded from the reference ---- */

static const char *const families[] = {"cmp",   "fields", "if",   "lex", "named", "printf", "range",
                                       "truth", "vars",   "with", "str", "list",  "dict"};

/* Rare forms that we print otherwise, or that need more of Helm than its language. */
static const char *const others[] = {"printf-1892c788fa", "printf-60222b6c36", "str-dea41a1279",
                                     "str-17cc68f875", "with-4ec74d34bb"};

static bool is_other(str id)
{
    for (size_t i = 0; i < COUNT(others); i++) {
        if (str_is(id, others[i])) return true;
    }
    return false;
}

static size_t check_snippets(arena *a, str path, node *values, size_t *wrong)
{
    str text;
    node *cases;
    size_t count = 0;
    err *e = fs_read(a, path, 1 << 22, &text);
    if (e) {
        err_free(e);
        return 0;
    }
    assert_null(json_parse(a, text, (struct json_options){0}, &cases));
    NODE_EACH (cases, item) {
        struct tmpl *set = tmpl_parse_new(a);
        str out = {0}, template = node_get_str(item, STR("template"));
        node *data = node_map(a);
        node_set(a, data, STR("Values"), values);
        if (!node_get(item, STR("output")) || node_get(item, STR("pre")) ||
            is_other(node_get_str(item, STR("id"))))
            continue;
        e = tmpl_parse(set, STR("t"), template);
        bool other = e && (strstr(e->message, "not defined") || strstr(e->message, "imaginary"));
        err_free(other ? e : NULL);
        if (other) continue;
        struct tmpl_run how = {.name = STR("t"), .data = tmpl_from_node(a, data)};
        if (!e) e = tmpl_exec(set, a, &how, &out);
        out = str_replace(a, out, STR("<no value>"), (str){0});
        count++;
        if (e || !str_eq(out, node_get_str(item, STR("output")))) {
            print_message("%s: " STR_FMT "\n  '" STR_FMT "' %s\n  '" STR_FMT "'\n",
                          str_z(a, node_get_str(item, STR("id"))), STR_ARG(template), STR_ARG(out),
                          e ? e->message : "", STR_ARG(node_get_str(item, STR("output"))));
            ++*wrong;
        }
        err_free(e);
    }
    return count;
}

static void snippets_print_as_recorded(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    const char *shared = getenv("FIXPOINT_SHARED");
    str folder =
        fs_join(&a, str_of(shared ? shared : "../shared"), STR("conformance/helm/snippets"));
    str text;
    node *values;
    size_t count = 0, wrong = 0;
    err *e AUTO(err_done) =
        fs_read(&a, fs_join(&a, folder, STR("chart/values.yaml")), 1 << 20, &text);
    if (e) {
        print_message("no snippets at " STR_FMT "\n", STR_ARG(folder));
        return;
    }
    assert_null(yaml_parse(&a, text, (struct yaml_options){0}, &values));
    for (size_t i = 0; i < COUNT(families); i++)
        count += check_snippets(
            &a, str_printf(&a, STR_FMT "/%s.json", STR_ARG(folder), families[i]), values, &wrong);
    print_message("%zu snippets, %zu wrong\n", count, wrong);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_as_go),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(snippets_print_as_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
