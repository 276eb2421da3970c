/* cel: a table of expressions, what hostile ones cost, what callers see of errors. */
#include "doc/cel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "doc/cel_format.h"
#include "doc/json.h"

static const char object_json[] =
    "{\"metadata\":{\"name\":\"demo\",\"generation\":3,\"labels\":{\"app\":\"a\","
    "\"app.kubernetes.io/name\":\"web\"}},"
    "\"spec\":{\"enabled\":true,\"nothing\":null,\"list\":[1,2,3],\"namespace\":\"web\"},"
    "\"status\":{\"observedGeneration\":3,\"ratio\":0.5,\"since\":\"2026-05-01T10:00:00Z\","
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Done\"},"
    "{\"type\":\"Synced\",\"status\":\"False\",\"reason\":\"Waiting\"}]}}";

static const char *const checked[] = {"req", "res", NULL};

static node *parse(arena *a, const char *json)
{
    node *n;
    err *e = json_parse(a, str_of(json), (struct json_options){0}, &n);
    must(!e);
    return n;
}

static size_t variables_of(arena *a, const node *object, struct cel_variable **out)
{
    size_t count = 0;
    *out = NEW_ARRAY(a, struct cel_variable, object->count);
    PAIR_EACH (object, pair)
        (*out)[count++] = (struct cel_variable){pair->key, cel_value_of(pair->value)};
    return count;
}

/* "int 3": the type, and the value as %s of format writes it. */
static str shown(arena *a, struct cel_value value)
{
    struct cel_budget budget = {0};
    struct cel_regexes regexes = {0};
    struct cel_value args[] = {cel_value_str(STR("%s")), cel_value_list(&value, 1)}, text;
    struct cel_call call = {a, &budget, &regexes, args, 2};
    err *e = cel_format_run(&call, &text);
    must(!e);
    return str_trim(str_printf(a, "%s " STR_FMT, cel_value_type_name((enum cel_type)value.type),
                               STR_ARG(text.text)));
}

static str outcome(arena *a, str expression)
{
    struct cel *cel;
    struct cel_value value = {0};
    bool check = str_strip_prefix(&expression, STR("check: "));
    err *e = cel_compile(a, expression, check ? checked : NULL, &cel);
    struct cel_variable *variables;
    size_t count = variables_of(a, parse(a, object_json), &variables);
    if (!e && !check) e = cel_eval(a, cel, variables, count, &value, NULL);
    if (!e && check) return str_of(cel_value_type_name(cel_result(cel)));
    if (!e) return shown(a, value);
    str text = str_concat(a, STR("! "), err_text(e));
    assert_int_equal(e->kind, ERR_INVALID);
    err_free(e);
    return text;
}

static void table(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str text, line;
    size_t cases = 0, failed = 0;
    assert_null(fs_read(&a, STR("tests/golden/doc/cel.t"), 1 << 20, &text));
    for (size_t number = 1; str_next_line(&text, &line); number++) {
        ptrdiff_t at = str_find(line, STR(" ==> "));
        if (at < 0 || str_starts(line, STR("#"))) continue;
        arena scratch AUTO(arena_done) = {0};
        str wanted = str_skip(line, (size_t)at + 5);
        str is = outcome(&scratch, str_head(line, (size_t)at));
        bool fits = str_strip_prefix(&wanted, STR("! "))
                        ? str_starts(is, STR("! ")) && str_find(is, wanted) >= 0
                        : str_eq(is, wanted);
        cases++;
        failed += !fits;
        if (!fits)
            printf("cel.t:%zu: " STR_FMT "\n   gives " STR_FMT "\n", number, STR_ARG(line),
                   STR_ARG(is));
    }
    assert_int_equal(failed, 0);
    assert_true(cases >= 200);
}

/* ---- what strangers may write ---- */

static uint64_t cost_of(arena *a, str expression, const char *message)
{
    struct cel *cel;
    struct cel_value value;
    uint64_t cost = 0;
    err *e = cel_compile(a, expression, NULL, &cel);
    assert_null(e);
    struct cel_variable *variables;
    size_t count = variables_of(a, parse(a, object_json), &variables);
    e = cel_eval(a, cel, variables, count, &value, &cost);
    assert_non_null(e);
    if (str_find(err_text(e), str_of(message)) < 0)
        fail_msg("%s instead of %s", e->message, message);
    err_free(e);
    return cost;
}

#define TEN        "[0,1,2,3,4,5,6,7,8,9]"
#define LIMIT_SAYS "the expression costs more than the limit of 1000000"

