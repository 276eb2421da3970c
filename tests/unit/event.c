#include "kube/event.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "api_script.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/loop.h"
#include "doc/json.h"

/* A server that keeps what it is told, and holds GETs of /held until it is let go. */
struct world {
    struct api_script script;
    struct loop *loop;
    struct kube *kube;
    struct event_sender *sender;
    pthread_t worker; /* waits for /held */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    arena arena;
    node *writes; /* of each: line, body */
    int status;   /* of the answers to writes; 0: 201 */
    int status_patch;
    int under_way, under_way_max;
    bool slow, held, let_go;
};

static _Atomic int64_t offset_ns;

static int64_t at(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time);
    return (int64_t)time.tv_sec * CLOCK_SECOND + time.tv_nsec + offset_ns;
}

static int64_t now(void)
{
    return at(CLOCK_MONOTONIC);
}

static int64_t wall(void)
{
    return at(CLOCK_REALTIME);
}

static const struct clock_source clock_source = {.now_ns = now, .wall_ns = wall};

/* ---- the server ---- */

static void hold(struct world *world)
{
    world->held = true;
    pthread_cond_broadcast(&world->changed);
    while (!world->let_go)
        pthread_cond_wait(&world->changed, &world->lock);
}

static int take_write(struct world *world, const struct api_request *request)
{
    arena *a = &world->arena;
    node *write = node_map(a), *body = NULL;
    err *e = json_parse(a, str_dup(a, request->body), (struct json_options){0}, &body);
    must(!e);
    node_set_str(a, write, STR("line"), str_dup(a, request->line));
    node_set(a, write, STR("body"), body);
    node_push(a, world->writes, write);
    bool patch = str_starts(request->line, STR("PATCH"));
    int status = patch ? world->status_patch : world->status;
    return status ? status : 201;
}

static void serve(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    int status = 200;
    pthread_mutex_lock(&world->lock);
    if (str_is(request->line, "GET /held")) {
        hold(world);
    } else {
        world->under_way_max = MAX(world->under_way_max, ++world->under_way);
        status = take_write(world, request);
        bool slow = world->slow;
        pthread_mutex_unlock(&world->lock);
        if (slow) usleep(3000);
        pthread_mutex_lock(&world->lock);
        world->under_way--;
    }
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    api_answer(fd, status, "", STR("{}"));
}

/* ---- a test ---- */

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    *state = world;
    offset_ns = 0;
    clock_replace(&clock_source);
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->changed, NULL);
    world->writes = node_list(&world->arena);
    world->script = (struct api_script){.handler = serve, .context = world};
    api_start(&world->script);
    world->loop = loop_new();
    loop_start(world->loop);
    arena a AUTO(arena_done) = {0};
    struct kubeconfig config = {.server =
                                    str_printf(&a, "http://127.0.0.1:%d", world->script.port)};
    assert_null(kube_new(world->loop, &config, (struct kube_options){0}, &world->kube));
    world->sender = event_sender_new(world->kube, STR("kustomize-controller"));
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    event_sender_free(world->sender);
    kube_free(world->kube);
    loop_join(world->loop);
    loop_free(world->loop);
    api_stop(&world->script);
    clock_replace(NULL);
    arena_done(&world->arena);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->changed);
    test_free(world);
    return 0;
}

static void nothing(void *context)
{
    (void)context;
}

static void advance(struct world *world, int64_t span_ns)
{
    usleep(20000); /* answers on their way arrive */
    loop_call(world->loop, nothing, NULL);
    offset_ns += span_ns;
    loop_call(world->loop, nothing, NULL);
}

static size_t writes_now(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    size_t count = world->writes->count;
    pthread_mutex_unlock(&world->lock);
    return count;
}

/* The write of that number, once there are so many. */
static const node *wait_for_write(struct world *world, size_t number)
{
    for (int i = 0; i < 5000 && writes_now(world) < number; i++)
        usleep(1000);
    pthread_mutex_lock(&world->lock);
    const node *write = node_at(world->writes, number - 1);
    pthread_mutex_unlock(&world->lock);
    assert_non_null(write);
    return write;
}

static void *wait_for_held(void *context)
{
    struct world *world = context;
    arena a AUTO(arena_done) = {0};
    str out;
    err *e = kube_raw(world->kube, &a, STR("/held"), &out);
    must(!e);
    return NULL;
}

