/* rules: expressions of a CRD that are refused, and values that do not satisfy theirs. */
#include "sandbox/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/json.h"

/* Quotes are written as '. */
static node *parse(arena *a, const char *text)
{
    node *out;
    str json = str_replace(a, str_of(text), STR("'"), STR("\""));
    assert_null(json_parse(a, json, (struct json_options){0}, &out));
    return out;
}

static void refuses_what_it_cannot_keep(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"self.size >", "compilation failed: "},
        {"size > 1", "compilation failed: "},
        {"nonsense(self)", "compilation failed: "},
        {"quantity(self.a).isLessThan(quantity('1'))", "compilation failed: "},
        {"1 + 1", "cel expression must evaluate to a bool"},
        {"self.a__dash__b", "compilation failed: names that are escaped with '__' are not"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        node *rule = node_map(&a);
        node_set_str(&a, rule, STR("rule"), str_of(cases[i][0]));
        err *e AUTO(err_done) = rules_compile(&a, rule);
        if (!e) fail_msg("'%s' was taken", cases[i][0]);
        if (!str_starts(err_text(e), str_of(cases[i][1]))) fail_msg("%s", e->message);
    }
}

static str first_cause(arena *a, const char *schema, const char *before, const char *object)
{
    node *causes = node_list(a);
    rules_check(a, typing_of(NULL, parse(a, schema)), before ? parse(a, before) : NULL,
                parse(a, object), causes);
    if (!causes->count) return STR("");
    return str_printf(a, STR_FMT ": " STR_FMT,
                      STR_ARG(node_get_str(causes->items[0], STR("field"))),
                      STR_ARG(node_get_str(causes->items[0], STR("message"))));
}

static void assert_cause(const char *schema, const char *before, const char *object,
                         const char *wanted)
{
    arena a AUTO(arena_done) = {0};
    str have = first_cause(&a, schema, before, object);
    if (!str_is(have, wanted)) fail_msg("'%.*s' is not '%s'", STR_ARG(have), wanted);
}

#define LIST                                                                                       \
    "{'properties':{'l':{'x-kubernetes-list-type':'map','x-kubernetes-list-map-keys':['k'],"       \
    "'items':{'properties':{'k':{'type':'string'}},'x-kubernetes-validations':[{'rule':"           \
    "'self.v >= oldSelf.v'}]}}}}"

static void tells_what_does_not_hold(void **state)
{
    (void)state;
    static const char grows[] = "{'x-kubernetes-validations':[{'rule':'self.n >= oldSelf.n'}]}";
    assert_cause(grows, NULL, "{'n':1}", ""); /* nothing to compare with */
    assert_cause(grows, "{'n':1}", "{'n':2}", "");
    assert_cause(grows, "{'n':3}", "{'n':2}", ": Invalid value: failed rule: self.n >= oldSelf.n");
    /* Items are compared by their keys. */
    assert_cause(LIST, "{'l':[{'k':'a','v':1},{'k':'b','v':5}]}",
                 "{'l':[{'k':'b','v':4},{'k':'a','v':2}]}",
                 "l[0]: Invalid value: failed rule: self.v >= oldSelf.v");
    assert_cause(LIST, "{'l':[{'k':'a','v':9}]}", "{'l':[{'k':'b','v':1}]}", "");
    /* A rule that cannot be asked is not satisfied. */
    assert_cause("{'x-kubernetes-validations':[{'rule':'self.none > 1'}]}", NULL, "{'n':1}",
                 ": Invalid value: 1:5: no such key: none evaluating rule: self.none > 1");
    assert_cause("{'x-kubernetes-validations':[{'rule':'self.n'}]}", NULL, "{'n':1}",
                 ": Invalid value: the result is no bool evaluating rule: self.n");
    assert_cause("{'x-kubernetes-validations':[{'rule':'oldSelf.hasValue()','optionalOldSelf':true,"
                 "'message':'m'}]}",
                 NULL, "{}", ": Invalid value: m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_it_cannot_keep),
        cmocka_unit_test(tells_what_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
