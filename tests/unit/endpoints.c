/* endpoints: what a Service selects, by name and number of ports, ready and not. */
#include "sandbox/endpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/json.h"
#include "sandbox/removal.h"

struct fixture {
    arena a;
    struct world world;
    struct loop *loop;
    struct endpoints *endpoints;
    struct collection *services, *pods, *lists, *slices;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->world.store = store_new();
    f->world.served = served_new(f->world.store);
    f->services = store_collection(f->world.store, STR("/services"));
    f->pods = store_collection(f->world.store, STR("/pods"));
    f->lists = store_collection(f->world.store, STR("/endpoints"));
    f->slices = store_collection(f->world.store, STR("discovery.k8s.io/endpointslices"));
    f->loop = loop_new();
    f->endpoints = endpoints_new(&f->world, f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    endpoints_free(f->endpoints);
    loop_free(f->loop);
    served_free(f->world.served);
    store_free(f->world.store);
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

static void put_service(struct fixture *f, const char *more)
{
    put(f, f->services,
        str_printf(
            &f->a,
            "{'metadata':{'name':'s','namespace':'one','uid':'u'},'spec':{'ports':[{'port':"
            "80,'targetPort':'web','protocol':'TCP'},{'name':'n','port':81,'targetPort':9000,"
            "'protocol':'TCP'}]%s}}",
            more));
}

static void put_pod(struct fixture *f, const char *name, const char *address, const char *ready)
{
    put(f, f->pods,
        str_printf(&f->a,
                   "{'metadata':{'name':'%s','namespace':'one','uid':'%s','labels':{'a':'b'}},"
                   "'spec':{'containers':[{'ports':[{'name':'web','containerPort':8080}]}]},"
                   "'status':{'podIP':'%s','conditions':[{'type':'Ready','status':'%s'}]}}",
                   name, name, address, ready));
}

static void tells_who_is_ready(void **state)
{
    struct fixture *f = *state;
    put_service(f, ",'selector':{'a':'b'}");
    put_pod(f, "p", "10.0.0.2", "True");
    put_pod(f, "q", "10.0.0.1", "False");
    put_pod(f, "unborn", "", "True");
    endpoints_run(f->endpoints);
    const doc *list = store_get(f->lists, STR("one"), STR("s"));
    assert_non_null(list);
    const node *subset = node_at(node_get(list->root, STR("subsets")), 0);
    const node *ready = node_get(subset, STR("addresses"));
    assert_int_equal(ready->count, 1);
    assert_true(str_is(node_get_str(node_at(ready, 0), STR("ip")), "10.0.0.2"));
    assert_int_equal(node_get(subset, STR("notReadyAddresses"))->count, 1);
    const node *ports = node_get(subset, STR("ports"));
    assert_int_equal(node_get_int(node_at(ports, 0), STR("port"), 0), 8080); /* by its name */
    assert_int_equal(node_get_int(node_at(ports, 1), STR("port"), 0), 9000);

    assert_int_equal(f->slices->objects.count, 1);
    MAP_EACH (&f->slices->objects, entry) {
        const node *all = node_get(((const doc *)entry->value)->root, STR("endpoints"));
        assert_int_equal(all->count, 2);
        assert_false(
            node_get_bool(node_get(node_at(all, 0), STR("conditions")), STR("ready"), true));
    }
}

static void without_a_selector_nothing_is_made(void **state)
{
    struct fixture *f = *state;
    put_service(f, "");
    put_pod(f, "p", "10.0.0.2", "True");
    endpoints_run(f->endpoints);
    assert_int_equal(f->lists->objects.count + f->slices->objects.count, 0);
}

static void goes_with_the_service(void **state)
{
    struct fixture *f = *state;
    put_service(f, ",'selector':{'a':'b'}");
    endpoints_run(f->endpoints);
    assert_int_equal(f->lists->objects.count, 1);
    removal_of(&f->world, served_find(f->world.served, STR(""), STR("v1"), STR("services")),
               STR("one"), STR("s"));
    assert_int_equal(f->lists->objects.count, 0);
}

static int64_t version_of(struct fixture *f, const char *name)
{
    const doc *list = store_get(f->lists, STR("one"), str_of(name));
    int64_t version = 0;
    assert_non_null(list);
    str_to_int(node_find_str(list->root, "metadata", "resourceVersion", NULL), &version);
    return version;
}

/* Another Service, or a pod that it does not select, is no reason to look at it. */
static void looks_at_what_a_change_is_about(void **state)
{
    struct fixture *f = *state;
    put_service(f, ",'selector':{'a':'b'}");
    put(f, f->services,
        STR("{'metadata':{'name':'other','namespace':'one','uid':'v'},"
            "'spec':{'selector':{'c':'d'},'ports':[]}}"));
    assert_int_equal(endpoints_pending(f->endpoints), 2);
    endpoints_run(f->endpoints);
    int64_t other = version_of(f, "other");
    assert_int_equal(endpoints_pending(f->endpoints), 0);
    put_pod(f, "p", "10.0.0.2", "True");
    assert_int_equal(endpoints_pending(f->endpoints), 1);
    endpoints_run(f->endpoints);
    assert_int_equal(version_of(f, "other"), other);
    /* A pod that is selected no more leaves the list. */
    put(f, f->pods,
        STR("{'metadata':{'name':'p','namespace':'one','uid':'p','labels':{'c':'d'}},"
            "'status':{'podIP':'10.0.0.2'}}"));
    assert_int_equal(endpoints_pending(f->endpoints), 2);
    endpoints_run(f->endpoints);
    assert_null(node_get(store_get(f->lists, STR("one"), STR("s"))->root, STR("subsets")));
    assert_non_null(node_get(store_get(f->lists, STR("one"), STR("other"))->root, STR("subsets")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(tells_who_is_ready),
        T(without_a_selector_nothing_is_made),
        T(goes_with_the_service),
        T(looks_at_what_a_change_is_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
