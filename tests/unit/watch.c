#include "kube/watch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "api_script.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/loop.h"

/* A request that has to come, and what is answered to it. */
struct step {
    const char *expect; /* part of the request line */
    int status;         /* 0: a stream */
    const char *headers;
    const char *pieces[6]; /* of the stream, or the body */
    bool hold;             /* the stream stays open until the test lets it go */
    bool flood;            /* then a line comes that is longer than we read */
};

enum { LOG_BYTES_MAX = 4096 };

struct world {
    struct api_script script;
    struct loop *loop;
    struct kube *kube;
    struct watch *watch;
    const struct step *steps;
    int step_count;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    buf log;   /* callbacks, each with a ';' behind it */
    buf wrong; /* the first request that was not expected */
    int requests, released, open;
    const char *stop_at; /* the callback in which the watch is stopped */
    arena arena;
};

static _Atomic int64_t offset_ns;

static int64_t real_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec + offset_ns;
}

static int64_t now(void)
{
    return real_ns(CLOCK_MONOTONIC);
}

static int64_t wall(void)
{
    return real_ns(CLOCK_REALTIME);
}

static const struct clock_source clock_source = {.now_ns = now, .wall_ns = wall};

/* ---- the server ---- */

static void send_flood(int fd)
{
    arena a AUTO(arena_done) = {0};
    buf line = BUF(&a);
    buf_fill(&line, 'x', LIMIT_WATCH_EVENT_BYTES + 1);
    api_write(fd, buf_str(&line));
}

static void play(struct world *world, int fd, const struct step *step)
{
    if (step->status) {
        api_answer(fd, step->status, step->headers ? step->headers : "", str_of(step->pieces[0]));
        return;
    }
    api_stream(fd);
    for (size_t i = 0; i < COUNT(step->pieces) && step->pieces[i]; i++) {
        api_write(fd, str_of(step->pieces[i]));
        usleep(5000); /* so that they arrive one by one */
    }
    if (step->flood) send_flood(fd);
    pthread_mutex_lock(&world->lock);
    world->open++;
    pthread_cond_broadcast(&world->changed);
    while (step->hold && world->released == 0)
        pthread_cond_wait(&world->changed, &world->lock);
    if (step->hold) world->released--;
    pthread_mutex_unlock(&world->lock);
    shutdown(fd, SHUT_RDWR);
}

static void serve(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    pthread_mutex_lock(&world->lock);
    int place = world->requests++;
    const struct step *step = place < world->step_count ? &world->steps[place] : NULL;
    bool right = step && str_find(request->line, str_of(step->expect)) >= 0;
    if (!right && !world->wrong.len) buf_add(&world->wrong, request->line);
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    if (right)
        play(world, fd, step);
    else
        shutdown(fd, SHUT_RDWR);
}

/* ---- the callbacks ---- */

static void note(struct world *world, const char *what, str name)
{
    pthread_mutex_lock(&world->lock);
    if (world->log.len < LOG_BYTES_MAX)
        buf_printf(&world->log, "%s%s" STR_FMT ";", what, name.len ? " " : "", STR_ARG(name));
    bool stop = world->stop_at && strcmp(world->stop_at, what) == 0;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    if (!stop) return;
    watch_stop(world->watch);
    world->watch = NULL;
}

static void on_begin(void *context)
{
    note(context, "begin", (str){0});
}

static void on_object(void *context, enum watch_change change, const node *object)
{
    assert_true(str_is(node_get_str(object, STR("kind")), "ConfigMap"));
    assert_true(str_is(node_get_str(object, STR("apiVersion")), "v1"));
    note(context, change == WATCH_PUT ? "put" : "gone",
         node_find_str(object, "metadata", "name", NULL));
}

static void on_synced(void *context)
{
    note(context, "synced", (str){0});
}

static void on_trouble(void *context, const err *e)
{
    note(context, "trouble", str_of(e->reason));
}

static const struct watch_events events = {on_begin, on_object, on_synced, on_trouble};

/* ---- a test ---- */

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    *state = world;
    offset_ns = 0;
    clock_replace(&clock_source);
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->changed, NULL);
    world->script = (struct api_script){.handler = serve, .context = world};
    api_start(&world->script);
    world->loop = loop_new();
    loop_start(world->loop);
    struct kubeconfig config = {
        .server = str_printf(&world->arena, "http://127.0.0.1:%d", world->script.port)};
    assert_null(kube_new(world->loop, &config, (struct kube_options){0}, &world->kube));
    return 0;
}

