/* objects: newest wins, references both ways, lists that lose what is gone. */
#include "control/objects.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "doc/json.h"

static node *object(arena *a, const char *name, int version, const char *extra)
{
    node *n = NULL;
    str json = str_printf(
        a,
        "{\"kind\":\"Thing\",\"metadata\":{\"namespace\":\"n\",\"name\":\"%s\","
        "\"resourceVersion\":\"%d\",\"managedFields\":[{\"manager\":\"m\"}]},\"x\":\"%s\"}",
        name, version, extra);
    assert_null(json_parse(a, json, (struct json_options){0}, &n));
    return n;
}

static void test_versions(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct objects *objects = objects_new();
    str key = objects_key(&a, STR("Thing"), STR("n"), STR("a"));
    assert_true(str_is(key, "Thing/n/a"));
    assert_null(objects_get(objects, &a, key));
    assert_true(objects_put(objects, key, object(&a, "a", 9, "old"), NULL, 0));
    assert_true(objects_put(objects, key, object(&a, "a", 10, "new"), NULL, 0));
    assert_false(objects_put(objects, key, object(&a, "a", 9, "old"), NULL, 0));
    node *got = objects_get(objects, &a, key);
    assert_true(str_is(node_get_str(got, STR("x")), "new"));
    assert_null(node_find(got, "metadata", "managedFields", NULL));
    objects_remove(objects, key);
    assert_false(objects_has(objects, key));
    objects_free(objects);
}

static void test_referrers(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct objects *objects = objects_new();
    const str both[] = {STR("Source/n/s"), STR("Thing/n/b")}, one[] = {STR("Source/n/s")};
    str *keys;
    size_t count;
    objects_put(objects, STR("Thing/n/a"), object(&a, "a", 1, ""), both, 2);
    objects_put(objects, STR("Thing/n/b"), object(&a, "b", 1, ""), one, 1);
    objects_referrers(objects, &a, STR("Source/n/s"), &keys, &count);
    assert_int_equal(count, 2);
    assert_true(str_is(keys[0], "Thing/n/a") && str_is(keys[1], "Thing/n/b"));
    objects_put(objects, STR("Thing/n/a"), object(&a, "a", 2, ""), NULL, 0);
    objects_referrers(objects, &a, STR("Source/n/s"), &keys, &count);
    assert_int_equal(count, 1);
    objects_referrers(objects, &a, STR("Thing/n/b"), &keys, &count);
    assert_int_equal(count, 0);
    objects_remove(objects, STR("Thing/n/b"));
    objects_referrers(objects, &a, STR("Source/n/s"), &keys, &count);
    assert_int_equal(count, 0);
    objects_free(objects);
}

/* Two kinds list at the same time; each loses only its own. */
static void test_sweep(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct objects *objects = objects_new();
    str *gone;
    size_t count;
    objects_put(objects, STR("Thing/n/a"), object(&a, "a", 1, ""), NULL, 0);
    objects_put(objects, STR("Thing/n/b"), object(&a, "b", 1, ""), NULL, 0);
    objects_put(objects, STR("Other/n/a"), object(&a, "a", 1, ""), NULL, 0);
    objects_mark(objects, STR("Thing/"));
    objects_put(objects, STR("Thing/n/a"), object(&a, "a", 1, ""), NULL, 0);
    objects_mark(objects, STR("Other/"));
    objects_sweep(objects, &a, STR("Thing/"), &gone, &count);
    assert_int_equal(count, 1);
    assert_true(str_is(gone[0], "Thing/n/b"));
    objects_put(objects, STR("Other/n/a"), object(&a, "a", 1, ""), NULL, 0);
    objects_sweep(objects, &a, STR("Other/"), &gone, &count);
    assert_int_equal(count, 0);
    objects_list(objects, &a, STR("Thing/"), &gone, &count);
    assert_int_equal(count, 1);
    objects_free(objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_referrers),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
