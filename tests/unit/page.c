#include "kube/page.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"

static void a_page_is_cut_into_its_objects(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct page page;
    str text = {0};
    str body =
        STR("{ \"kind\" : \"PodList\", \"apiVersion\":\"v1\",\n"
            "\"metadata\":{\"resourceVersion\":\"42\",\"continue\":\"abc\\u003d\"},\n"
            "\"items\":[ {\"metadata\":{\"name\":\"]}\\\"\"}} ,{\"a\":[1,{\"b\":[]}]},7 , \"x\"\n"
            "] , \"more\": null}\n");
    assert_null(page_open(&a, body, &page));
    assert_true(str_is(page.kind, "PodList"));
    assert_true(str_is(page.resource_version, "42"));
    assert_true(str_is(page.continue_token, "abc="));
    static const char *const expected[] = {"{\"metadata\":{\"name\":\"]}\\\"\"}}",
                                           "{\"a\":[1,{\"b\":[]}]}", "7", "\"x\""};
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(page_next(&page, &text));
        assert_true(str_is(text, expected[i]));
    }
    assert_false(page_next(&page, &text));
}

static void a_list_may_be_empty(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    static const char *const bodies[] = {
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}",
        "{\"items\":null,\"metadata\":{\"resourceVersion\":\"1\"}}",
        "{\"items\":[ ],\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"\"}}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct page page;
        str text;
        assert_null(page_open(&a, str_of(bodies[i]), &page));
        assert_true(str_is(page.resource_version, "1"));
        assert_int_equal(page.continue_token.len, 0);
        assert_false(page_next(&page, &text));
    }
}

static void what_is_no_list_is_refused(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"kind\":\"Status\"}",
        "null",
        "{\"items\":[",
        "{\"items\":[]",
        "{\"items\":[{\"a\":\"b}]}",
        "{\"items\" []}",
        "{items:[]}",
        "{\"items\":[],}",
        "{\"metadata\":{bad},\"items\":[]}",
        "{\"items\":[]]",
        "<html>",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct page page;
        err *e AUTO(err_done) = page_open(&a, str_of(bodies[i]), &page);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_INVALID);
    }
}

/* One object nested deeper than we read, one that is no JSON, one that is no object: the fourth is
 * read all the same. */
static void an_object_that_cannot_be_read_is_alone(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    buf body = BUF(&a);
    BUF_ADD(&body, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[{\"deep\":");
    buf_fill(&body, '[', 5000);
    buf_fill(&body, ']', 5000);
    BUF_ADD(&body, "},{\"n\":01x},3,{\"metadata\":{\"name\":\"good\"}}]}");
    struct page page;
    assert_null(page_open(&a, buf_str(&body), &page));
    str text;
    int bad = 0, good = 0;
    while (page_next(&page, &text)) {
        node *object;
        err *e AUTO(err_done) = page_object(&a, text, STR("v1"), STR("Pod"), &object);
        bad += e != NULL;
        if (e) continue;
        good++;
        assert_true(str_is(node_find_str(object, "metadata", "name", NULL), "good"));
    }
    assert_int_equal(bad, 3);
    assert_int_equal(good, 1);
}

static void objects_say_what_they_are(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *object;
    assert_null(
        page_object(&a, STR("{\"metadata\":{}}"), STR("apps/v1"), STR("Deployment"), &object));
    assert_true(str_is(node_get_str(object, STR("apiVersion")), "apps/v1"));
    assert_true(str_is(node_get_str(object, STR("kind")), "Deployment"));
    assert_null(page_object(&a,
                            STR("{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":"
                                "\"meta.k8s.io/v1\",\"metadata\":{}}"),
                            STR("v1"), STR("ConfigMap"), &object));
    assert_true(str_is(node_get_str(object, STR("apiVersion")), "v1"));
    assert_true(str_is(node_get_str(object, STR("kind")), "ConfigMap"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_cut_into_its_objects),
        cmocka_unit_test(a_list_may_be_empty),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(an_object_that_cannot_be_read_is_alone),
        cmocka_unit_test(objects_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