static void start_on_loop(void *context)
{
    struct world *world = context;
    struct watch_options options = {
        .kind = {STR(""), STR("v1"), STR("ConfigMap")},
        .resource = {.plural = STR("configmaps"),
                     .namespaced = true,
                     .can_list = true,
                     .can_watch = true},
        .label_selector = STR("a=b"),
    };
    world->watch = watch_start(world->kube, options, &events, world);
}

static void stop_on_loop(void *context)
{
    struct world *world = context;
    watch_stop(world->watch);
    world->watch = NULL;
}

static int teardown(void **state)
{
    struct world *world = *state;
    loop_call(world->loop, stop_on_loop, world);
    kube_free(world->kube);
    loop_join(world->loop);
    loop_free(world->loop);
    pthread_mutex_lock(&world->lock);
    world->released = 1000;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    api_stop(&world->script);
    clock_replace(NULL);
    buf_done(&world->log);
    buf_done(&world->wrong);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->changed);
    arena_done(&world->arena);
    test_free(world);
    return 0;
}

static void start(struct world *world, const struct step *steps, int count)
{
    world->steps = steps;
    world->step_count = count;
    loop_call(world->loop, start_on_loop, world);
}
#define START(world, steps) start((world), (steps), (int)COUNT(steps))

/* Waits until the log is `log` and the server has seen so many requests; ten real seconds at most.
 */
static void wait_for(struct world *world, const char *log, int requests)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&world->lock);
    while (!str_is(buf_str(&world->log), log) || world->requests < requests)
        if (pthread_cond_timedwait(&world->changed, &world->lock, &until) != 0) break;
    buf_add_char(&world->log, '\0');
    buf_add_char(&world->wrong, '\0');
    char *got = str_z(&world->arena, buf_str(&world->log));
    char *wrong = str_z(&world->arena, buf_str(&world->wrong));
    world->log.len--;
    world->wrong.len--;
    int seen = world->requests;
    pthread_mutex_unlock(&world->lock);
    assert_string_equal(wrong, "");
    assert_string_equal(got, log);
    assert_int_equal(seen, requests);
}

static void wait_open(struct world *world, int open)
{
    pthread_mutex_lock(&world->lock);
    while (world->open < open)
        pthread_cond_wait(&world->changed, &world->lock);
    pthread_mutex_unlock(&world->lock);
}

static void let_go(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    world->released++;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
}

static void nothing(void *context)
{
    (void)context;
}

static void advance(struct world *world, int64_t span_ns)
{
    loop_call(world->loop, nothing, NULL); /* what we waited for has set its timer now */
    offset_ns += span_ns;
    loop_call(world->loop, nothing, NULL); /* wakes the loop, which looks at the clock */
}

#define OBJECT(name, version)                                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define PAGE(version, token, items)                                                                \
    "{\"kind\":\"ConfigMapList\",\"metadata\":{\"resourceVersion\":\"" version                     \
    "\",\"continue\":\"" token "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define GONE_EVENT                                                                                 \
    EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"m\"}")
#define STATUS(reason) "{\"kind\":\"Status\",\"reason\":\"" reason "\",\"message\":\"m\"}"
#define LIST_LINE      "/api/v1/configmaps?labelSelector=a%3Db&limit=500"
#define WATCH_LINE(version)                                                                        \
    "resourceVersion=" version "&watch=true&allowWatchBookmarks=true&timeoutSeconds="

static void pages_then_changes(void **state)
{
    struct world *world = *state;
    static const struct step steps[] = {
        {LIST_LINE, 200, NULL, {PAGE("5", "t=1", OBJECT("a", "1") ",[]," OBJECT("b", "2"))}},
        {LIST_LINE "&continue=t%3D1", 200, NULL, {PAGE("5", "", OBJECT("c", "3"))}},
        {WATCH_LINE("5"),
         0,
         NULL,
         {EVENT("ADDED", OBJECT("d", "6")) "{\"type\":\"MODI",
          "FIED\",\"object\":" OBJECT("a", "7") "}", "\n\nno json\n{\"type\":\"ADDED\"}\n[]\n",
          EVENT("SURPRISE", OBJECT("x", "8")) EVENT("DELETED", OBJECT("b", "9")),
          EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"12\"}}") "{\"type\":\"ADD"},
         .hold = true},
        {WATCH_LINE("12"), 0, NULL, {EVENT("ADDED", OBJECT("e", "13"))}, .hold = true},
    };
    START(world, steps);
