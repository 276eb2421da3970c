/* subst: ${var} and its operators, as envsubst of Flux has them. */
#include "render/subst.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"

static const char *const values[][2] = {
    {"a", "hello"},      {"empty", ""},       {"path", "usr/local/lib"},
    {"n", "0123456789"}, {"dots", "a.b.c.d"}, {"word", "größe"},
    {"x_1", "v"},        {"star", "a*b"},
};

static void fill(arena *a, struct map *map)
{
    for (size_t i = 0; i < COUNT(values); i++) {
        str *value = NEW(a, str);
        *value = str_of(values[i][1]);
        map_put(map, str_of(values[i][0]), value);
    }
}

/* in, what comes out of it. */
static const char *const good[][2] = {
    {"", ""},
    {"plain $text } {", "plain $text } {"},
    {"$a", "$a"},
    {"${a}", "hello"},
    {"<${a}-${x_1}>", "<hello-v>"},
    {"$${a}", "${a}"},
    {"$$${a}", "$hello"},
    {"$$$$", "$$"},
    {"a$", "a$"},
    {"\\\\ \\/", "\\\\ \\/"},
    {"${#a}", "5"},
    {"${#word}", "7"},
    {"${a^}", "Hello"},
    {"${a^^}", "HELLO"},
    {"${word^^}", "GRÖßE"},
    {"${empty^}", ""},
    {"${a:1}", "ello"},
    {"${a:1:3}", "ell"},
    {"${a:9}", ""},
    {"${a:1:99}", "ello"},
    {"${a: 1}", "hello"},
    {"${a:x}", "hello"},
    {"${a:9:2}", ""},
    {"${path#*/}", "local/lib"},
    {"${path##*/}", "lib"},
    {"${path%/*}", "usr/local"},
    {"${path%%/*}", "usr"},
    {"${path#?sr}", "/local/lib"},
    {"${path#[a-z]}", "sr/local/lib"},
    {"${path#[^u]}", "usr/local/lib"},
    {"${path#[}", "usr/local/lib"},
    {"${a#*}", "ello"},
    {"${star#a\\*}", "b"},
    {"${dots/./-}", "a-b.c.d"},
    {"${dots//./-}", "a-b-c-d"},
    {"${dots//./}", "abcd"},
    {"${path//\\//:}", "usr:local:lib"},
    {"${dots/#a/x}", "x.b.c.d"},
    {"${dots/#b/x}", "a.b.c.d"},
    {"${dots/#a/}", "a.b.c.d"},
    {"${dots/%d/x}", "a.b.c.x"},
    {"${empty:-d}", "d"},
    {"${none:-d}", "d"},
    {"${none:=d}", "d"},
    {"${none=d}", "d"},
    {"${none:?d}", "d"},
    {"${none:+d}", "d"},
    {"${a:+d}", "hello"},
    {"${none:-}", ""},
    {"${none:-${a}}", "hello"},
    {"${none:-<${a}|${none:-y}>}", "<hello|y>"},
    {"${none:-a b: c}", "a b: c"},
    {"${none:-$$x}", "$$x"},
    {"${a/${x_1}/z}", "hello"},
    {"x\0y", "x"},
};

static const char *const broken[][2] = {
    {"${", "unable to parse variable name"},
    {"${}", "unable to parse variable name"},
    {"${ a}", "unable to parse variable name"},
    {"${{ a }}", "unable to parse variable name"},
    {"${a", "missing closing brace"},
    {"${a b}", "missing closing brace"},
    {"${a-d}", "missing closing brace"},
    {"${a[@]}", "missing closing brace"},
    {"${a+d}", "missing closing brace"},
    {"${a:}", "unable to parse substitution within function"},
    {"${a#}", "unable to parse substitution within function"},
    {"${a/x}", "unable to parse substitution within function"},
    {"${none:-d", "unable to parse default function"},
    {"${none}", "variable not set (strict mode): \"none\""},
    {"${none^}", "variable not set (strict mode): \"none\""},
    {"${#none}", "variable not set (strict mode): \"none\""},
    {"${none:1}", "variable not set (strict mode): \"none\""},
};