static void be_busy(struct world *world)
{
    assert_int_equal(pthread_create(&world->worker, NULL, wait_for_held, world), 0);
    pthread_mutex_lock(&world->lock);
    while (!world->held)
        pthread_cond_wait(&world->changed, &world->lock);
    pthread_mutex_unlock(&world->lock);
}

static void be_idle(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    world->let_go = true;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    pthread_join(world->worker, NULL);
}

static const struct event deployment = {
    .about = {{{"apps", 4}, {"v1", 2}, {"Deployment", 10}}, {"ns", 2}, {"app", 3}},
    .uid = {"u-1", 3},
    .resource_version = {"7", 1},
    .reason = {"Progressing", 11},
    .message = {"on its way", 10},
};

static int64_t count_of(const node *write)
{
    return node_get_int(node_get(write, STR("body")), STR("count"), -1);
}

static bool is_patch(const node *write)
{
    return str_starts(node_get_str(write, STR("line")), STR("PATCH"));
}

static void an_event_has_all_its_fields(void **state)
{
    struct world *world = *state;
    struct event event = deployment;
    struct http_header annotations[] = {{STR("kustomize.toolkit.fluxcd.io/revision"), STR("main")},
                                        {STR("x"), STR("y")}};
    event.annotations = annotations;
    event.annotation_count = 2;
    event_send(world->sender, &event);
    const node *write = wait_for_write(world, 1), *body = node_get(write, STR("body"));
    assert_true(str_is(node_get_str(write, STR("line")), "POST /api/v1/namespaces/ns/events"));
    str name = node_find_str(body, "metadata", "name", NULL);
    assert_true(str_starts(name, STR("app.")) && name.len == 4 + 16);
    assert_true(str_is(node_find_str(body, "metadata", "namespace", NULL), "ns"));
    const node *kept = node_find(body, "metadata", "annotations", NULL);
    assert_true(str_is(node_get_str(kept, STR("kustomize.toolkit.fluxcd.io/revision")), "main"));
    static const struct {
        const char *field, *value;
    } about[] = {{"apiVersion", "apps/v1"}, {"kind", "Deployment"},   {"name", "app"},
                 {"namespace", "ns"},       {"resourceVersion", "7"}, {"uid", "u-1"}};
    for (size_t i = 0; i < COUNT(about); i++)
        assert_true(
            str_is(node_find_str(body, "involvedObject", about[i].field, NULL), about[i].value));
    assert_true(str_is(node_get_str(body, STR("type")), "Normal"));
    assert_true(str_is(node_get_str(body, STR("reason")), "Progressing"));
    assert_true(str_is(node_get_str(body, STR("message")), "on its way"));
    assert_true(str_is(node_find_str(body, "source", "component", NULL), "kustomize-controller"));
    assert_true(str_is(node_get_str(body, STR("reportingComponent")), "kustomize-controller"));
    assert_true(node_get_str(body, STR("reportingInstance")).len > 0);
    assert_true(str_eq(node_get_str(body, STR("firstTimestamp")),
                       node_get_str(body, STR("lastTimestamp"))));
    assert_int_equal(count_of(write), 1);
}

static void what_is_too_long_is_cut(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    buf message = BUF(&a), name = BUF(&a);
    buf_fill(&message, 'm', 1023);
    BUF_ADD(&message, "\xc3\xa4 and more");
    buf_fill(&name, 'n', 253);
    struct event event = {
        .about = {{STR(""), STR("v1"), STR("Namespace")}, STR(""), buf_str(&name)},
        .reason = STR("R"),
        .message = buf_str(&message),
        .warning = true};
    event_send(world->sender, &event);
    const node *write = wait_for_write(world, 1), *body = node_get(write, STR("body"));
    assert_true(str_is(node_get_str(write, STR("line")), "POST /api/v1/namespaces/default/events"));
    assert_int_equal(node_get_str(body, STR("message")).len, 1023);
    assert_int_equal(node_find_str(body, "metadata", "name", NULL).len, 253);
    assert_null(node_find(body, "involvedObject", "namespace", NULL));
    assert_true(str_is(node_get_str(body, STR("type")), "Warning"));
}

