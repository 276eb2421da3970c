/* table: columns of strangers' CRDs, whatever their paths are, and some cells of built-in kinds. */
#include "sandbox/table.h"

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

static str cells(arena *a, const struct served *served, const node *object)
{
    node *table = table_of(a, served, &object, 1, STR("1"), STR("None"));
    const node *row = node_at(node_get(table, STR("rows")), 0);
    assert_int_equal(node_get(table, STR("columnDefinitions"))->count,
                     node_get(row, STR("cells"))->count);
    assert_true(node_is_null(node_get(row, STR("object"))));
    return json_text(a, node_get(row, STR("cells")));
}

static void follows_paths_of_strangers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {".spec.size", "[\"a\",7]"},
        {"{.spec.size}", "[\"a\",7]"},
        {".spec['size']", "[\"a\",null]"},
        {".spec.none.deep", "[\"a\",null]"},
        {".list[?(@.t==\"y\")].v", "[\"a\",2]"},
        {".list[?(@.t==\"none\")].v", "[\"a\",null]"},
        {".list[?(@.t", "[\"a\",null]"},
        {".list[?(@)].v", "[\"a\",null]"},
        {"", "[\"a\",\"{\\\"metadata\\\""},
        {"phase:", "[\"a\",null]"},
        {".a\\.b", "[\"a\",3]"},
        {".a\\", "[\"a\",null]"},
        {".spec", "[\"a\",\"{\\\"size\\\":7}\"]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        node *column = parse(&a, "{'name':'X','type':'string'}"), *columns = node_list(&a);
        node_set_str(&a, column, STR("jsonPath"), str_of(cases[i][0]));
        node_push(&a, columns, column);
        struct served served = {.custom = true, .kind = STR("Thing"), .columns = columns};
        str have =
            cells(&a, &served,
                  parse(&a, "{'metadata':{'name':'a'},'spec':{'size':7},'a.b':3,'list':[{'t':"
                            "'x','v':1},{'t':'y','v':2}]}"));
        if (!str_starts(have, str_of(cases[i][1])))
            fail_msg("'%s': %.*s", cases[i][0], STR_ARG(have));
    }
}

static void shows_what_upstream_shows(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *object, *cells;
    } cases[] = {
        {"Pod",
         "{'metadata':{'name':'p'},'spec':{'containers':[{},{}]},'status':{'phase':'Pending',"
         "'containerStatuses':[{'ready':true,'restartCount':2},{'state':{'waiting':{'reason':"
         "'ImagePullBackOff'}}}]}}",
         "[\"p\",\"1/2\",\"ImagePullBackOff\",\"2\",\"<unknown>\""},
        {"Service",
         "{'metadata':{'name':'s'},'spec':{'type':'LoadBalancer','clusterIP':'10.0.0.1','ports':[{"
         "'port':80,'nodePort':30000,'protocol':'TCP'},{'port':53,'protocol':'UDP'}]}}",
         "[\"s\",\"LoadBalancer\",\"10.0.0.1\",\"<pending>\",\"80:30000/TCP,53/UDP\""},
        {"Job",
         "{'metadata':{'name':'j'},'spec':{'completions':3},'status':{'succeeded':1,'startTime':"
         "'2026-01-02T03:04:05Z','completionTime':'2026-01-02T03:04:15Z','conditions':[{'type':"
         "'Failed','status':'True'}]}}",
         "[\"j\",\"Failed\",\"1/3\",\"10s\""},
        {"Secret", "{'metadata':{'name':'x'},'type':'Opaque'}", "[\"x\",\"Opaque\",0"},
        {"Event", "{}", "[\"<unknown>\""},
        {"Ingress", "{'metadata':{'name':'i'}}", "[\"i\",\"<none>\",\"*\",\"\",\"80\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        struct served served = {.kind = str_of(cases[i].kind)};
        str have = cells(&a, &served, parse(&a, cases[i].object));
        if (!str_starts(have, str_of(cases[i].cells)))
            fail_msg("%s: %.*s", cases[i].kind, STR_ARG(have));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_paths_of_strangers),
        cmocka_unit_test(shows_what_upstream_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