static void test_values(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct map map AUTO(map_done) = {0};
    fill(&a, &map);
    for (size_t i = 0; i < COUNT(good); i++) {
        str out;
        err *e =
            subst_text(&a, str_of(good[i][0]), &map, (struct subst_options){.strict = true}, &out);
        if (e) fail_msg("%s: %s", good[i][0], e->message);
        if (!str_is(out, good[i][1])) fail_msg("%s: " STR_FMT, good[i][0], STR_ARG(out));
    }
}

static void test_broken(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct map map AUTO(map_done) = {0};
    fill(&a, &map);
    for (size_t i = 0; i < COUNT(broken); i++) {
        str out;
        err *e AUTO(err_done) = subst_text(&a, str_of(broken[i][0]), &map,
                                           (struct subst_options){.strict = true}, &out);
        if (!e) fail_msg("%s: accepted as " STR_FMT, broken[i][0], STR_ARG(out));
        assert_string_equal(e->message, broken[i][1]);
    }
}

static void test_lenient(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct map map AUTO(map_done) = {0};
    str out;
    assert_null(subst_text(&a, STR("<${none}>"), &map, (struct subst_options){0}, &out));
    assert_true(str_is(out, "<>"));
}

/* Hostile texts end with an error that names the bound. */
static void test_bounds(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct map map AUTO(map_done) = {0};
    buf deep = BUF(&a);
    for (int i = 0; i < 1000; i++)
        buf_add(&deep, STR("${x:-"));
    str out, big = STR("0123456789");
    struct subst_options options = {.output_limit = 64};
    err *e = subst_text(&a, buf_str(&deep), &map, (struct subst_options){0}, &out);
    assert_non_null(strstr(e->message, "nested deeper than the limit of 50"));
    err_free(e);
    map_put(&map, STR("b"), &big);
    e = subst_text(&a, STR("${b}${b}${b}${b}${b}${b}${b}"), &map, options, &out);
    assert_non_null(strstr(e->message, "larger than the limit of 64 bytes"));
    err_free(e);
    e = subst_text(&a, STR("${b//1/${b}${b}}"), &map, options, &out);
    assert_non_null(e);
    err_free(e);
}

static void test_names(void **state UNUSED)
{
    err *e;
    assert_null(subst_check_name(STR("_a1")));
    static const char *const bad[] = {"", "1a", "a-b", "a b", "é"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        e = subst_check_name(str_of(bad[i]));
        assert_non_null(e);
        assert_non_null(strstr(e->message, "var name is invalid"));
        err_free(e);
    }
}

static node *parsed(arena *a, const char *json)
{
    node *n = NULL;
    assert_null(json_parse(a, str_of(json), (struct json_options){0}, &n));
    return n;
}

/* The text of the object is substituted, so an unquoted number becomes a number. */
static void test_object(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct map map AUTO(map_done) = {0};
    str number = STR("7"), quote = STR("\"");
    map_put(&map, STR("n"), &number);
    map_put(&map, STR("quote"), &quote);
    node *object =
        parsed(&a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},"
                   "\"data\":{\"a\":\"${n}\",\"b\":\"${quote}${n}${quote}\",\"c\":\"x${n}\"}}");
    assert_null(subst_object(&a, &map, (struct subst_options){.strict = true}, &object));
    node *data = node_get(object, STR("data"));
    assert_int_equal(node_get(data, STR("a"))->kind, NODE_INT);
    assert_int_equal(node_get(data, STR("b"))->kind, NODE_STR);
    assert_true(str_is(node_get_str(data, STR("c")), "x7"));

    object =
        parsed(&a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
                   "\"annotations\":{\"kustomize.toolkit.fluxcd.io/substitute\":\"disabled\"}},"
                   "\"data\":{\"a\":\"${none}\"}}");
    assert_null(subst_object(&a, &map, (struct subst_options){.strict = true}, &object));
    assert_true(str_is(node_find_str(object, "data", "a", NULL), "${none}"));

    object =
        parsed(&a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},"
                   "\"data\":{\"a\":\"${none}\"}}");
    err *e AUTO(err_done) = subst_object(&a, &map, (struct subst_options){.strict = true}, &object);
    assert_string_equal(e->message,
                        "post build failed for 'ConfigMap.v1.[noGrp]/c': envsubst error: variable "
                        "substitution failed: variable not set (strict mode): \"none\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_broken),
        cmocka_unit_test(test_lenient), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