static void a_repetition_is_a_count(void **state)
{
    struct world *world = *state;
    be_busy(world);
    event_send(world->sender, &deployment);
    event_send(world->sender, &deployment); /* still waiting: counted before it is sent */
    assert_int_equal(writes_now(world), 0);
    be_idle(world);
    const node *first = wait_for_write(world, 1);
    assert_int_equal(count_of(first), 2);

    advance(world, CLOCK_SECOND);
    event_send(world->sender, &deployment);
    const node *second = wait_for_write(world, 2);
    assert_true(is_patch(second));
    assert_int_equal(count_of(second), 3);
    str name = node_find_str(node_get(first, STR("body")), "metadata", "name", NULL);
    assert_true(str_find(node_get_str(second, STR("line")), name) > 0);

    struct event other = deployment;
    other.message = STR("on its way!");
    event_send(world->sender, &other);
    assert_false(is_patch(wait_for_write(world, 3)));

    advance(world, 601 * CLOCK_SECOND);
    event_send(world->sender, &deployment);
    const node *late = wait_for_write(world, 4);
    assert_false(is_patch(late));
    assert_int_equal(count_of(late), 1);

    world->status_patch = 404; /* the first one is gone by now: tell it anew */
    advance(world, CLOCK_SECOND);
    event_send(world->sender, &deployment);
    assert_true(is_patch(wait_for_write(world, 5)));
    const node *again = wait_for_write(world, 6);
    assert_false(is_patch(again));
    assert_int_equal(count_of(again), 1);
}

static void reports_wait_for_the_work(void **state)
{
    struct world *world = *state;
    be_busy(world);
    event_send(world->sender, &deployment);
    usleep(250000);
    assert_int_equal(writes_now(world), 0);

    struct event urgent = deployment;
    urgent.urgent = true;
    urgent.reason = STR("Drifted");
    event_send(world->sender, &urgent);
    const node *write = wait_for_write(world, 1);
    assert_true(str_is(node_find_str(write, "body", "reason", NULL), "Drifted"));

    advance(world, 3 * CLOCK_SECOND); /* busy or not */
    wait_for_write(world, 2);
    be_idle(world);
}

static void few_are_under_way(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->slow = true;
    struct event event = deployment;
    event.urgent = true;
    for (int i = 0; i < 50; i++) {
        event.message = str_printf(&a, "message %d", i);
        event_send(world->sender, &event);
    }
    wait_for_write(world, 50);
    assert_int_equal(world->under_way_max, 2);
}

static void the_queue_has_a_bound(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    be_busy(world);
    struct event event = deployment;
    for (int i = 0; i < LIMIT_EVENT_QUEUE + 10; i++) {
        event.message = str_printf(&a, "message %d", i);
        event_send(world->sender, &event);
    }
    assert_int_equal(event_dropped(world->sender), 10);
    be_idle(world);
    const node *write = wait_for_write(world, 1); /* the oldest went */
    assert_true(str_is(node_find_str(write, "body", "message", NULL), "message 10") ||
                str_is(node_find_str(write, "body", "message", NULL), "message 11"));
    wait_for_write(world, LIMIT_EVENT_QUEUE);
}

static void what_cannot_be_sent_is_counted(void **state)
{
    struct world *world = *state;
    struct event event = deployment;
    event.urgent = true;
    world->status = 403;
    event_send(world->sender, &event);
    wait_for_write(world, 1);
    advance(world, 10 * CLOCK_SECOND);
    assert_int_equal(writes_now(world), 1);
    assert_int_equal(event_dropped(world->sender), 1);

    world->status = 503;
    event_send(world->sender, &event);
    wait_for_write(world, 2);
    usleep(250000);
    assert_int_equal(writes_now(world), 2); /* not at once */
    advance(world, 3 * CLOCK_SECOND);
    wait_for_write(world, 3);
    advance(world, 3 * CLOCK_SECOND);
    wait_for_write(world, 4);
    advance(world, 10 * CLOCK_SECOND);
    assert_int_equal(writes_now(world), 4);
    assert_int_equal(event_dropped(world->sender), 2);
}

static void the_end_sends_what_waits(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    be_busy(world);
    struct event event = deployment;
    for (int i = 0; i < 100; i++) {
        event.message = str_printf(&a, "message %d", i);
        event_send(world->sender, &event);
    }
    event_sender_free(world->sender);
    world->sender = NULL;
    assert_int_equal(writes_now(world), 100);
    be_idle(world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_has_all_its_fields),
        TEST(what_is_too_long_is_cut),
        TEST(a_repetition_is_a_count),
        TEST(reports_wait_for_the_work),
        TEST(few_are_under_way),
        TEST(the_queue_has_a_bound),
        TEST(what_cannot_be_sent_is_counted),
        TEST(the_end_sends_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
