/* prune: an object that changes between the look and the delete is looked at again, and goes only
 * while it is still ours. */
#include "apply/prune.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "api_script.h"
#include "base/loop.h"
#include "doc/json.h"

#define PATH "/api/v1/namespaces/ns/configmaps/moves"

/* A server with one object, which somebody changes right after it was looked at. */
struct world {
    struct api_script script;
    struct loop *loop;
    struct kube *kube;
    struct observed *observed;

    int version, changes; /* what others do to it: so often; with new_owner the last time */
    const char *owner, *new_owner;
    bool deleted;
    int looks;
};

static bool names_version(const struct world *world, str body)
{
    arena a AUTO(arena_done) = {0};
    node *options;
    err *e = json_parse(&a, body, (struct json_options){0}, &options);
    must(!e);
    str version = node_find_str(options, "preconditions", "resourceVersion", NULL);
    str uid = node_find_str(options, "preconditions", "uid", NULL);
    return str_is(uid, "one") && str_eq(version, str_printf(&a, "%d", world->version));
}

static void serve(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    arena a AUTO(arena_done) = {0};
    if (!str_starts(request->line, STR("GET " PATH)) &&
        !str_starts(request->line, STR("DELETE " PATH))) {
        api_answer(fd, 200, "",
                   STR("{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":"
                       "\"\"},\"versions\":[{\"version\":\"v1\",\"resources\":[{\"resource\":"
                       "\"configmaps\",\"responseKind\":{\"kind\":\"ConfigMap\"},\"scope\":"
                       "\"Namespaced\",\"verbs\":[]}]}]}]}"));
    } else if (world->deleted) {
        api_answer(fd, 404, "", STR("{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404}"));
    } else if (str_starts(request->line, STR("GET"))) {
        str body = str_printf(
            &a,
            "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"moves\","
            "\"namespace\":\"ns\",\"uid\":\"one\",\"resourceVersion\":\"%d\",\"labels\":{"
            "\"kustomize.toolkit.fluxcd.io/name\":\"%s\","
            "\"kustomize.toolkit.fluxcd.io/namespace\":\"ns\"}}}",
            world->version, world->owner);
        world->looks++;
        if (world->changes) {
            world->version++;
            if (!--world->changes && world->new_owner) world->owner = world->new_owner;
        }
        api_answer(fd, 200, "", body);
    } else if (names_version(world, request->body)) {
        world->deleted = true;
        api_answer(fd, 200, "", STR("{\"kind\":\"Status\",\"status\":\"Success\"}"));
    } else {
        api_answer(fd, 409, "",
                   STR("{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Conflict\","
                       "\"code\":409,\"message\":\"the object has been modified\"}"));
    }
}

static void ignore(void *context UNUSED, str owner UNUSED)
{
}

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    *state = world;
    world->version = 1;
    world->owner = "app";
    world->script = (struct api_script){.handler = serve, .context = world};
    api_start(&world->script);
    world->loop = loop_new();
    loop_start(world->loop);
    arena a AUTO(arena_done) = {0};
    struct kubeconfig config = {.server =
                                    str_printf(&a, "http://127.0.0.1:%d", world->script.port)};
    assert_null(kube_new(world->loop, &config, (struct kube_options){0}, &world->kube));
    world->observed =
        observed_new((struct observed_options){.kube = world->kube, .changed = ignore});
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    loop_join(world->loop);
    observed_stop(world->observed);
    observed_free(world->observed);
    kube_free(world->kube);
    loop_free(world->loop);
    api_stop(&world->script);
    test_free(world);
    return 0;
}

static void run(struct world *world, arena *a, struct prune_result *out)
{
    struct inventory stale = {0};
    struct kube_ref ref = {{STR(""), STR("v1"), STR("ConfigMap")}, STR("ns"), STR("moves")};
    inventory_add(a, &stale, ref);
    struct prune_options options = {.owner_name = STR("app"), .owner_namespace = STR("ns")};
    prune_run(world->kube, world->observed, a, &stale, &options, out);
}

static void test_untouched_goes(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct prune_result result;
    struct world *world = *state;
    run(world, &a, &result);
    assert_null(result.error);
    assert_true(world->deleted && result.deleted.count == 1 && world->looks == 1);
}

static void test_changed_goes_after_another_look(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct prune_result result;
    struct world *world = *state;
    world->changes = 2;
    run(world, &a, &result);
    assert_null(result.error);
    assert_true(world->deleted && result.deleted.count == 1 && world->looks == 3);
}

/* Another unit takes it over right after the look: it stays. */
static void test_taken_over_stays(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct prune_result result;
    struct world *world = *state;
    world->changes = 1;
    world->new_owner = "other";
    run(world, &a, &result);
    assert_null(result.error);
    assert_false(world->deleted);
    assert_true(result.skipped.count == 1 && !result.deleted.count && !result.failed.count);
}

static void test_restless_is_kept_in_the_inventory(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct prune_result result;
    struct world *world = *state;
    world->changes = 1000;
    run(world, &a, &result);
    assert_non_null(result.error);
    err_free(result.error);
    assert_false(world->deleted);
    assert_int_equal(result.failed.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_untouched_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changed_goes_after_another_look, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_over_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restless_is_kept_in_the_inventory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
