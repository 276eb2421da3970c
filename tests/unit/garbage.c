/* garbage and family: what a change makes the collectors look at does not grow with what there is,
 * and who owns whom stays true through changes, deletions and snapshots. */
#include "sandbox/garbage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/loop.h"
#include "doc/json.h"

enum { MANY = 500 };

struct fixture {
    arena a;
    struct world world;
    struct loop *loop;
    struct garbage *garbage;
    struct collection *sets, *pods;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->world.store = store_new();
    f->world.served = served_new(f->world.store);
    f->loop = loop_new();
    f->sets = store_collection(f->world.store, STR("apps/replicasets"));
    f->pods = store_collection(f->world.store, STR("/pods"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    garbage_free(f->garbage);
    served_free(f->world.served);
    store_free(f->world.store);
    loop_free(f->loop);
    arena_done(&f->a);
    test_free(f);
    return 0;
}

/* Quotes are written as '. */
static void put(struct fixture *f, struct collection *collection, str text)
{
    node *object;
    doc *stored;
    text = str_replace(&f->a, text, STR("'"), STR("\""));
    assert_null(json_parse(&f->a, text, (struct json_options){0}, &object));
    assert_null(store_put(f->world.store, collection, object, &stored));
}

static void put_set(struct fixture *f, int number, const char *more)
{
    put(f, f->sets,
        str_printf(&f->a,
                   "{'metadata':{'namespace':'one','name':'set-%d','uid':'set-%d'%s},'status':{}}",
                   number, number, more));
}

static void put_pod(struct fixture *f, int number, int owner)
{
    put(f, f->pods,
        str_printf(&f->a,
                   "{'metadata':{'namespace':'one','name':'pod-%d','uid':'pod-%d',"
                   "'ownerReferences':[{'uid':'set-%d'}]}}",
                   number, number, owner));
}

static void fill(struct fixture *f)
{
    put(f, store_collection(f->world.store, STR("/namespaces")),
        STR("{'metadata':{'name':'one','uid':'space'}}"));
    for (int i = 0; i < MANY; i++) {
        put_set(f, i, "");
        put_pod(f, i, i);
    }
}

static void looks_at_what_a_change_is_about(void **state)
{
    struct fixture *f = *state;
    fill(f);
    f->garbage = garbage_new(&f->world, f->loop);
    size_t begun = garbage_pending(f->garbage);
    assert_int_equal(begun, MANY); /* after a snapshot: whatever has an owner */

    put_set(f, 3, ",'labels':{'a':'b'}");
    put_set(f, MANY, "");
    assert_int_equal(garbage_pending(f->garbage), begun);
    put_pod(f, MANY, MANY);
    assert_int_equal(garbage_pending(f->garbage), begun + 1);
    /* Its end concerns its one dependent, which is to be looked at already. */
    doc_unref(store_remove(f->world.store, f->sets, STR("one"), STR("set-3")));
    assert_int_equal(garbage_pending(f->garbage), begun + 1);
    /* The end of a dependent concerns its owner. */
    doc_unref(store_remove(f->world.store, f->pods, STR("one"), STR("pod-4")));
    assert_int_equal(garbage_pending(f->garbage), begun + 2);
}

static void an_ending_namespace_takes_its_content(void **state)
{
    struct fixture *f = *state;
    fill(f);
    f->garbage = garbage_new(&f->world, f->loop);
    put(f, store_collection(f->world.store, STR("/namespaces")),
        STR("{'metadata':{'name':'one','uid':'space','deletionTimestamp':'x'}}"));
    assert_int_equal(garbage_pending(f->garbage), 2 * MANY + 1);
}

static void knows_who_owns_whom(void **state)
{
    struct fixture *f = *state;
    fill(f);
    const struct family *family = store_family(f->world.store);
    assert_int_equal(family_count_in(family, STR("one")), 2 * MANY);
    assert_string_equal(family_find(family, STR("pod-7"))->key.data, "one/pod-7");
    assert_true(family_find(family, STR("pod-7"))->collection == f->pods);

    put_pod(f, 7, 8); /* another owner */
    assert_null(family_dependents(family, STR("set-7")));
    assert_int_equal(family_dependents(family, STR("set-8"))->count, 2);
    doc_unref(store_remove(f->world.store, f->pods, STR("one"), STR("pod-8")));
    assert_null(family_find(family, STR("pod-8")));
    assert_true(map_has(family_dependents(family, STR("set-8")), STR("pod-7")));
    assert_int_equal(family_dependents(family, STR("set-8"))->count, 1);
    assert_int_equal(family_count_in(family, STR("one")), 2 * MANY - 1);
}

static void snapshots_keep_families(void **state)
{
    struct fixture *f = *state;
    fill(f);
    put_pod(f, 7, 8);
    node *dump = store_dump(&f->a, f->world.store);
    struct store *other = store_new();
    assert_null(store_restore(other, dump));
    const struct family *family = store_family(other);
    assert_int_equal(family_count_in(family, STR("one")), 2 * MANY);
    assert_int_equal(family_dependents(family, STR("set-8"))->count, 2);
    store_free(other);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(looks_at_what_a_change_is_about),
        T(an_ending_namespace_takes_its_content),
        T(knows_who_owns_whom),
        T(snapshots_keep_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
