#include "kube/lease.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "api_script.h"
#include "base/clock.h"
#include "base/loop.h"
#include "doc/json.h"

#define LEASE_PATH "/apis/coordination.k8s.io/v1/namespaces/ns/leases"

/* A server that knows one Lease, as the API server would. */
struct world {
    struct api_script script;
    struct loop *loop;
    struct kube *kube;

    pthread_mutex_t lock; /* guards what follows */
    arena arena;
    node *object; /* the Lease; NULL: there is none */
    int version, gets, writes;
    bool down, refuse_writes;
};

/* What one candidate has heard. */
struct candidate {
    struct world *world;
    struct lease *lease;
    const char *identity;
    _Atomic int acquired, lost;
    char holder[32];
};

static _Atomic int64_t offset_ns;

static int64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * CLOCK_SECOND + at.tv_nsec + offset_ns;
}

static const struct clock_source clock_source = {.now_ns = now, .wall_ns = now};

/* ---- the server ---- */

static void keep(struct world *world, str body)
{
    node *object;
    arena *a = &world->arena;
    err *e = json_parse(a, str_dup(a, body), (struct json_options){0}, &object);
    must(!e);
    node *metadata = node_make_map(a, object, STR("metadata"));
    node_set_str(a, metadata, STR("resourceVersion"), str_printf(a, "%d", ++world->version));
    world->object = object;
    world->writes++;
}

static bool is_current(const struct world *world, str body)
{
    arena a AUTO(arena_done) = {0};
    node *object;
    err *e = json_parse(&a, body, (struct json_options){0}, &object);
    must(!e);
    return world->object &&
           str_eq(node_find_str(object, "metadata", "resourceVersion", NULL),
                  node_find_str(world->object, "metadata", "resourceVersion", NULL));
}

static int handle(struct world *world, const struct api_request *request)
{
    bool get = str_is(request->line, "GET " LEASE_PATH "/lead");
    bool create = str_starts(request->line, STR("POST " LEASE_PATH));
    bool update = str_starts(request->line, STR("PUT " LEASE_PATH "/lead"));
    must(get || create || update);
    world->gets += get;
    if (world->down || (world->refuse_writes && !get)) return 503;
    if (get) return world->object ? 200 : 404;
    if (create && world->object) return 409;
    if (update && !is_current(world, request->body)) return 409;
    keep(world, request->body);
    return 200;
}

static void serve(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    arena a AUTO(arena_done) = {0};
    pthread_mutex_lock(&world->lock);
    int status = 200;
    str body = STR("{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":"
                   "\"coordination.k8s.io\"},\"versions\":[{\"version\":\"v1\",\"resources\":["
                   "{\"resource\":\"leases\",\"responseKind\":{\"kind\":\"Lease\"},\"scope\":"
                   "\"Namespaced\",\"verbs\":[]}]}]}]}");
    if (!str_is(request->line, "GET /api") && !str_is(request->line, "GET /apis")) {
        status = handle(world, request);
        body = status == 200 ? json_text(&a, world->object) : STR("{}");
    }
    pthread_mutex_unlock(&world->lock);
    api_answer(fd, status, "", body);
}

/* ---- the candidates ---- */

static void on_acquired(void *context)
{
    struct candidate *candidate = context;
    candidate->acquired++;
}

static void on_lost(void *context, str holder)
{
    struct candidate *candidate = context;
    snprintf(candidate->holder, sizeof candidate->holder, STR_FMT, STR_ARG(holder));
    candidate->lost++;
}

static const struct lease_events events = {on_acquired, on_lost};

static void start_on_loop(void *context)
{
    struct candidate *candidate = context;
    struct lease_options options = {
        .namespace = STR("ns"), .name = STR("lead"), .identity = str_of(candidate->identity)};
    candidate->lease = lease_start(candidate->world->kube, options, &events, candidate);
}

static void start(struct candidate *candidate, struct world *world, const char *identity)
{
    *candidate = (struct candidate){.world = world, .identity = identity};
    loop_call(world->loop, start_on_loop, candidate);
}

static void wait_until(_Atomic int *counter, int wanted)
{
    for (int i = 0; i < 5000 && *counter < wanted; i++)
        usleep(1000);
    assert_int_equal(*counter, wanted);
}

