/* selector: the tables were recorded from k8s.io/apimachinery 0.36.3. */
#include "doc/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/yaml.h"

static const struct {
    const char *text, *message;
} errors[] = {
    {"a in (1 2)", "unable to parse requirement: found '2', expected: ',' or ')'"},
    {"a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"},
    {"a in (1", "unable to parse requirement: found '', expected: ',' or ')'"},
    {"a in (1,", "unable to parse requirement: found '', expected: ',', or identifier"},
    {"a in 1", "unable to parse requirement: found '1' expected: '('"},
    {"a in", "unable to parse requirement: found '' expected: '('"},
    {"a,", "found '', expected: identifier after ','"},
    {"a,,b", "found ',', expected: identifier after ','"},
    {",a", "found ',', expected: !, identifier, or 'end of string'"},
    {"=a", "found '=', expected: !, identifier, or 'end of string'"},
    {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
    {"a=b c", "found 'c', expected: ',' or 'end of string'"},
    {"n>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' "
            "operators, the value must be an integer"},
    {"n>", "unable to parse requirement: values[0]: Invalid value: \"\": for 'Gt', 'Lt' operators, "
           "the value must be an integer"},
    {"a>1=2", "found '=', expected: ',' or 'end of string'"},
    {"!a=b", "found '=', expected: ',' or 'end of string'"},
    {"!", "unable to parse requirement: found '', expected: identifier"},
    {"!!a", "unable to parse requirement: found '!', expected: identifier"},
    {"a=!b", "unable to parse requirement: found '!', expected: identifier"},
    {"a=(b)", "unable to parse requirement: found '(', expected: identifier"},
    {"/b",
     "unable to parse requirement: <nil>: Invalid value: \"/b\": prefix part must be non-empty"},
    {"()", "found '(', expected: !, identifier, or 'end of string'"},
    {"a()", "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt"},
    {"a===b", "unable to parse requirement: found '=', expected: identifier"},
    {"a!==b", "unable to parse requirement: found '=', expected: identifier"},
    {"a=<b", "unable to parse requirement: found '<', expected: identifier"},
    {"a=-b",
     "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be "
     "an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
     "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
     "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
    {"a..b/-c",
     "unable to parse requirement: <nil>: Invalid value: \"a..b/-c\": prefix part a "
     "lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
     "or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
     "regex used for validation is "
     "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'); name part must "
     "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
     "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
     "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
};

/* A selector, its text in order, and whether it holds for the labels below. */
static const struct {
    const char *text, *sorted;
    bool holds;
} rows[] = {
    {"", "", true},
    {"a", "a", true},
    {"a=1", "a=1", true},
    {"a==1", "a==1", true},
    {"a!=1", "a!=1", false},
    {"a!=2", "a!=2", true},
    {"!a", "!a", false},
    {"!z", "!z", true},
    {"a in (1,2)", "a in (1,2)", true},
    {"a notin (1,2)", "a notin (1,2)", false},
    {"a in ()", "a in ()", false},
    {"a in (,)", "a in ()", false},
    {"a in (,1)", "a in (,1)", true},
    {"a in (1,)", "a in (,1)", true},
    {"a in (1,,2)", "a in (,1,2)", true},
    {"in", "in", true},
    {"in in (in)", "in in (in)", true},
    {"notin", "notin", false},
    {"!in", "!in", false},
    {"a,b", "a,b", true},
    {"a=", "a=", false},
    {"a=,b", "a=,b", false},
    {"a=1,b=x,!z", "a=1,b=x,!z", true},
    {"n>5", "n>5", true},
    {"n<5", "n<5", false},
    {"n > 12", "n>12", false},
    {"a/b", "a/b", false},
    {"example.com/k=v", "example.com/k=v", true},
    {"z,y,x", "x,y,z", false},
    {"b=x,a=1", "a=1,b=x", true},
    {"b=x,b!=y", "b=x,b!=y", true},
    {"a in (2,1,2)", "a in (1,2)", true},
    {"a\t=\n1", "a=1", true},
    {"a==", "a==", false},
    {"c=", "c=", true},
    {"c", "c", true},
    {"a in(1)", "a in (1)", true},
    {"a notin(2)", "a notin (2)", true},
    {"c in ()", "c in ()", true},
    {"x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()", false},
};

static const struct selector_label labels[] = {
    {{"a", 1}, {"1", 1}},
    {{"b", 1}, {"x", 1}},
    {{"in", 2}, {"in", 2}},
    {{"c", 1}, {"", 0}},
    {{"example.com/k", 13}, {"v", 1}},
    {{"n", 1}, {"12", 2}},
};

static node *label_map(arena *a)
{
    node *map = node_map(a);
    for (size_t i = 0; i < COUNT(labels); i++)
        node_set_str(a, map, labels[i].key, labels[i].value);
    return map;
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        arena a AUTO(arena_done) = {0};
        struct selector selector;
        err *e AUTO(err_done) = selector_parse(&a, str_of(errors[i].text), &selector);
        if (!e) fail_msg("no error: %s", errors[i].text);
        assert_string_equal(e->message, errors[i].message);
        assert_int_equal(e->kind, ERR_INVALID);
    }
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        struct selector selector;
        err *e AUTO(err_done) = selector_parse(&a, str_of(rows[i].text), &selector);
        if (e) fail_msg("%s: %s", rows[i].text, e->message);
        assert_string_equal(str_z(&a, selector_text(&a, &selector)), rows[i].sorted);
        if (selector_match(&selector, label_map(&a)) != rows[i].holds) fail_msg("%s", rows[i].text);
        if (selector_match_pairs(&selector, labels, COUNT(labels)) != rows[i].holds) {
            fail_msg("%s", rows[i].text);
        }
    }
}

static const struct {
    const char *yaml, *text; /* NULL: nothing */
} fields[] = {
    {"null", NULL},
    {"{}", ""},
    {"matchLabels: {b: x, a: '1'}", "a=1,b=x"},
    {"matchExpressions:\n- {key: k, operator: In, values: [b, a, b]}\n- {key: j, operator: "
     "Exists}\n",
     "j,k in (a,b)"},
    {"matchLabels: {k: v}\nmatchExpressions:\n- {key: k, operator: NotIn, values: [w]}\n"
     "- {key: a, operator: DoesNotExist}\n",
     "!a,k=v,k notin (w)"},
};

static const struct {
    const char *yaml, *message;
} field_errors[] = {
    {"matchExpressions: [{key: k, operator: in}]", "\"in\" is not a valid label selector operator"},
    {"matchExpressions: [{key: k, operator: In}]",
     "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"},
    {"matchExpressions: [{key: k, operator: Exists, values: [a]}]",
     "values: Invalid value: [\"a\"]: values set must be empty for exists and does not exist"},
    {"matchExpressions: [1]", "\"\" is not a valid label selector operator"},
};

static void test_fields(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct selector selector;
    node *n;
    for (size_t i = 0; i < COUNT(fields); i++) {
        err *bad AUTO(err_done) =
            yaml_parse(&a, str_of(fields[i].yaml), (struct yaml_options){0}, &n);
        assert_null(bad);
        err *e AUTO(err_done) = selector_from_node(&a, n, &selector);
        assert_null(e);
        assert_true(selector.nothing == !fields[i].text);
        if (fields[i].text)
            assert_string_equal(str_z(&a, selector_text(&a, &selector)), fields[i].text);
        if (!fields[i].text) assert_false(selector_match(&selector, label_map(&a)));
    }
    for (size_t i = 0; i < COUNT(field_errors); i++) {
        err *bad AUTO(err_done) =
            yaml_parse(&a, str_of(field_errors[i].yaml), (struct yaml_options){0}, &n);
        assert_null(bad);
        err *e AUTO(err_done) = selector_from_node(&a, n, &selector);
        if (!e) fail_msg("no error: %s", field_errors[i].yaml);
        assert_string_equal(e->message, field_errors[i].message);
    }
}

static void test_no_labels(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct selector selector;
    err *e AUTO(err_done) = selector_parse(&a, STR("!a,b!=c"), &selector);
    assert_null(e);
    assert_true(selector_match(&selector, NULL));
    assert_true(selector_match_pairs(&selector, NULL, 0));
    err *none AUTO(err_done) = selector_parse(&a, STR("a"), &selector);
    assert_null(none);
    assert_false(selector_match(&selector, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_no_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
