/* fieldset: FieldsV1 of strangers, and the arithmetic of sets. */
#include "sandbox/fieldset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/json.h"

/* Quotes are written as '. */
static struct fieldset *read(arena *a, const char *text)
{
    node *fields;
    struct fieldset *set;
    str json = str_replace(a, str_of(text), STR("'"), STR("\""));
    assert_null(json_parse(a, json, (struct json_options){0}, &fields));
    assert_null(fieldset_read(a, fields, &set));
    return set;
}

static void assert_set(arena *a, const struct fieldset *set, const char *wanted)
{
    str have = json_text(a, fieldset_write(a, set));
    str text = str_replace(a, str_of(wanted), STR("'"), STR("\""));
    if (!str_eq(have, text)) fail_msg("%.*s is not %.*s", STR_ARG(have), STR_ARG(text));
}

static void refuses_what_is_no_set(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[]", "fieldsV1: an object is expected"},
        {"{\"x\":{}}", "fieldsV1: 'x' is no path element"},
        {"{\"f\":{}}", "fieldsV1: 'f' is no path element"},
        {"{\"z:a\":{}}", "fieldsV1: 'z:a' is no path element"},
        {"{\"f:a\":1}", "fieldsV1: an object is expected"},
        {"{\"f:a\":{\"f:b\":[]}}", "fieldsV1: an object is expected"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        node *fields;
        struct fieldset *set = NULL;
        assert_null(json_parse(&a, str_of(cases[i][0]), (struct json_options){0}, &fields));
        err *e AUTO(err_done) = fieldset_read(&a, fields, &set);
        assert_non_null(e);
        assert_string_equal(e->message, cases[i][1]);
        assert_null(set);
    }
}

static void writes_what_it_read(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    assert_set(&a, read(&a, "{}"), "{}");
    assert_set(&a, read(&a, "{'f:b':{},'f:a':{'.':{},'f:c':{}}}"),
               "{'f:a':{'.':{},'f:c':{}},'f:b':{}}");
    assert_set(&a, NULL, "{}");
    assert_true(fieldset_is_empty(NULL));
    assert_true(fieldset_is_empty(read(&a, "{}")));
    assert_false(fieldset_is_empty(read(&a, "{'f:a':{'f:b':{}}}")));
}

static void adds_and_takes_away(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct fieldset *x = read(&a, "{'f:a':{'.':{},'f:b':{}},'f:c':{}}");
    struct fieldset *y = read(&a, "{'f:a':{'f:b':{},'f:d':{}},'f:e':{}}");
    assert_set(&a, fieldset_union(&a, x, y),
               "{'f:a':{'.':{},'f:b':{},'f:d':{}},'f:c':{},'f:e':{}}");
    assert_set(&a, fieldset_minus(&a, x, y), "{'f:a':{},'f:c':{}}");
    assert_set(&a, fieldset_common(&a, x, y), "{'f:a':{'f:b':{}}}");
    assert_set(&a, fieldset_minus(&a, x, x), "{}");
    assert_set(&a, fieldset_union(&a, NULL, y), "{'f:a':{'f:b':{},'f:d':{}},'f:e':{}}");
    assert_set(&a, fieldset_common(&a, NULL, y), "{}");
    assert_set(&a, x, "{'f:a':{'.':{},'f:b':{}},'f:c':{}}"); /* as it was */
    fieldset_drop(x, STR("f:a"));
    fieldset_drop(x, STR("f:none"));
    assert_set(&a, x, "{'f:c':{}}");
    assert_null(fieldset_child(x, STR("f:a")));
}

struct seen {
    buf text;
};

static void see(void *context, str path)
{
    struct seen *seen = context;
    buf_printf(&seen->text, STR_FMT " ", STR_ARG(path));
}

static void tells_paths(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct seen seen = {BUF(&a)};
    fieldset_each(&a,
                  read(&a, "{'f:l':{'k:{\\'n\\':\\'x\\',\\'p\\':80}':{'.':{},'f:i':{}},"
                           "'v:\\'s\\'':{},'i:3':{}}}"),
                  see, &seen);
    assert_string_equal(str_z(&a, buf_str(&seen.text)),
                        ".l[3] .l[n=\"x\",p=80] .l[n=\"x\",p=80].i .l[=\"s\"] ");
    /* A key that is no JSON is shown as it is. */
    assert_string_equal(str_z(&a, fieldset_step_text(&a, STR("k:{"))), "[{]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_set),
        cmocka_unit_test(writes_what_it_read),
        cmocka_unit_test(adds_and_takes_away),
        cmocka_unit_test(tells_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