/* Until the server has seen so many GETs and writes in all. */
static void wait_for_requests(struct world *world, int gets, int writes)
{
    bool seen = false;
    for (int i = 0; i < 5000 && !seen; i++) {
        usleep(1000);
        pthread_mutex_lock(&world->lock);
        seen = world->gets >= gets && world->writes >= writes;
        pthread_mutex_unlock(&world->lock);
    }
    assert_true(seen);
}

static void nothing(void *context)
{
    (void)context;
}

static void advance(struct world *world, int64_t span_ns)
{
    usleep(20000); /* the answer to the last request has arrived */
    loop_call(world->loop, nothing, NULL);
    offset_ns += span_ns;
    loop_call(world->loop, nothing, NULL);
}

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    *state = world;
    offset_ns = 0;
    clock_replace(&clock_source);
    pthread_mutex_init(&world->lock, NULL);
    world->script = (struct api_script){.handler = serve, .context = world};
    api_start(&world->script);
    world->loop = loop_new();
    loop_start(world->loop);
    arena a AUTO(arena_done) = {0};
    struct kubeconfig config = {.server =
                                    str_printf(&a, "http://127.0.0.1:%d", world->script.port)};
    assert_null(kube_new(world->loop, &config, (struct kube_options){0}, &world->kube));
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    kube_free(world->kube);
    loop_join(world->loop);
    loop_free(world->loop);
    api_stop(&world->script);
    clock_replace(NULL);
    arena_done(&world->arena);
    pthread_mutex_destroy(&world->lock);
    test_free(world);
    return 0;
}

static void set_lease(struct world *world, const char *json)
{
    pthread_mutex_lock(&world->lock);
    keep(world, str_of(json));
    world->writes = 0;
    pthread_mutex_unlock(&world->lock);
}

static str spec(struct world *world, const char *field)
{
    pthread_mutex_lock(&world->lock);
    const node *value = node_get(node_get(world->object, STR("spec")), str_of(field));
    str text = value ? value->text : (str){0};
    pthread_mutex_unlock(&world->lock);
    return text;
}

#define HELD_BY(holder)                                                                            \
    "{\"metadata\":{\"name\":\"lead\",\"namespace\":\"ns\",\"labels\":{\"keep\":\"me\"}},"         \
    "\"spec\":{\"holderIdentity\":\"" holder "\",\"leaseDurationSeconds\":15,\"acquireTime\":"     \
    "\"2020-01-01T00:00:00.000000Z\",\"renewTime\":\"2999-01-01T00:00:00.000000Z\","               \
    "\"leaseTransitions\":6,\"strategy\":\"x\"}}"

static void a_lease_nobody_has_is_created_and_renewed(void **state)
{
    struct world *world = *state;
    struct candidate me;
    start(&me, world, "me");
    wait_until(&me.acquired, 1);
    assert_true(lease_is_held(me.lease));
    assert_true(str_is(spec(world, "holderIdentity"), "me"));
    assert_true(str_is(spec(world, "leaseDurationSeconds"), "35"));
    assert_true(str_is(spec(world, "leaseTransitions"), "0"));
    str acquired = spec(world, "acquireTime"), renewed = spec(world, "renewTime");
    assert_true(str_eq(acquired, renewed));

    advance(world, 5 * CLOCK_SECOND);
    wait_for_requests(world, 1, 2); /* a renewal needs no GET */
    assert_true(str_eq(spec(world, "acquireTime"), acquired));
    assert_false(str_eq(spec(world, "renewTime"), renewed));
    assert_int_equal(world->gets, 1);
    assert_int_equal(me.lost, 0);

    lease_stop(me.lease);
    assert_true(str_is(spec(world, "holderIdentity"), ""));
    assert_true(str_is(spec(world, "leaseDurationSeconds"), "1"));
    assert_int_equal(me.lost, 0);
}

/* The other's clock is wrong by a thousand years: what counts is when we saw its record change. */
static void a_holder_has_its_time_from_when_we_saw_it(void **state)
{
    struct world *world = *state;
    struct candidate me;
    set_lease(world, HELD_BY("other"));
    start(&me, world, "me");
    wait_for_requests(world, 1, 0);
    advance(world, 7 * CLOCK_SECOND);
    wait_for_requests(world, 2, 0);
    assert_int_equal(me.acquired, 0);
    assert_false(lease_is_held(me.lease));

    advance(world, 9 * CLOCK_SECOND); /* 16 s without a renewal */
    wait_until(&me.acquired, 1);
    assert_true(str_is(spec(world, "holderIdentity"), "me"));
    assert_true(str_is(spec(world, "leaseTransitions"), "7"));
    assert_true(str_is(spec(world, "strategy"), "x")); /* what we do not know stays */
    lease_stop(me.lease);
}

