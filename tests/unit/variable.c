#include "render/variable.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/json.h"
#include "doc/yaml.h"

static node *parsed(arena *a, const char *text)
{
    node *root = NULL;
    err *e AUTO(err_done) =
        yaml_parse(a, str_of(text), (struct yaml_options){.dialect = YAML_V3}, &root);
    if (e) fail_msg("%s: %s", text, e->message);
    return root;
}

/* The vars of all tests. */
static void fill(arena *a, struct map *values)
{
    node *object = parsed(a, "{NAME: web, PORT: 8080, RATIO: 1e21, OK: True, MAP: {}, NONE: null}");
    PAIR_EACH(object, pair) {
        node *value = NULL;
        err *e AUTO(err_done) = variable_value(a, object, pair->key, &value);
        if (e) fail_msg("%s", e->message);
        map_put(values, pair->key, value);
    }
}

static void check(const char *text, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    struct map values AUTO(map_done) = {0};
    fill(&a, &values);
    node *root = parsed(&a, text);
    err *e AUTO(err_done) = variable_expand(&a, &values, NULL, root);
    assert_string_equal(e ? e->message : str_z(&a, json_text(&a, root)), expected);
}

static void test_what_cannot_be_expanded(void **state)
{
    (void)state;
    check("[$(NAME), 5]", "invalid value type expect a string");
    check("[{a: $(NAME)}]", "invalid value type expect a string");
    check("{1: $(NAME)}", "invalid map key: value='1'");
}

static void test_texts(void **state)
{
    (void)state;
    check("a $(NAME)-$(PORT) b", "\"a web-8080 b\"");
    check("$(NAME)$(NAME)", "\"webweb\"");
    check("$(NOPE) $(MAP) $() $(", "\"$(NOPE) $(MAP) $() $(\"");
    check("$$(NAME) $$$(NAME) $x $", "\"$(NAME) $web $x $\"");
    check("r=$(RATIO) ok=$(OK) n=$(NONE)", "\"r=1e+21 ok=true n=null\"");
    check("\"\"", "\"\"");
    check("5", "5");
    check("null", "null");
}

static void test_a_lone_var_keeps_its_kind(void **state)
{
    (void)state;
    check("$(PORT)", "8080");
    check("\"$(OK)\"", "true");
    check("$(NAME)", "\"web\"");
    check("$(RATIO)", "1000000000000000000000");
    check("$(MAP)", "\"$(MAP)\"");
    check("$(NONE)", "\"null\"");
}

static void test_collections(void **state)
{
    (void)state;
    check("[$(NAME), x, $(PORT)]", "[\"web\",\"x\",8080]");
    check("{a: $(NAME), b: 5, c: [$(NAME)], d: null}",
          "{\"a\":\"web\",\"b\":5,\"c\":[\"$(NAME)\"],\"d\":null}");
}

static void test_used_names(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct map values AUTO(map_done) = {0}, used AUTO(map_done) = {0};
    fill(&a, &values);
    err *e AUTO(err_done) = variable_expand(&a, &values, &used, parsed(&a, "$(NAME) $(MAP) $(X)"));
    assert_null(e);
    assert_int_equal(used.count, 1);
    assert_true(map_has(&used, STR("NAME")));
}

static void check_value(const char *object, const char *path, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *value = NULL;
    err *e AUTO(err_done) = variable_value(&a, parsed(&a, object), str_of(path), &value);
    assert_string_equal(e ? e->message : str_z(&a, json_text(&a, value)), expected);
}

static void test_values(void **state)
{
    (void)state;
    check_value("{a: {}}", "a.b", "no field named 'a.b'");
    check_value("{a: 0x1F}", "a", "not a decimal integer");
    check_value("{a: .inf}", "a", "not a finite number");
    check_value("{a: [{b: [x, y]}]}", "a[0].b[1]", "\"y\"");
    check_value("{a: 1.50}", "a", "1.5");
    check_value("{a: 2001-12-14}", "a", "\"2001-12-14\"");
    check_value("{a: [1]}", "a", "[1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_expanded),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_a_lone_var_keeps_its_kind),
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_used_names),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