/* Each of these would run for hours. The step that crosses the limit is the last one. */
static void hostile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        /* 10^8 steps of loops within loops */
        TEN ".all(a," TEN ".all(b," TEN ".all(c," TEN ".all(d," TEN ".all(e," TEN ".all(f," TEN
            ".all(g," TEN ".all(h, a + b + c + d + e + f + g + h >= 0))))))))",
        /* a text that is doubled forty times */
        "['0123456789abcdef'].map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)"
        ".map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)"
        ".map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)"
        ".map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)",
        /* a list that is doubled */
        "[[0]].map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)"
        ".map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)"
        ".map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)"
        ".map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s).map(s,s+s)",
        /* patterns that are compiled again and again */
        TEN ".all(a," TEN ".all(b," TEN ".all(c, ('x' + string(a) + string(b) + string(c))"
            ".matches('((x{1,30}){1,30}' + string(a) + string(b) + string(c) + ')?.*'))))",
        /* an error that || would absorb must not go on */
        TEN ".exists(a," TEN ".exists(b," TEN ".exists(c," TEN ".exists(d," TEN ".exists(e," TEN
            ".exists(f," TEN ".exists(g, 1 / 0 == 1 || a + b + c + d + e + f + g < 0)))))))",
        "('a' + 'a').replace('a', 'aaaaaaaaaaaaaaaa').replace('a', 'aaaaaaaaaaaaaaaa')"
        ".replace('a', 'aaaaaaaaaaaaaaaa').replace('a', 'aaaaaaaaaaaaaaaa')"
        ".replace('a', 'aaaaaaaaaaaaaaaa').replace('a', 'aaaaaaaaaaaaaaaa')",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        arena a AUTO(arena_done) = {0};
        uint64_t cost = cost_of(&a, str_of(texts[i]), LIMIT_SAYS);
        assert_true(cost > LIMIT_CEL_COST);
        /* What the last step added is not done before it is paid for. */
        assert_true(cost < 20 * (uint64_t)LIMIT_CEL_COST);
        assert_true(a.used_bytes < 256u * 1024 * 1024);
    }
}

static str repeated(arena *a, const char *before, const char *text, size_t count, const char *after)
{
    buf b = BUF(a);
    for (size_t i = 0; i < count; i++)
        buf_add(&b, str_of(before));
    buf_add(&b, str_of(text));
    for (size_t i = 0; i < count; i++)
        buf_add(&b, str_of(after));
    return buf_str(&b);
}

static void deep(void **state)
{
    (void)state;
    static const char *const shapes[][3] = {
        {"(", "1", ")"},          {"[", "1", "]"},    {"!", "true", ""},         {"-", "x", ""},
        {"f(", "1", ")"},         {"", "a", ".b"},    {"", "a", "[0]"},          {"", "1", " + 1"},
        {"true ? 1 : ", "2", ""}, {"{1: ", "2", "}"}, {"[1].map(x, ", "x", ")"}, {"", "1", " < 1"},
    };
    for (size_t i = 0; i < COUNT(shapes); i++) {
        arena a AUTO(arena_done) = {0};
        struct cel *cel;
        str few = repeated(&a, shapes[i][0], shapes[i][1], 40, shapes[i][2]);
        str many = repeated(&a, shapes[i][0], shapes[i][1], 1000, shapes[i][2]);
        assert_null(cel_compile(&a, few, NULL, &cel));
        err *e AUTO(err_done) = cel_compile(&a, many, NULL, &cel);
        assert_non_null(e);
        assert_true(str_find(err_text(e), STR("nested deeper than the limit of 100")) >= 0);
    }
    arena a AUTO(arena_done) = {0};
    struct cel *cel;
    bool truth = false;
    str chain = repeated(&a, "", "true", 1500, " && true");
    assert_null(cel_compile(&a, chain, NULL, &cel));
    assert_null(cel_eval_bool(&a, cel, NULL, 0, &truth));
    assert_true(truth);
    err *e AUTO(err_done) = cel_compile(&a, repeated(&a, "", "1", 9000, "+1"), NULL, &cel);
    assert_string_equal(e->message, "1:1: the expression is longer than the limit of 16384 bytes");
}

/* ---- what callers see ---- */

static void require_fails(arena *a, const char *expression, const char *message)
{
    struct cel *cel;
    err *e AUTO(err_done) = cel_require(a, str_of(expression), checked, CEL_BOOL, &cel);
    assert_non_null(e);
    assert_string_equal(e->message, message);
}

static void words(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct cel *cel;
    bool truth;
    require_fails(&a, "req.flag", "CEL expression output type mismatch: expected bool, got dyn");
    require_fails(&a, "'x'", "CEL expression output type mismatch: expected bool, got string");
    require_fails(&a, "foo",
                  "failed to parse the CEL expression 'foo': ERROR: <input>:1:1: undeclared "
                  "reference to 'foo' (in container '')");
    assert_null(cel_require(&a, STR("req.a == 1.0"), checked, CEL_BOOL, &cel));
    err *e = cel_eval_bool(&a, cel, NULL, 0, &truth);
    assert_string_equal(e->message, "failed to evaluate the CEL expression 'req.a == 1.0': 1:1: no "
                                    "such attribute(s): req");
    err_free(e);
    assert_null(cel_require(&a, STR("metadata.name"), NULL, CEL_DYN, &cel));
    struct cel_variable *variables;
    size_t count = variables_of(&a, parse(&a, object_json), &variables);
    e = cel_eval_bool(&a, cel, variables, count, &truth);
    assert_string_equal(e->message,
                        "failed to evaluate CEL expression as boolean: 'metadata.name'");
    err_free(e);
    str text;
    assert_null(cel_eval_str(&a, cel, variables, count, &text));
    assert_true(str_is(text, "demo"));
}

/* As Go reads JSON into values without a type: every number is a double. */
static void numbers_of_json(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct cel *cel;
    struct cel_value value;
    struct cel_variable req = {STR("req"), cel_value_of_json(parse(&a, "{\"n\":[12]}"))};
    assert_null(cel_compile(&a, STR("req.n[0] + 1.0"), checked, &cel));
    assert_null(cel_eval(&a, cel, &req, 1, &value, NULL));
    assert_int_equal(value.type, CEL_DOUBLE);
    assert_true(value.real == 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table), cmocka_unit_test(hostile),         cmocka_unit_test(deep),
        cmocka_unit_test(words), cmocka_unit_test(numbers_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