static void our_own_lease_is_taken_up_again(void **state)
{
    struct world *world = *state;
    struct candidate me;
    set_lease(world, HELD_BY("me"));
    start(&me, world, "me");
    wait_until(&me.acquired, 1);
    assert_true(str_is(spec(world, "leaseTransitions"), "6"));
    assert_true(str_is(spec(world, "acquireTime"), "2020-01-01T00:00:00.000000Z"));
    lease_stop(me.lease);
}

static void a_lease_that_was_taken_is_lost_at_once(void **state)
{
    struct world *world = *state;
    struct candidate me;
    start(&me, world, "me");
    wait_until(&me.acquired, 1);
    set_lease(world, HELD_BY("thief"));
    advance(world, 5 * CLOCK_SECOND);
    wait_until(&me.lost, 1);
    assert_string_equal(me.holder, "thief");
    assert_false(lease_is_held(me.lease));
    lease_stop(me.lease);
    assert_true(str_is(spec(world, "holderIdentity"), "thief"));
}

/* The other may take it after 35 s; we let go after 30. */
static void a_lease_that_cannot_be_renewed_is_lost_in_time(void **state)
{
    struct world *world = *state;
    struct candidate me;
    start(&me, world, "me");
    wait_until(&me.acquired, 1);
    pthread_mutex_lock(&world->lock);
    world->down = true;
    pthread_mutex_unlock(&world->lock);
    for (int i = 0; i < 5; i++) {
        advance(world, 5 * CLOCK_SECOND);
        assert_int_equal(me.lost, 0);
        assert_true(lease_is_held(me.lease));
    }
    advance(world, 5 * CLOCK_SECOND);
    assert_false(lease_is_held(me.lease));
    wait_until(&me.lost, 1);
    assert_string_equal(me.holder, "");

    pthread_mutex_lock(&world->lock);
    world->down = false;
    pthread_mutex_unlock(&world->lock);
    advance(world, 7 * CLOCK_SECOND);
    wait_until(&me.acquired, 2);
    lease_stop(me.lease);
}

/* A write that was refused for a reason that has nothing to do with us, and one lost race. */
static void a_refused_write_is_tried_again(void **state)
{
    struct world *world = *state;
    struct candidate me;
    world->refuse_writes = true;
    start(&me, world, "me");
    wait_for_requests(world, 1, 0);
    advance(world, 7 * CLOCK_SECOND);
    wait_for_requests(world, 2, 0);
    assert_int_equal(me.acquired, 0);
    pthread_mutex_lock(&world->lock);
    world->refuse_writes = false;
    pthread_mutex_unlock(&world->lock);
    advance(world, 7 * CLOCK_SECOND);
    wait_until(&me.acquired, 1);

    /* Somebody else touches the object: our version is old, but the lease is still ours. */
    pthread_mutex_lock(&world->lock);
    keep(world, json_text(&world->arena, world->object));
    int writes = world->writes;
    pthread_mutex_unlock(&world->lock);
    advance(world, 5 * CLOCK_SECOND);
    wait_for_requests(world, 4, writes + 1);
    assert_int_equal(me.lost, 0);
    assert_true(lease_is_held(me.lease));
    lease_stop(me.lease);
}

static void of_two_candidates_one_leads(void **state)
{
    struct world *world = *state;
    struct candidate one, two;
    start(&one, world, "one");
    start(&two, world, "two");
    for (int i = 0; i < 5000 && one.acquired + two.acquired < 1; i++)
        usleep(1000);
    advance(world, 7 * CLOCK_SECOND);
    usleep(50000);
    assert_int_equal(one.acquired + two.acquired, 1);
    struct candidate *leader = one.acquired ? &one : &two, *other = one.acquired ? &two : &one;
    lease_stop(leader->lease);
    advance(world, 7 * CLOCK_SECOND); /* released: no need to wait for its end */
    wait_until(&other->acquired, 1);
    lease_stop(other->lease);
    lease_stop(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lease_nobody_has_is_created_and_renewed),
        TEST(a_holder_has_its_time_from_when_we_saw_it),
        TEST(our_own_lease_is_taken_up_again),
        TEST(a_lease_that_was_taken_is_lost_at_once),
        TEST(a_lease_that_cannot_be_renewed_is_lost_in_time),
        TEST(a_refused_write_is_tried_again),
        TEST(of_two_candidates_one_leads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