#define FIRST "begin;put a;put b;put c;synced;put d;put a;gone b;"
    wait_for(world, FIRST, 3);
    assert_true(watch_is_synced(world->watch));
    wait_open(world, 1);
    usleep(20000); /* the bookmark was the last piece */
    advance(world, 11 * CLOCK_SECOND);
    let_go(
        world); /* the usual end of a watch: it goes on from the bookmark, and nobody hears of it */
    wait_for(world, FIRST "put e;", 4);
}

static void a_break_costs_nothing(void **state)
{
    struct world *world = *state;
    static const struct step steps[] = {
        {LIST_LINE, 200, NULL, {PAGE("5", "", "")}},
        {WATCH_LINE("5"), 0, NULL, {EVENT("ADDED", OBJECT("a", "6")) "{\"ty"}},
        {WATCH_LINE("6"), 0, NULL, {EVENT("ADDED", OBJECT("b", "7"))}, .hold = true},
    };
    START(world, steps);
    wait_for(world, "begin;synced;put a;put b;", 3);
}

static void a_list_that_expires_is_asked_for_in_one(void **state)
{
    struct world *world = *state;
    static const struct step steps[] = {
        {LIST_LINE, 200, NULL, {PAGE("5", "t", OBJECT("a", "1"))}},
        {"&continue=t", 410, NULL, {STATUS("Expired")}},
        {"/api/v1/configmaps?labelSelector=a%3Db",
         200,
         NULL,
         {PAGE("6", "", OBJECT("a", "1") "," OBJECT("b", "1"))}},
        {WATCH_LINE("6"), 0, NULL, {NULL}, .hold = true},
    };
    START(world, steps);
    wait_for(world, "begin;put a;begin;put a;put b;synced;", 4);
}

static void an_old_version_lists_again(void **state)
{
    struct world *world = *state;
    static const struct step steps[] = {
        {LIST_LINE, 200, NULL, {PAGE("5", "", OBJECT("a", "1"))}},
        {WATCH_LINE("5"), 0, NULL, {EVENT("ADDED", OBJECT("b", "6")) GONE_EVENT}},
        {LIST_LINE, 200, NULL, {PAGE("7", "", OBJECT("b", "6"))}},
        {WATCH_LINE("7"), 410, NULL, {STATUS("Expired")}},
        {LIST_LINE, 200, NULL, {PAGE("8", "", OBJECT("b", "6"))}},
        {WATCH_LINE("8"), 0, NULL, {NULL}, .hold = true},
    };
    START(world, steps);
    wait_for(world, "begin;put a;synced;put b;begin;put b;synced;begin;put b;synced;", 6);
}

static void a_line_without_end_lists_again(void **state)
{
    struct world *world = *state;
    static const struct step steps[] = {
        {LIST_LINE, 200, NULL, {PAGE("5", "", "")}},
        {WATCH_LINE("5"), 0, NULL, {NULL}, .flood = true, .hold = true},
        {LIST_LINE, 200, NULL, {PAGE("6", "", "")}},
        {WATCH_LINE("6"), 0, NULL, {NULL}, .hold = true},
    };
    START(world, steps);
    wait_for(world, "begin;synced;begin;synced;", 4);
}

static void trouble_is_told_and_tried_again(void **state)
{
    struct world *world = *state;
    static const struct step steps[] = {
        {LIST_LINE, 403, NULL, {STATUS("Forbidden")}},
        {LIST_LINE, 404, NULL, {"404 page not found"}},
        {LIST_LINE, 429, "Retry-After: 60\r\n", {STATUS("TooManyRequests")}},
        {LIST_LINE, 200, NULL, {"no list"}},
        {LIST_LINE, 200, NULL, {PAGE("5", "", "")}},
        {WATCH_LINE("5"), 403, NULL, {STATUS("Forbidden")}},
        {WATCH_LINE("5"),
         0,
         NULL,
         {EVENT("ERROR", "{\"kind\":\"Status\",\"code\":500,\"reason\":"
                         "\"InternalError\",\"message\":\"m\"}")}},
        {WATCH_LINE("5"), 0, NULL, {EVENT("ADDED", OBJECT("a", "6"))}, .hold = true},
    };
    START(world, steps);
#define BEFORE "begin;trouble Forbidden;begin;trouble NoMatch;begin;trouble TooManyRequests;"
    wait_for(world, "begin;trouble Forbidden;", 1);
    advance(world, CLOCK_SECOND);
    wait_for(world, "begin;trouble Forbidden;begin;trouble NoMatch;", 2);
    advance(world, 2 * CLOCK_SECOND);
    wait_for(world, BEFORE, 3);
    advance(world, 50 * CLOCK_SECOND);
    usleep(100000);
    wait_for(world, BEFORE, 3); /* not before the minute that was asked for */
    advance(world, 11 * CLOCK_SECOND);
    wait_for(world, BEFORE "begin;trouble;", 4);
    advance(world, 31 * CLOCK_SECOND);
    wait_for(world, BEFORE "begin;trouble;begin;synced;trouble Forbidden;", 6);
    advance(world, 46 * CLOCK_SECOND);
    wait_for(world, BEFORE "begin;trouble;begin;synced;trouble Forbidden;trouble InternalError;",
             7);
    advance(world, 46 * CLOCK_SECOND);
    wait_for(world,
             BEFORE "begin;trouble;begin;synced;trouble Forbidden;trouble InternalError;put a;", 8);
}

/* Answers that end at once must not make us ask without pause. */
static void a_server_that_hangs_up_is_left_alone(void **state)
{
    struct world *world = *state;
    static const struct step hang_up = {"configmaps", 0, NULL, {NULL}};
    struct step steps[20] = {{LIST_LINE, 200, NULL, {PAGE("5", "", "")}}};
    for (size_t i = 1; i < COUNT(steps); i++)
        steps[i] = hang_up;
    START(world, steps);
    usleep(1500000);
    pthread_mutex_lock(&world->lock);
    int requests = world->requests;
    pthread_mutex_unlock(&world->lock);
    assert_in_range(requests, 2, 6);
}

static void start_anew(struct world *world, const char *stop_at)
{
    pthread_mutex_lock(&world->lock);
    world->stop_at = stop_at;
    world->requests = 0;
    buf_clear(&world->log);
    pthread_mutex_unlock(&world->lock);
}

static void a_watch_can_be_stopped_anywhere(void **state)
{
    struct world *world = *state;
    static const struct step steps[] = {
        {LIST_LINE, 200, NULL, {PAGE("5", "", OBJECT("a", "1") "," OBJECT("b", "1"))}},
        {WATCH_LINE("5"),
         0,
         NULL,
         {EVENT("DELETED", OBJECT("a", "6")) EVENT("DELETED", OBJECT("b", "7"))},
         .hold = true},
    };
    static const struct {
        const char *stop_at, *log;
        int requests;
    } rows[] = {
        {"begin", "begin;", 0},
        {"put", "begin;put a;", 1},
        {"synced", "begin;put a;put b;synced;", 1},
        {"gone", "begin;put a;put b;synced;gone a;", 2},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        start_anew(world, rows[i].stop_at);
        START(world, steps);
        wait_for(world, rows[i].log, rows[i].requests);
        usleep(50000);
        wait_for(world, rows[i].log, rows[i].requests);
    }
    static const struct step forbidden[] = {{LIST_LINE, 403, NULL, {STATUS("Forbidden")}}};
    start_anew(world, "trouble");
    START(world, forbidden);
    wait_for(world, "begin;trouble Forbidden;", 1);
    watch_stop(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_then_changes),
        TEST(a_break_costs_nothing),
        TEST(a_list_that_expires_is_asked_for_in_one),
        TEST(an_old_version_lists_again),
        TEST(a_line_without_end_lists_again),
        TEST(trouble_is_told_and_tried_again),
        TEST(a_server_that_hangs_up_is_left_alone),
        TEST(a_watch_can_be_stopped_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
